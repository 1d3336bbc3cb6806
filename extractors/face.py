"""What a face is, and what every face detector promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

LANDMARK_NAMES = (
    "right_eye",
    "left_eye",
    "nose_tip",
    "right_mouth_corner",
    "left_mouth_corner",
)
"""Order of the five landmarks. Right and left are the subject's own, so the right eye is on the viewer's left."""


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face found in one image.

    Attributes:
        box: float32 (4,): x, y, width, height in pixels of the image; may reach over its border.
        landmarks: float32 (5, 2): x, y in pixels of the image, in the order of `LANDMARK_NAMES`.
        confidence: the detector's own score, higher is surer; only comparable within one detector.
    """

    box: np.ndarray
    landmarks: np.ndarray
    confidence: float

    def scaled(self, factor: np.ndarray) -> Face:
        """Give the same face in pixels of another copy of the image.

        Args:
            factor: (2,), width and height of that copy by those of this one.
        """
        box = (self.box * np.tile(factor, 2)).astype(np.float32)
        return Face(box, (self.landmarks * factor).astype(np.float32), self.confidence)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (x, y, width, height)."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    both = float(a[2] * a[3] + b[2] * b[3]) - shared
    return shared / both if both > 0 else 0.0


class FaceDetector(Protocol):
    """Finds faces in images. A detector is built once and used for any number of batches.

    Attributes:
        name: by which it is created.
        detection_side: images with a longer side than this, in pixels, are shrunk to it first; see
            `extractors.shrink.shrink_to_side`, by which a caller who needs small pictures too does so but once.
    """

    name: str
    detection_side: int

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Face]]:
        """Find the faces of each image.

        Args:
            images: RGB uint8 arrays of shape (height, width, 3); sizes may differ within the batch.

        Returns:
            For each image its faces, largest first; an empty list where there is none.
        """
        ...


@runtime_checkable
class FollowingDetector(FaceDetector, Protocol):
    """A detector that finds faces again for less than a search costs, where it is roughly known where they are."""

    def follow(self, images: Sequence[np.ndarray], expected: Sequence[Sequence[Face]]) -> list[list[Face]]:
        """Find faces near where they are expected, and others as far as that costs much less than `detect`.

        Args:
            images: as for `detect`.
            expected: for each image its faces as they are expected to be.

        Returns:
            As from `detect`; an expected face that is not there is not among them.
        """
        ...
