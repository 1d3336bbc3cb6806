"""`facewitness compare`: several models on the same split, in one table and one figure."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.extras import MissingLibraryError, require_training_libraries
from pipeline.cli.keras_loading import load_keras
from pipeline.cli.logs import set_up_logging
from pipeline.cli.train import (
    add_data_options,
    add_training_options,
    load_samples,
    train_folder,
    training_config,
)

if TYPE_CHECKING:
    from classifiers import ModelSpec
    from classifiers.datasets import Sample
    from classifiers.evaluation.compare import Contender
    from classifiers.training.config import TrainingConfig

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
    from classifiers import ModelError
    from classifiers.datasets.leakage import check_usable
    from classifiers.datasets.selection import choose_split
    from classifiers.errors import ClassifierError
    from extractors.align import LANDMARK_TEMPLATE

    set_up_logging(options.debug, "classifiers")
    try:
        # Everything that can be wrong is looked at before hours are spent on training.
        if options.bootstrap < 0:
            raise ValueError(f"--bootstrap takes a number of resamples, not {options.bootstrap}")
        loaded = _models(options)
        require_training_libraries()
        configs = [training_config(options, architecture=name) for name in _architectures(options)]
        from classifiers.training.checks import check_config

        for config in configs:
            check_config(config, LANDMARK_TEMPLATE)
        samples = load_samples(options, trains=bool(configs))
        test = choose_split(samples, "test", "test")
        check_usable(test)
        specs = [_train(config, samples, options) for config in configs]
        contenders = _measure([*specs, *loaded], test, options)
        _write(contenders, options)
    except (ClassifierError, ModelError, MissingLibraryError, ValueError) as error:
        print(f"facewitness compare: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"facewitness compare: {error}; the same command goes on from here", file=sys.stderr)
        return 1
    return 0


def _architectures(options: argparse.Namespace) -> list[str]:
    from classifiers.architectures import ARCHITECTURES
    from classifiers.datasets import DataError

    names = sorted(ARCHITECTURES) if options.architectures == "all" else (options.architectures or "").split(",")
    names = list(dict.fromkeys(name for name in names if name))
    for name in names:
        if name not in ARCHITECTURES:
            raise DataError(f"no architecture is called {name!r}; there are {', '.join(sorted(ARCHITECTURES))}")
    if not names and not options.model:
        raise DataError("nothing to compare: name architectures to train with --architectures, or models with --model")
    return names


def _models(options: argparse.Namespace) -> list[ModelSpec]:
    from classifiers import find_model

    return [find_model(name) for name in options.model]


def _train(config: TrainingConfig, samples: list[Sample], options: argparse.Namespace) -> ModelSpec:
    load_keras()
    import keras

    # The graphs of the last network would else stay in memory.
    keras.utils.clear_session()
    return train_folder(config, samples, options.output / config.architecture)


def _measure(specs: Sequence[ModelSpec], test: Sequence[Sample], options: argparse.Namespace) -> list[Contender]:
    from functools import partial

    import numpy as np

    from classifiers import create_engine
    from classifiers.datasets import PictureReader
    from classifiers.evaluation.compare import contender
    from classifiers.evaluation.evaluation import evaluate
    from classifiers.evaluation.scored import scored
    from classifiers.stored_network import load_network
    from extractors.align import CropGeometry, align_face
    from pipeline.cli.labelled_data import predict_crops

    contenders = []
    for number, spec in enumerate(specs):
        name = spec.name if [s.name for s in specs].count(spec.name) == 1 else f"{spec.name} {number + 1}"
        engine = create_engine("auto", spec)
        align = partial(align_face, geometry=CropGeometry.of_model(spec))
        predictions = predict_crops(engine, spec, test, options, title=f"measuring {name}")
        scores = [spec.calibration.scores(*row) for row in predictions.logits.tolist()]
        # Stills and frames of clips count alike.
        evaluation = evaluate(
            name, spec, engine.name, [scored("frame", predictions.samples, scores)], draws=options.bootstrap
        )
        sample = predictions.samples[0]
        crop = align(PictureReader().read(sample), sample.landmarks)
        network = load_network(spec)
        contenders.append(
            contender(evaluation, engine, network.count_params(), np.stack([crop] * 64), options.bootstrap)
        )
    return contenders


def _write(contenders: Sequence[Contender], options: argparse.Namespace) -> None:
    from classifiers.evaluation.compare import to_csv, to_table, write_figure, write_page
    from pipeline.version import __version__

    folder = options.output
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "compare.csv").write_text(to_csv(contenders), encoding="utf-8")
    write_figure(contenders, folder / "compare.png")
    about = f"Test split of {options.dataset}, facewitness {__version__}"
    write_page(contenders, folder / "compare.png", about, folder / "compare.html")
    print(to_table(contenders))
    print(f"\n* best. The comparison is in {folder}")
