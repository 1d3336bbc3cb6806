"""What a network is trained on, one step at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from classifiers.datasets import GENERATED_FAMILIES, Sample

BATCHES_VERSION = 1
"""Of what the recipes put into a batch. Batches that are kept on disk are used again only by the same version: raise it
with every change of what is in one, be it of blends, degradations, augmentation, sampling or the order of random
choices. A test compares batches with those of this version."""

NO_HINTS: Mapping[str, int] = {}

UNKNOWN = -1.0
"""Target of an output that a sample says nothing about: it takes no part in the loss."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Crops and what a network should say of them.

    Attributes:
        crops: uint8 (batch, size, size, 3) RGB.
        logits: float32 (batch, 2), targets 0 to 1 of manipulated and generated, or `UNKNOWN`.
        masks: float32 (batch, cells, cells), forged share of each cell of the last feature map, or `UNKNOWN`.
        weights: float32 (batch,), how much each crop counts.
        teacher: float32 (batch, features), what a teacher sees in each crop; None without one.
        hints: by layer, float32 (batch, height, width, channels), what the teacher sees where the layer's cells are.
    """

    crops: npt.NDArray[np.uint8]
    logits: npt.NDArray[np.float32]
    masks: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    teacher: npt.NDArray[np.float32] | None = None
    hints: Mapping[str, npt.NDArray[np.float32]] | None = None

    def targets(self) -> dict[str, npt.NDArray[np.float32]]:
        """Give the targets by the output of the network that learns them."""
        known = {"logits": self.logits, "mask": self.masks}
        if self.teacher is not None:
            known["teacher"] = self.teacher
        return known | {hint_output(layer): hint for layer, hint in (self.hints or {}).items()}


class BatchSource(Protocol):
    """Makes the batches of a training run; its seed and the number of the batch alone decide what is in one.

    Attributes:
        teacher_features: how many features of a teacher the batches hold.
        hint_channels: by layer, how many channels the hints for it have.
    """

    teacher_features: int
    hint_channels: Mapping[str, int]

    def batch(self, number: int) -> Batch:
        """Make batch `number`; called from several threads at once."""
        ...


def hint_output(layer: str) -> str:
    """Name the output that learns the hints for a layer."""
    return f"hint_{layer}"


def targets(sample: Sample) -> tuple[float, float]:
    """Say what the two outputs should be for a whole face of a data set, or `UNKNOWN`.

    Whether a generated face is also a manipulated one is a matter of words, so a forgery trains the output of its own
    kind only.
    """
    if not sample.fake:
        return 0.0, 0.0
    return (UNKNOWN, 1.0) if sample.family in GENERATED_FAMILIES else (1.0, UNKNOWN)
