"""Pictures with faces at known places."""

from __future__ import annotations

import cv2
import numpy as np
from skimage import data

from extractors import Face

# A square with one face, and where in it, in units of its side, the centre of that face is.
PORTRAIT = data.astronaut()[:300, 75:375]
FACE_CENTRE = np.array([0.49, 0.41])
FACE_WIDTH = 0.29


def scene(height: int, width: int, *portraits: tuple[int, int, int]) -> np.ndarray:
    """A picture of cups with portraits pasted in, each given by its left and top edge and side in pixels."""
    image = cv2.resize(data.coffee(), (width, height))
    for left, top, side in portraits:
        portrait = cv2.resize(PORTRAIT, (side, side), interpolation=cv2.INTER_AREA)
        x, y = max(left, 0), max(top, 0)
        visible = portrait[y - top : height - top, x - left : width - left]
        image[y : y + visible.shape[0], x : x + visible.shape[1]] = visible
    return image


def assert_is_face(face: Face, left: int, top: int, side: int) -> None:
    """Compare a face with the portrait that was pasted in."""
    centre = face.box[:2] + face.box[2:] / 2
    np.testing.assert_allclose(centre, [left, top] + FACE_CENTRE * side, atol=0.07 * side)
    assert 0.8 < face.box[2] / (FACE_WIDTH * side) < 1.4
