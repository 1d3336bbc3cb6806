"""`facewitness train`: face crops in, a calibrated model that scans out."""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.training.config import TrainingConfig
from pipeline.cli.extras import MissingLibraryError, require_training_libraries
from pipeline.cli.keras_loading import load_keras
from pipeline.cli.logs import set_up_logging

if TYPE_CHECKING:
    import keras

    from classifiers import ModelSpec
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
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file of settings; options replace its values")
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


def training_config(options: argparse.Namespace, **changes: object) -> TrainingConfig:
    """Put the settings together: defaults, then the YAML file, then options, then `changes`.

    Raises:
        DataError: a setting that makes no sense.
    """
    given = {item.name: getattr(options, item.name, None) for item in fields(TrainingConfig)}
    given = {name: value for name, value in given.items() if value is not None} | changes
    return TrainingConfig.from_yaml(options.config, given) if options.config else TrainingConfig(**given)


def load_samples(options: argparse.Namespace, *, trains: bool = True) -> list[Sample]:
    """Read a data set, split it if it has no splits, tell what leaks, and leave out what cannot be read.

    Raises:
        DataError: the data set cannot be used.
    """
    from classifiers.datasets import DataError, PictureReader, open_dataset
    from classifiers.datasets.leakage import find_leaks
    from classifiers.datasets.splitting import SPLITS, split_by_group
    from classifiers.training.checks import check_trainable

    samples = split_by_group(open_dataset(Path(options.dataset), options.layout), by=tuple(options.split_by.split(",")))
    if trains:
        check_trainable(samples)
    for split in SPLITS:
        fakes = [sample.fake for sample in samples if sample.split == split]
        print(f"{split:<6} {len(fakes) - sum(fakes):>7} real {sum(fakes):>7} fake")
    leaks = find_leaks(samples, PictureReader())
    for sentence in leaks.sentences():
        print(sentence)
    unreadable = {item.name for item in leaks.unreadable}
    if len(unreadable) > options.max_unreadable * len(samples):
        raise DataError(
            f"{len(unreadable)} of {len(samples)} pictures cannot be read, more than --max-unreadable "
            f"{options.max_unreadable:g} allows"
        )
    return [sample for sample in samples if sample.name not in unreadable]


def run(options: argparse.Namespace) -> int:
    """Train, and say where the model is and how good it was on the validation split."""
    from classifiers import ModelError
    from classifiers.errors import ClassifierError

    set_up_logging(options.debug, "classifiers")
    folder = Path(options.output)
    try:
        require_training_libraries()
        config = training_config(options)
        spec = train_folder(config, load_samples(options), folder)
    except (ClassifierError, ModelError, MissingLibraryError) as error:
        print(f"facewitness train: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"facewitness train: {error}; the same command goes on from the last epoch", file=sys.stderr)
        return 1
    with (folder / "epochs.csv").open(encoding="utf-8", newline="") as file:
        best = max(csv.DictReader(file), key=lambda row: float(row["selection"]))
    print(f"best epoch {int(best['epoch']) + 1}: selection {float(best['selection']):.3f} on the validation split")
    print(f"{float(best['waiting']):.0%} of its training time went into waiting for data")
    print(f"{spec.thresholds.operating_point}\n\nUse it with --model {folder / 'manifest.json'}")
    return 0


def train_folder(config: TrainingConfig, samples: list[Sample], folder: Path) -> ModelSpec:
    """Train on samples with a progress bar; the crop is the one that scanning cuts."""
    load_keras()
    from classifiers.training.run import train_model
    from extractors.align import LANDMARK_TEMPLATE, aligner

    return train_model(config, samples, aligner, LANDMARK_TEMPLATE, folder, [_progress_bar(config)])


def _progress_bar(config: TrainingConfig) -> keras.callbacks.Callback:
    import keras
    from tqdm import tqdm

    class Bar(keras.callbacks.Callback):
        """One bar over all steps, which shows the figures of the last epoch."""

        def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
            total = config.head_steps + config.steps
            # disable=None: no bar where standard error is not a terminal.
            self.bar = tqdm(total=total, unit="step", desc=config.architecture, disable=None, leave=False)

        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self.bar.update(epoch * config.steps_per_epoch - self.bar.n)

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            self.bar.update()
            self.bar.set_postfix(logs or {}, refresh=False)

        def on_train_end(self, logs: dict[str, float] | None = None) -> None:
            self.bar.close()

    return Bar()
