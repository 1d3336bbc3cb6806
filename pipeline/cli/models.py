"""`facewitness models`: which classifiers there are."""

from __future__ import annotations

import argparse


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "models", help="list the classifiers", description="List the classifiers and whether they are trained."
    )
    parser.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print one line for each classifier, the default one first."""
    from classifiers import shipped_models
    from classifiers.architectures import ARCHITECTURES
    from classifiers.model_spec import FAST

    shipped = shipped_models()
    for position, model in enumerate(shipped.values()):
        marks = (", default" if position == 0 else "") + (", also called fast" if model.name == FAST else "")
        print(
            f"{model.name:<22} {model.crop_size} px  weights {model.sha256[:12]}{marks}\n"
            f"{'':<22} {model.thresholds.operating_point}\n"
            f"{'':<22} card: {model.folder / model.card}"
        )
        if not model.heat_maps:
            print(f"{'':<22} no heat maps: they would not show what was altered")
        if model.agreement:
            print(f"{'':<22} int8: scores {model.agreement.score_difference} from those in f32 on average")
    for name in sorted(set(ARCHITECTURES) - {model.architecture for model in shipped.values()}):
        print(f"{name:<22} no trained weights in this release")
    return 0
