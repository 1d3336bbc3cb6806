"""What a network is trained on, one step at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from classifiers.datasets import GENERATED_FAMILIES, Sample

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
    """

    crops: np.ndarray
    logits: np.ndarray
    masks: np.ndarray
    weights: np.ndarray
    teacher: np.ndarray | None = None

    def targets(self) -> dict[str, np.ndarray]:
        """Give the targets by the output of the network that learns them."""
        known = {"logits": self.logits, "mask": self.masks}
        return known if self.teacher is None else {**known, "teacher": self.teacher}


class BatchSource(Protocol):
    """Makes the batches of a training run; its seed and the number of the batch alone decide what is in one.

    Attributes:
        teacher_features: how many features of a teacher the batches hold.
    """

    teacher_features: int

    def batch(self, number: int) -> Batch:
        """Make batch `number`; called from several threads at once."""
        ...


def targets(sample: Sample) -> tuple[float, float]:
    """Say what the two outputs should be for a whole face of a data set, or `UNKNOWN`.

    Whether a generator that drew a face also altered one is a matter of words, so a forgery trains the output of its
    own kind only.
    """
    if not sample.fake:
        return 0.0, 0.0
    return (UNKNOWN, 1.0) if sample.family in GENERATED_FAMILIES else (1.0, UNKNOWN)
