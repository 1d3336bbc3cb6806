"""What a face in an image is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    confidence: float

    def scaled(self, factor: NDArray[np.float64]) -> Face:
        """Give the same face in pixels of another copy of the image.

        Args:
            factor: (2,), width and height of that copy by those of this one.
        """
        box = (self.box * np.tile(factor, 2)).astype(np.float32)
        return Face(box, (self.landmarks * factor).astype(np.float32), self.confidence)

    def turned(self, quarters: int, size: tuple[int, int]) -> Face:
        """Give the same face in the image as it is when it has been turned.

        Args:
            quarters: of a turn, clockwise; less than 0 the other way round.
            size: width and height of the image before, in pixels.
        """
        box, landmarks, (width, height) = self.box, self.landmarks, size
        for _ in range(quarters % 4):
            # A landmark is counted from the centre of the first pixel, a box from its edge.
            box = np.array([height - box[1] - box[3], box[0], box[3], box[2]], np.float32)
            landmarks = np.stack([height - 1 - landmarks[:, 1], landmarks[:, 0]], axis=1)
            width, height = height, width
        return Face(box, landmarks, self.confidence)


def largest_first(faces: Iterable[Face]) -> list[Face]:
    """Sort faces by the area of their boxes, largest first."""
    return sorted(faces, key=lambda face: float(face.box[2] * face.box[3]), reverse=True)


def overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Intersection over union of two boxes (x, y, width, height); 0 to 1."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    both = float(a[2] * a[3] + b[2] * b[3]) - shared
    return shared / both if both > 0 else 0.0
