"""Colours and letters of annotated pictures."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

RGB = tuple[int, int, int]

COLOURS: dict[str, RGB] = {
    "likely_fake": (213, 94, 0),
    "inconclusive": (240, 200, 60),
    "likely_real": (0, 114, 178),
    "not_judged": (125, 132, 142),
}
"""Colour of each band, told apart with any colour vision; the words stand beside them."""

WORDS = {
    "likely_fake": "likely fake",
    "inconclusive": "inconclusive",
    "likely_real": "likely real",
    "not_judged": "not judged",
    "no_face": "no face found",
    "insufficient_evidence": "too little evidence",
}

INK: RGB = (24, 28, 33)
PAPER: RGB = (255, 255, 255)
PALE: RGB = (205, 210, 216)
_FINER = 4


@lru_cache(maxsize=512)
def stencil(words: str, size: int) -> npt.NDArray[np.float32]:
    """Print words: float32 (height, width), 0 to 1. The height is that of a capital letter and a little more."""
    # Pillow's own font, so that nothing depends on what is installed. Printed large, because letters of few pixels
    # would be moved to whole ones, and words run into each other.
    font = _font(size * _FINER)
    width = max(1, round(font.getlength(words) / _FINER))
    image = Image.new("L", (width * _FINER, size * _FINER))
    ImageDraw.Draw(image).text((0, 0.8 * size * _FINER), words, fill=255, font=font, anchor="ls")
    return np.asarray(image.resize((width, size), Image.Resampling.BOX), np.float32) / np.float32(255)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def print_words(
    picture: npt.NDArray[np.uint8], stencil: npt.NDArray[np.float32], place: tuple[int, int], colour: RGB
) -> None:
    """Print words with their upper left corner at x, y; what lies outside is cut off."""
    x, y = place
    part = picture[max(y, 0) : y + stencil.shape[0], max(x, 0) : x + stencil.shape[1]]
    share = stencil[max(-y, 0) :, max(-x, 0) :][: part.shape[0], : part.shape[1], None]
    part[:] = np.rint(part + share * (np.asarray(colour, np.float32) - part)).astype(np.uint8)


def fill(picture: npt.NDArray[np.uint8], area: tuple[int, int, int, int], colour: RGB, cover: float) -> None:
    """Lay a colour over an area: left, top, right, bottom. What shows through is `1 - cover`, of 0 to 1."""
    left, top, right, bottom = area
    part = picture[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    part[:] = np.rint(part + cover * (np.asarray(colour, np.float32) - part)).astype(np.uint8)


def overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    """Tell whether two areas, each left, top, right, bottom, have a pixel in common."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def ink_on(ground: RGB) -> RGB:
    """Choose black or white, whichever reads better."""
    red, green, blue = ground
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 150 else PAPER
