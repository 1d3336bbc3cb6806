"""From the settings of a run to its batches and to the figures that choose its best epoch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.architectures import hinted_layers
from classifiers.datasets import AlignFace, PictureReader, Sample
from classifiers.errors import SettingsError
from classifiers.training.batch import BATCHES_VERSION, BatchSource
from classifiers.training.blended_batches import BlendedBatches, Mixture
from classifiers.training.checks import crop_size
from classifiers.training.config import TrainingConfig
from classifiers.training.kept_batches import KeptBatches
from classifiers.training.labelled_batches import LabelledBatches
from classifiers.training.resynthesis import FaceGenerators
from classifiers.training.taught_batches import HintedBatches, ShrunkBatches, SoftenedBatches, TaughtBatches, Teacher
from classifiers.training.twin_batches import TwinBatches, shared_twins
from classifiers.training.validation import BlendedValidation, LabelledValidation, Predict

if TYPE_CHECKING:
    import keras

AlignTo = Callable[[int, int], AlignFace]
"""Gives, for the side of a crop in pixels and the one at which it is cut before it is averaged down, what cuts it."""

_TAUGHT_CELLS = 14
_DECIDES_BATCHES = ("recipe", "batch_size", "twins", "balance", "augment", "teacher_share", "seed")


def training_batches(
    config: TrainingConfig,
    samples: Sequence[Sample],
    reader: PictureReader,
    align_to: AlignTo,
    teacher: Teacher | None,
    classifier: keras.Model,
) -> BatchSource:
    """Give what makes the batches: new ones or kept ones, with or without a teacher and its hints.

    Args:
        config: the settings.
        samples: the training samples.
        reader: reads the pictures.
        align_to: gives what cuts the crops.
        teacher: the model whose features are learnt too, or None.
        classifier: the network that learns; its maps say how many cells the masks have.

    Raises:
        DataError: the samples lack what the recipe needs.
        SettingsError: the settings do not fit the samples or the teacher.
        OutputError: batches cannot be kept where they should.
    """
    size, cells = crop_size(config), _cells(classifier, "features")
    # One set of kept batches serves networks of any number of cells that a teacher teaches.
    made_size, made_cells = (teacher.size, max(_TAUGHT_CELLS, cells)) if teacher else (size, cells)
    batches = _new_batches(config, samples, reader, align_to(made_size, made_size), made_cells)
    if teacher:
        batches = TaughtBatches(batches, teacher)
        if config.teacher_share:
            batches = SoftenedBatches(batches, teacher, config.teacher_share)
    if config.batch_folder:
        facts: dict[str, object] = {
            "version": BATCHES_VERSION,
            **{name: getattr(config, name) for name in _DECIDES_BATCHES},
            "size": made_size,
            "cells": made_cells,
            "teacher": teacher.sha256 if teacher else "",
            "samples": _samples_digest(samples),
            "generators": _generators_digest(config),
        }
        batches = KeptBatches(batches, Path(config.batch_folder), config.kept_batches, facts, config.seed)
    if teacher and config.hint_weight:
        layers = hinted_layers(config.architecture)
        all_cells = {name: _cells(classifier, name) for name in layers}
        batches = HintedBatches(batches, teacher, layers, all_cells, size)
    return ShrunkBatches(batches, size, cells) if teacher else batches


def validation_figures(
    config: TrainingConfig, samples: Sequence[Sample], reader: PictureReader, align: AlignFace
) -> Callable[[Predict], dict[str, float]]:
    """Give what computes the held-out figures of a network; the one called "selection" chooses the best epoch.

    Args:
        config: the settings.
        samples: the validation samples.
        reader: reads the pictures.
        align: cuts the crop that the network takes.

    Raises:
        DataError: the samples lack a class.
        SettingsError: there are no face generators where the settings say.
    """
    if config.recipe == "self_blending":
        return BlendedValidation(reader, samples, align, _face_generators(config, "validation")).figures
    return LabelledValidation(reader, samples, align).figures


def _new_batches(
    config: TrainingConfig, samples: Sequence[Sample], reader: PictureReader, align: AlignFace, cells: int
) -> BatchSource:
    if config.recipe == "self_blending":
        mixture = Mixture.of(samples, config.batch_size - 2 * config.twins)
        generators = _face_generators(config, "training")
        blended = BlendedBatches(reader, samples, align, mixture, cells, config.seed, generators, config.augment)
        if not config.twins:
            return blended
        twins = shared_twins(samples, config.twins)
        return TwinBatches(blended, reader, samples, align, twins, config.seed, config.augment)
    size, seed = config.batch_size, config.seed
    return LabelledBatches(reader, samples, align, size, cells, seed, config.balance, config.augment)


def _face_generators(config: TrainingConfig, purpose: str) -> FaceGenerators | None:
    """Load the generators for "training" or, with other decoders, for "validation"."""
    if not config.generators:
        return None
    try:
        return FaceGenerators(Path(config.generators, purpose))
    except FileNotFoundError as error:
        raise SettingsError(
            f"{error}; scripts/train_generators.py and scripts/gather_enlargers.py make some"
        ) from error


def _cells(classifier: keras.Model, layer: str) -> int:
    """Count the cells along a side of a layer's map."""
    return int(classifier.get_layer(layer).output.shape[1])


def _samples_digest(samples: Sequence[Sample]) -> str:
    """Sum up all that batches take from samples, since other runs may use the batches too."""
    digest, sizes = hashlib.sha256(), {path: path.stat().st_size for path in {s.path for s in samples}}
    for s in samples:
        words = (
            sizes[s.path],
            s.path.parent.name,
            s.name,
            s.member,
            s.clip,
            s.source,
            s.origin,
            s.person,
            s.family,
            s.scene,
        )
        digest.update(f"{words}{s.fake}{s.known_landmarks.tolist()}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _generators_digest(config: TrainingConfig) -> str:
    if not config.generators:
        return ""
    files = sorted(Path(config.generators, "training").glob("*.bin"))
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()
