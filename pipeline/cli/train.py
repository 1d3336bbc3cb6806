"""`facewitness train`: face crops in, a calibrated model that scans out."""

from __future__ import annotations

import argparse
import textwrap
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classifiers.training.config import TrainingConfig, presets
from pipeline.cli.keras_loading import load_keras
from pipeline.cli.logs import set_up_logging
from pipeline.cli.progress_bar import TrainingBar

if TYPE_CHECKING:
    from classifiers.datasets import Sample

_DESCRIPTION = """\
Train a classifier on a data set of face crops, calibrate it on the validation split, and leave a folder whose
manifest.json every other command takes as --model.

DATASET is a folder or an index file; videos and uncut pictures go through `facewitness faces` first. Where the data
set has no splits of its own, it is split so that no clip, person or source is on two sides. The same command goes on
with a run that was interrupted and ends with the same weights as if it had not been."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "train",
        help="train a classifier on face crops",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", metavar="DATASET", help="data set of face crops")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder of the run")
    add_data_options(parser)
    settings = parser.add_mutually_exclusive_group()
    settings.add_argument(
        "--preset",
        action=_Preset,
        metavar="NAME",
        help="settings for a known task, whose values options replace; 'list' describes them all and ends",
    )
    settings.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML file of settings; options replace its values"
    )
    add_training_options(parser)
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")
    parser.set_defaults(run=run)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what a data set is and how it is split."""
    parser.add_argument("--layout", default="auto", metavar="NAME", help="how the data set is laid out (auto)")
    parser.add_argument(
        "--split-by",
        default="clip,person,source",
        metavar="NAMES",
        help="what two splits may never share, where the data set has no splits: clip,person,source",
    )
    parser.add_argument(
        "--max-unreadable",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="give up if more are damaged (0.01)",
    )


def add_training_options(parser: argparse.ArgumentParser, leave_out: tuple[str, ...] = ()) -> None:
    """Add an option for each setting of a training run; one that is not given has the value None."""
    group = parser.add_argument_group("settings of the training")
    for setting in fields(TrainingConfig):
        if setting.name not in leave_out:
            group.add_argument(
                f"--{setting.name.replace('_', '-')}",
                type=type(setting.default),
                choices=setting.metadata["choices"],
                metavar=None if setting.metadata["choices"] else type(setting.default).__name__.upper(),
                help=f"{setting.metadata['help']} ({setting.default})",
            )


def training_config(options: argparse.Namespace) -> TrainingConfig:
    """Put the settings together: defaults, then the preset or the YAML file, then options.

    Raises:
        SettingsError: a setting that makes no sense.
    """
    given = {item.name: getattr(options, item.name, None) for item in fields(TrainingConfig)}
    changes = {name: value for name, value in given.items() if value is not None}
    return TrainingConfig.load(options.config, changes, getattr(options, "preset", None))


class _Preset(argparse.Action):
    """Keeps the name of a preset; lists all of them for "list", which needs no data set."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: object) -> None:
        if values == "list":
            for name, description in presets().items():
                print(textwrap.fill(f"{name:<26} {description}", 110, subsequent_indent=" " * 27))
            parser.exit()
        setattr(namespace, self.dest, values)


def load_samples(options: argparse.Namespace, *, trains: bool = True) -> list[Sample]:
    """Read a data set, split it if it has no splits, tell what leaks, and leave out what cannot be read.

    Raises:
        DataError: the data set cannot be used.
    """
    from pipeline.workbench.training import open_training_data

    data = open_training_data(
        options.dataset, layout=options.layout, split_by=options.split_by.split(","), trains=trains
    )
    for split, (reals, fakes) in data.counts().items():
        print(f"{split:<6} {reals:>7} real {fakes:>7} fake")
    for sentence in data.leaks.sentences():
        print(sentence)
    return data.readable(options.max_unreadable)


def run(options: argparse.Namespace) -> int:
    """Train, and say where the model is and how good it was on the validation split."""
    from classifiers.errors import OutputError
    from pipeline.workbench.extras import require_training_libraries
    from pipeline.workbench.training import train_on

    set_up_logging(options.debug, "classifiers")
    try:
        require_training_libraries()
        config = training_config(options)
        samples = load_samples(options)
        load_keras()
        with TrainingBar() as training_bar:
            trained = train_on(samples, config, Path(options.output), training_bar)
    except OSError as error:
        raise OutputError(f"{error}; the same command goes on from the last epoch") from error
    print(f"best epoch {trained.best_epoch}: selection {trained.selection:.3f} on the validation split")
    print(f"{trained.waiting:.0%} of its training time went into waiting for data")
    print(f"{trained.spec.thresholds.operating_point}\n\nUse it with --model {trained.manifest}")
    return 0
