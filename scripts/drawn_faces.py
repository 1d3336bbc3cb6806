"""Draws small data sets of real and fake faces out of one photograph in the public domain."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from skimage import data

_PORTRAIT = data.astronaut()[:300, 80:380]


def face(number: int, *, fake: bool, side: int = 160) -> npt.NDArray[np.uint8]:
    """Draw one of many faces that differ in light, colour and place; a fake one has a smoothed middle.

    Returns:
        RGB uint8 (side, side, 3).
    """
    rng = np.random.default_rng((number, fake))
    left, top = rng.integers(0, 30, 2)
    picture = _PORTRAIT[top : top + 270, left : left + 270]
    picture = np.clip(picture * rng.uniform(0.7, 1.2, 3), 0, 255).astype(np.uint8)
    if fake:
        middle = picture[60:190, 70:200]
        picture[60:190, 70:200] = cv2.GaussianBlur(middle, (0, 0), 2)
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)


def write_faces(folder: Path, *, fake: bool, numbers: range) -> None:
    """Write faces as `NUMBER.jpg` into a new folder."""
    folder.mkdir(parents=True)
    for number in numbers:
        cv2.imwrite(str(folder / f"{number:04}.jpg"), face(number, fake=fake)[..., ::-1])
