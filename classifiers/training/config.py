"""Everything that decides what a training run does, as one record that is saved with its result."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

from classifiers.architectures import ARCHITECTURES, find_architecture
from classifiers.errors import SettingsError

RECIPES = ("labelled", "self_blending")
"""Learn the labels of the data set; or the seams of blends that are made from its real faces, beside its fakes."""

BALANCES = ("none", "weights", "sampling", "undersample")
"""What is done about classes of unequal size: nothing; the rarer counts more; each fills half of every batch; or the
larger loses as many as it has too many."""

SETTINGS = "settings.yaml"
"""File name of the configuration, in the folder of a run."""

PRECISIONS = ("float32", "mixed_bfloat16")


def _option(default: object, text: str, choices: tuple[str, ...] | None = None) -> Any:
    return field(default=default, metadata={"help": text, "choices": choices})


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Settings of a training run.

    Raises:
        SettingsError: a value that makes no sense.
    """

    architecture: str = _option("mobilenet_v2", "network to train", tuple(sorted(ARCHITECTURES)))
    input_size: int = _option(0, "side of the crop in pixels; 0 for the architecture's usual one")
    start: str = _option("random", "first weights: random, imagenet, a model's (a name or a manifest), or a file")
    recipe: str = _option("labelled", "what to learn: the labels, or self-blended faces beside them", RECIPES)
    generators: str = _option("", "folder of face generators that resynthesise faces for self_blending; none if empty")
    twins: int = _option(0, "pairs in a batch that are a real face and a swap of one scene (self_blending)")
    teacher: str = _option("", "model whose features are learnt too: a name or a manifest; none if empty")
    teacher_weight: float = _option(1.0, "weight of the loss of these features")
    hint_weight: float = _option(0.0, "weight of the loss of its hints (vgg16, inception_resnet_v2); none if 0")
    teacher_share: float = _option(0.0, "its share in the targets, 0 to 1; above 0 all of those without a label")
    batch_folder: str = _option("", "folder in which batches are kept, for this run and others; none are if empty")
    kept_batches: int = _option(0, "how many batches are kept there, and gone through again and again")
    steps: int = _option(3000, "optimiser steps in all, after those of the head")
    steps_per_epoch: int = _option(200, "steps from one validation and checkpoint to the next")
    batch_size: int = _option(32, "crops in a step")
    head_steps: int = _option(0, "steps of a first phase in which only the head learns")
    head_learning_rate: float = _option(1e-3, "peak learning rate of that phase")
    learning_rate: float = _option(3e-4, "peak learning rate of the cosine schedule")
    depth_decay: float = _option(1.0, "rate of each block of a transformer, as a share of that of the block after it")
    warmup_steps: int = _option(100, "steps of linear rise before it")
    weight_decay: float = _option(0.02, "of AdamW")
    ema_momentum: float = _option(0.997, "of the running mean of the weights, which is what is validated and kept")
    label_smoothing: float = _option(0.03, "keeps targets this far from 0 and 1")
    mask_weight: float = _option(0.5, "weight of the loss of the forged region, where it is known")
    balance: str = _option("sampling", "what to do about classes of unequal size", BALANCES)
    augment: float = _option(1.0, "strength of the augmentation, 0 to 1")
    precision: str = _option("float32", "number format of the arithmetic", PRECISIONS)
    patience: int = _option(0, "stop after so many epochs without a better one; 0: never")
    seed: int = _option(1, "of every random choice")
    loaders: int = _option(2, "threads that make batches")

    def __post_init__(self) -> None:
        for item in fields(self):
            value, choices = getattr(self, item.name), item.metadata["choices"]
            if isinstance(item.default, float) and type(value) in (int, str):
                # YAML takes 1e-3 for a text.
                with contextlib.suppress(ValueError):
                    value = float(value)
                    object.__setattr__(self, item.name, value)
            if type(value) is not type(item.default):
                raise SettingsError(f"{item.name} must be of type {type(item.default).__name__}, not {value!r}")
            if choices and value not in choices:
                raise SettingsError(f"{item.name} must be one of {', '.join(choices)}, not {value!r}")
            if isinstance(value, (int, float)) and not 0 <= value < math.inf:
                raise SettingsError(f"{item.name} must be a number from 0 up, but is {value}")
        for name in ("steps", "steps_per_epoch", "batch_size", "loaders"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be at least 1")
        if self.steps % self.steps_per_epoch or self.head_steps % self.steps_per_epoch:
            raise SettingsError(
                f"steps ({self.steps}) and head_steps ({self.head_steps}) must be multiples of steps_per_epoch "
                f"({self.steps_per_epoch}): a run is checked and saved after every epoch"
            )
        if (self.hint_weight or self.teacher_share) and not self.teacher:
            raise SettingsError("hint_weight and teacher_share need a teacher")
        if self.depth_decay < 1 and not find_architecture(self.architecture).blocks:
            raise SettingsError(f"{self.architecture} has no blocks of one kind; leave depth_decay at 1")
        if bool(self.batch_folder) != bool(self.kept_batches):
            raise SettingsError(
                "batch_folder says where batches are kept and kept_batches how many: give both or neither"
            )
        if self.ema_momentum >= 1 or self.label_smoothing >= 0.5:
            raise SettingsError("ema_momentum must be below 1, and label_smoothing below 0.5")
        for name in ("augment", "teacher_share", "depth_decay"):
            if getattr(self, name) > 1:
                raise SettingsError(f"{name} must lie between 0 and 1, but is {getattr(self, name)}")

    @classmethod
    def from_yaml(cls, path: Path, changes: dict[str, object] | None = None) -> TrainingConfig:
        """Read a configuration, of which `changes` replace some values.

        Raises:
            SettingsError: the file cannot be read, is no mapping, or has keys or values that make no sense.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"cannot read the configuration {path}: {' '.join(str(error).split())}") from error
        return cls._from_values(_mapping(text, f"the configuration {path}"), f"the configuration {path}", changes)

    @classmethod
    def from_preset(cls, name: str, changes: dict[str, object] | None = None) -> TrainingConfig:
        """Take one of `presets`, of which `changes` replace some values.

        Raises:
            SettingsError: there is no such preset, or a change makes no sense.
        """
        if name not in presets():
            raise SettingsError(f"no preset is called {name!r}; choose from: {', '.join(presets())}")
        return cls._from_values(_preset(name)[1], f"the preset {name}", changes)

    @classmethod
    def _from_values(cls, values: Mapping[str, Any], origin: str, changes: dict[str, object] | None) -> TrainingConfig:
        unknown = sorted(str(name) for name in set(values) - {item.name for item in fields(cls)})
        if unknown:
            raise SettingsError(f"{origin} has unknown settings: {', '.join(unknown)}")
        return cls(**{**values, **(changes or {})})

    @classmethod
    def load(
        cls, path: Path | None = None, changes: dict[str, object] | None = None, preset: str | None = None
    ) -> TrainingConfig:
        """Put settings together: the defaults, then those of a preset or a YAML file if there is one, then `changes`.

        Raises:
            SettingsError: the file cannot be read, there is no such preset, or a setting makes no sense.
        """
        if path is not None:
            return cls.from_yaml(path, changes)
        if preset is not None:
            return cls.from_preset(preset, changes)
        values: dict[str, Any] = dict(changes or {})
        return cls(**values)

    def difference(self, other: TrainingConfig) -> str:
        """Name the settings in which two runs differ in what comes out of them, for people to read."""
        names = [item.name for item in fields(self) if item.name not in ("loaders", "batch_folder")]
        pairs = ((name, getattr(self, name), getattr(other, name)) for name in names)
        return ", ".join(f"{name} {mine}, not {theirs}" for name, mine, theirs in pairs if mine != theirs)

    def to_yaml(self) -> str:
        """Write this so that `from_yaml` reads it."""
        import yaml

        return yaml.safe_dump(asdict(self), sort_keys=False)


def presets() -> dict[str, str]:
    """Describe the presets, settings for known tasks: the name of each and what it is for, in one line."""
    folder = resources.files(__package__).joinpath("presets")
    names = sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return {name: _preset(name)[0] for name in names}


def _preset(name: str) -> tuple[str, dict[str, Any]]:
    """Read what a preset is for, and its settings."""
    text = resources.files(__package__).joinpath(f"presets/{name}.yaml").read_text(encoding="utf-8")
    values = _mapping(text, f"the preset {name}")
    return values.pop("description"), values


def _mapping(text: str, origin: str) -> dict[str, Any]:
    import yaml

    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"cannot read {origin}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{origin} must be a mapping of names to values")
    return values
