"""Ways to change the size of pixels, by the names that `classifiers.crop_box` and `classifiers.crop_align` have."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_OPENCV = {"linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC}
# Pillow averages over as many pixels as become one, which OpenCV's filters of these names do not.
_PILLOW = {"antialiased_linear": "BILINEAR", "antialiased_cubic": "BICUBIC"}


def resize(image: NDArray[Any], width: int, height: int, way: str) -> NDArray[np.uint8]:
    """Stretch an image.

    Args:
        image: uint8 (height, width, channels).
        width: the new one in pixels.
        height: the new one in pixels.
        way: one of `classifiers.interpolation.INTERPOLATIONS`.

    Returns:
        uint8 (height, width, channels).
    """
    if way in _OPENCV:
        return np.asarray(cv2.resize(image, (width, height), interpolation=_OPENCV[way]))
    from PIL import Image

    found = Image.fromarray(np.ascontiguousarray(image)).resize((width, height), Image.Resampling[_PILLOW[way]])
    return np.asarray(found)
