"""Whether samples and settings can be trained on, told before hours are spent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from classifiers.architectures import checked_size, hinted_layers
from classifiers.datasets import DataError, Sample
from classifiers.datasets.leakage import check_usable
from classifiers.errors import SettingsError
from classifiers.model_spec import ModelError, ModelSpec, find_model, shipped_names
from classifiers.training.config import TrainingConfig
from classifiers.training.taught_batches import Teacher

Template = tuple[tuple[float, float], ...]
"""Where the five landmarks lie in a crop, x and y in units of its side."""


def check_trainable(samples: Sequence[Sample]) -> None:
    """Make sure that samples can be trained on.

    Raises:
        DataError: a split or a class is missing, or a face cannot be aligned.
    """
    check_usable(samples, ("train", "val"))
    for sample in samples:
        if sample.landmarks is None:
            raise DataError(
                f"{sample.name} has no landmarks, so its face cannot be aligned as in scanning: make face crops with "
                "`facewitness faces` and train on these"
            )
        if np.ptp(sample.landmarks, axis=0).max() < 1:
            raise DataError(f"the five landmarks of {sample.name} lie in one point; leave it out or find them anew")


def check_config(config: TrainingConfig, template: Template) -> None:
    """Make sure that what a configuration names exists and fits together.

    Args:
        config: the settings.
        template: of the crops that are trained on.

    Raises:
        SettingsError: the crop is too small, there is no such teacher or first model, or it does not fit the
            architecture.
    """
    crop_size(config)
    load_teacher(config, template)
    starting_model(config)


def crop_size(config: TrainingConfig) -> int:
    """Side of the crop in pixels that a configuration asks for.

    Raises:
        SettingsError: the architecture takes larger ones.
    """
    try:
        return checked_size(config.architecture, config.input_size or None)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def starting_model(config: TrainingConfig) -> ModelSpec | None:
    """Find the model that training begins from; None if it begins from something else.

    Raises:
        SettingsError: there is no such model, or it is of another architecture.
    """
    if config.start not in shipped_names() and not config.start.endswith(".json"):
        return None
    try:
        model = find_model(config.start)
    except ModelError as error:
        raise SettingsError(str(error)) from error
    if model.architecture != config.architecture:
        raise SettingsError(f"{config.architecture} cannot start from {config.start}, which is a {model.architecture}")
    return model


def load_teacher(config: TrainingConfig, template: Template) -> Teacher | None:
    """Load the model whose features are learnt too; None if a configuration names none.

    Raises:
        SettingsError: there is no such model, it cannot teach, or it takes other crops than those that are trained on.
    """
    if not config.teacher:
        return None
    if config.hint_weight and not hinted_layers(config.architecture):
        raise SettingsError(f"{config.architecture} has no layers that learn from hints; leave hint_weight at 0")
    try:
        teacher = Teacher(find_model(config.teacher), config.loaders)
    except ModelError as error:
        raise SettingsError(str(error)) from error
    if teacher.template != template:
        raise SettingsError(f"the teacher {config.teacher} takes other crops than those that are trained on")
    if teacher.size < (size := crop_size(config)):
        raise SettingsError(
            f"the teacher {config.teacher} takes crops of {teacher.size} pixels, fewer than the {size} of "
            f"{config.architecture}; take input_size {teacher.size}"
        )
    return teacher
