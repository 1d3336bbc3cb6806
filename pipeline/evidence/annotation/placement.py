"""Where frames of any size lie in a copy of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

MAX_SIDE = 3840
"""Larger videos are scaled down, because browsers do not play H.264 beyond 4K."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where frames of one size lie in the copy.

    Attributes:
        size: width and height of the frames.
        left: pixels of the copy beside them.
        top: pixels of the copy above them.
        width: pixels of the copy that they take.
        height: pixels of the copy that they take.
    """

    size: tuple[int, int]
    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(cls, size: tuple[int, int], usual: tuple[int, int], copy: tuple[int, int]) -> Placement:
        """Let frames of the usual size fill the copy, and others lie in its middle, as large as they fit."""
        if size == usual:
            return cls(size, 0, 0, *copy)
        scale = min(copy[0] / size[0], copy[1] / size[1])
        width, height = (max(1, min(round(side * scale), most)) for side, most in zip(size, copy, strict=True))
        return cls(size, (copy[0] - width) // 2, (copy[1] - height) // 2, width, height)

    def box(self, box: Sequence[float]) -> npt.NDArray[np.float64]:
        """Give a box of the frame in pixels of the copy."""
        scale = np.array([self.width / self.size[0], self.height / self.size[1]])
        return np.array(box, np.float64) * [*scale, *scale] + [self.left, self.top, 0, 0]

    def picture(self, image: npt.NDArray[np.uint8], copy: tuple[int, int]) -> npt.NDArray[np.uint8]:
        """Lay a frame on black, RGB uint8 of the size of the copy."""
        fitted = _fitted(image, self.width, self.height)
        if (self.width, self.height) == copy:
            return fitted
        whole = np.zeros((copy[1], copy[0], 3), np.uint8)
        whole[self.top : self.top + self.height, self.left : self.left + self.width] = fitted
        return whole


def playable_size(width: int, height: int) -> tuple[int, int]:
    """Give the largest even size within what browsers play."""
    shrink = min(1.0, MAX_SIDE / max(width, height))
    return max(2, int(width * shrink) // 2 * 2), max(2, int(height * shrink) // 2 * 2)


def _fitted(picture: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    """Bring a picture to a size; an odd row or column is left out, since scaling would blur all of it."""
    if 0 <= picture.shape[0] - height <= 1 and 0 <= picture.shape[1] - width <= 1:
        return picture[:height, :width]
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
