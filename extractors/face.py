"""What a face is, and what every face detector promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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


class FaceDetector(Protocol):
    """Finds faces in images. A detector is built once and used for any number of batches."""

    name: str

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Face]]:
        """Find the faces of each image.

        Args:
            images: RGB uint8 arrays of shape (height, width, 3); sizes may differ within the batch.

        Returns:
            For each image its faces, largest first; an empty list where there is none.
        """
        ...
