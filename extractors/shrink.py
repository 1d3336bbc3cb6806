"""Shrinks images to the size at which faces are searched."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def shrink_to_side(image: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Shrink an image so that its longer side is at most `side` pixels.

    Args:
        image: RGB uint8 array of shape (height, width, 3).
        side: the bound in pixels. A smaller image keeps its size.

    Returns:
        The image, C-contiguous, and its scale: float64 (2,), new size by old size along x and y.

    Raises:
        ValueError: if the image is not of that shape and type, or empty.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"An image must be uint8 (height, width, 3), not {image.dtype} {image.shape}.")
    image = np.ascontiguousarray(image)
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image, np.ones(2)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    shrunk = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.uint8), np.array(size) / (width, height)
