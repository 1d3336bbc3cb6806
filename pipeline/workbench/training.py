"""Face crops in, a calibrated model that scans out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers import ModelSpec
from classifiers.datasets import PictureReader, Sample, open_dataset
from classifiers.datasets.leakage import LeakReport, find_leaks, without_unreadable
from classifiers.datasets.splitting import ATTRIBUTES, SPLITS, split_by_group
from classifiers.model_spec import MANIFEST
from classifiers.training.checks import check_trainable
from classifiers.training.config import TrainingConfig
from classifiers.training.journal import best_epoch, read_journal
from extractors.align import LANDMARK_TEMPLATE, aligner
from pipeline.workbench.extras import require_training_libraries

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True)
class TrainingData:
    """A data set of face crops with splits.

    Attributes:
        samples: all of them, also those that cannot be read.
        leaks: what the splits share, and what cannot be read.
    """

    samples: list[Sample]
    leaks: LeakReport

    def counts(self) -> dict[str, tuple[int, int]]:
        """Count the real and the fake samples of each split."""
        fakes = {split: [s.fake for s in self.samples if s.split == split] for split in SPLITS}
        return {split: (len(found) - sum(found), sum(found)) for split, found in fakes.items()}

    def readable(self, max_unreadable: float) -> list[Sample]:
        """Leave out what cannot be read.

        Raises:
            DataError: it is more than this share of the samples.
        """
        return without_unreadable(self.samples, self.leaks, max_unreadable)


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """How far a training run has come.

    Attributes:
        architecture: of the network.
        step: number of steps that are done.
        steps: number of steps in all.
        losses: by name, means over the epoch so far.
    """

    architecture: str
    step: int
    steps: int
    losses: dict[str, float]


OnStep = Callable[[TrainingStep], None]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel:
    """What a training run left.

    Attributes:
        spec: the model, calibrated on the validation split.
        manifest: by which scanning and every other function find the model.
        best_epoch: number of the epoch that was kept, from 1 up.
        selection: figure of merit of this epoch on the validation split.
        waiting: share of its time for which the trainer waited for data.
    """

    spec: ModelSpec
    manifest: Path
    best_epoch: int
    selection: float
    waiting: float


def train(
    dataset: str | Path,
    output: str | Path,
    *,
    config: TrainingConfig | None = None,
    layout: str = "auto",
    split_by: Sequence[str] = ATTRIBUTES,
    max_unreadable: float = 0.01,
    on_step: OnStep | None = None,
) -> TrainedModel:
    """Train a classifier on face crops, and calibrate it, as `facewitness train` does.

    The same call goes on with a run that was interrupted, and ends with the same weights as if it had not been.

    Example:
        >>> from pipeline import workbench
        >>> config = workbench.TrainingConfig(
        ...     architecture="mesonet", input_size=32, steps=2, steps_per_epoch=1, batch_size=4, warmup_steps=1
        ... )
        >>> trained = workbench.train("faces", "run", config=config, split_by=("clip",))
        >>> trained.spec.crop_size
        32
        >>> trained.manifest.name
        'manifest.json'

    Args:
        dataset: folder or index file of a data set of face crops with landmarks, see `pipeline.workbench.cut_faces`.
        output: folder of the run.
        config: how to train; None for the defaults. `TrainingConfig.load` reads a YAML file.
        layout: one of `classifiers.datasets.LAYOUTS`, or "auto".
        split_by: what two splits may never share, where the data set has no splits.
        max_unreadable: share of the pictures that may be unreadable; these are left out.
        on_step: told of every step.

    Returns:
        The trained model, which is on disk.

    Raises:
        DataError: the data set cannot be trained on.
        SettingsError: the settings do not fit each other, the data, or the run that the folder holds.
        OutputError: batches cannot be kept where they should.
        DivergedError: the loss is not a number any more.
        MissingLibraryError: a library that training needs is not installed.
        OSError: the folder cannot be written to.
    """
    require_training_libraries()
    data = open_training_data(dataset, layout=layout, split_by=split_by)
    return train_on(data.readable(max_unreadable), config or TrainingConfig(), Path(output), on_step)


def open_training_data(
    dataset: str | Path, *, layout: str = "auto", split_by: Sequence[str] = ATTRIBUTES, trains: bool = True
) -> TrainingData:
    """Read a data set, split it if it has no splits, and look for what leaks and what cannot be read.

    Args:
        dataset: folder or index file.
        layout: one of `classifiers.datasets.LAYOUTS`, or "auto".
        split_by: what two splits may never share.
        trains: whether it will be trained on, and so must have all that training needs.

    Raises:
        DataError: the data set cannot be used.
        SettingsError: there is no such layout or attribute.
    """
    samples = split_by_group(open_dataset(Path(dataset), layout), by=tuple(split_by))
    if trains:
        check_trainable(samples)
    return TrainingData(samples, find_leaks(samples, PictureReader()))


def train_on(
    samples: Sequence[Sample], config: TrainingConfig, folder: Path, on_step: OnStep | None = None
) -> TrainedModel:
    """Train on samples that have been read; see `train`. The crop is the one that scanning cuts."""
    from classifiers.training.run import train_model

    callbacks = [_telling(config, on_step)] if on_step else []
    spec = train_model(config, samples, aligner, LANDMARK_TEMPLATE, folder, callbacks)
    best = best_epoch(read_journal(folder))
    return TrainedModel(
        spec=spec,
        manifest=folder / MANIFEST.name,
        best_epoch=int(best["epoch"]) + 1,
        selection=best["selection"],
        waiting=best["waiting"],
    )


def _telling(config: TrainingConfig, on_step: OnStep) -> keras.callbacks.Callback:
    import keras

    class Telling(keras.callbacks.Callback):
        """Tells of every step, counted over both phases and all epochs."""

        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self._step = epoch * config.steps_per_epoch

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            self._step += 1
            on_step(TrainingStep(config.architecture, self._step, config.head_steps + config.steps, dict(logs or {})))

    return Telling()
