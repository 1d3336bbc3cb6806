"""`facewitness compare`: several models on the same split, in one table and one figure."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pipeline.cli.keras_loading import load_keras
from pipeline.cli.logs import set_up_logging
from pipeline.cli.progress_bar import TrainingBar, bar
from pipeline.cli.train import add_data_options, add_training_options, load_samples, training_config

_DESCRIPTION = """\
Train several architectures on the same splits of a data set of face crops, or take trained models, measure all on the
test split and say which is best.

DIR gets a folder for each trained model, and compare.csv, compare.png and compare.html. The same command goes on with
a comparison that was interrupted."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "compare",
        help="train or load several models and compare them",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", metavar="DATASET", help="data set of face crops")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the comparison")
    parser.add_argument("--architectures", metavar="NAMES", help="architectures to train, such as cnn,xception; or all")
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="NAME|FILE",
        help="a trained model; may be given again",
    )
    parser.add_argument("--bootstrap", type=int, default=1000, metavar="N", help="resamples for the intervals (1000)")
    add_data_options(parser)
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file of settings; options replace its values")
    add_training_options(parser, leave_out=("architecture",))
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train what is to be trained, measure all and write the comparison."""
    from classifiers.errors import OutputError
    from classifiers.evaluation.compare import to_table
    from pipeline.workbench.checks import check_draws
    from pipeline.workbench.comparison import about, compare_models, plan_comparison

    set_up_logging(options.debug, "classifiers")
    try:
        check_draws(options.bootstrap)
        plan = plan_comparison(_architectures(options.architectures), options.model, training_config(options))
        samples = load_samples(options, trains=bool(plan.configs))
        load_keras()
        with TrainingBar() as training_bar:
            comparison = compare_models(
                plan,
                samples,
                options.output,
                about=about(options.dataset),
                max_unreadable=options.max_unreadable,
                bootstrap=options.bootstrap,
                on_step=training_bar,
                progress=bar,
            )
    except OSError as error:
        raise OutputError(f"{error}; the same command goes on from here") from error
    print(to_table(comparison.contenders))
    print(f"\n* best. The comparison is in {options.output}")
    return 0


def _architectures(names: str | None) -> Sequence[str] | Literal["all"]:
    return "all" if names == "all" else [name for name in (names or "").split(",") if name]
