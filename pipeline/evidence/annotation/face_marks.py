"""Boxes around faces, each with a plate: the person's number, and what it scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.evidence.annotation.ink import COLOURS, INK, WORDS, fill, ink_on, overlap, print_words, stencil

_SMALLEST_TEXT = 10


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """One face in one picture.

    Attributes:
        person: number of the track.
        band: one of `COLOURS`.
        box: x, y, width, height in pixels; may reach over the border.
        score: 0 to 1, 1 = fake.
    """

    person: int
    band: str
    box: npt.NDArray[np.float64]
    score: float

    @property
    def judged(self) -> bool:
        """Whether there is enough of the person to count."""
        return self.band != "not_judged"


class FaceMarks:
    """Marks faces on pictures of one size.

    Args:
        size: width and height in pixels.
        bottom: rows of pixels along the lower edge that plates keep out of.

    Attributes:
        text: height of letters in pixels.
        line: width of lines in pixels.
    """

    def __init__(self, size: tuple[int, int], bottom: int = 0) -> None:
        self._width, self._height = size
        self._bottom = bottom
        self.text, self.line = text_size(size), line_width(size)

    def draw(
        self, picture: npt.NDArray[np.uint8], marks: Sequence[Mark], taken: Sequence[tuple[int, int, int, int]] = ()
    ) -> None:
        """Draw on a picture.

        Args:
            picture: RGB uint8 (height, width, 3), which is drawn on.
            marks: the faces.
            taken: left, top, right and bottom of areas that plates are to keep out of.
        """
        # The most suspicious last, on top of the others.
        marks = sorted(marks, key=lambda mark: (mark.judged, mark.score))
        for mark in marks:
            self._draw_box(picture, mark)
        areas = list(taken)
        for mark in reversed(marks):
            areas.append(self._draw_plate(picture, mark, areas))

    def _draw_box(self, picture: npt.NDArray[np.uint8], mark: Mark) -> None:
        left, top, right, bottom = self._corners(mark)
        colour, line = COLOURS[mark.band], self.line
        # A dark seam keeps the colour readable on any ground.
        cv2.rectangle(picture, (left, top), (right, bottom), INK, line + 2)
        cv2.rectangle(picture, (left, top), (right, bottom), colour, line)
        reach = max(3, round(0.18 * min(right - left, bottom - top)))
        for x, y, dx, dy in ((left, top, 1, 1), (right, top, -1, 1), (left, bottom, 1, -1), (right, bottom, -1, -1)):
            for end in ((x + dx * reach, y), (x, y + dy * reach)):
                cv2.line(picture, (x, y), end, colour, 2 * line - 1)

    def _corners(self, mark: Mark) -> tuple[int, int, int, int]:
        """Give left, top, right and bottom within bounds that OpenCV can draw to."""
        x, y, width, height = mark.box
        reach = 4 * max(self._width, self._height)
        left, top, right, bottom = np.rint(np.clip((x, y, x + width, y + height), -reach, reach)).astype(int).tolist()
        return left, top, right, bottom

    def _draw_plate(
        self, picture: npt.NDArray[np.uint8], mark: Mark, taken: Sequence[tuple[int, int, int, int]]
    ) -> tuple[int, int, int, int]:
        band = mark.band
        words = f"{mark.person}  {mark.score:.2f} {WORDS[band]}" if mark.judged else f"{mark.person}  {WORDS[band]}"
        letters = stencil(words, self.text)
        if letters.shape[1] > 0.6 * self._width:
            letters = stencil(f"{mark.person}  {mark.score:.2f}" if mark.judged else f"{mark.person}", self.text)
        pad = round(0.35 * self.text)
        height, width = letters.shape[0] + 2 * pad, letters.shape[1] + 3 * pad
        left, top, _, bottom = self._corners(mark)
        edge = self.line + 1
        left = min(max(left - edge, 0), max(self._width - width, 0))
        places = [top - edge - height, bottom + edge, top + edge, bottom - edge - height]
        areas = [(left, y, left + width, y + height) for y in places]
        inside = [area for area in areas if area[1] >= 0 and area[3] <= self._height - self._bottom]
        free = [area for area in inside if not any(overlap(area, other) for other in taken)]
        area = (free or inside or [(left, 0, left + width, height)])[0]
        ground = COLOURS[band]
        fill(picture, area, ground, 1.0)
        print_words(picture, letters, (area[0] + round(1.5 * pad), area[1] + pad), ink_on(ground))
        return area


def text_size(size: tuple[int, int]) -> int:
    """Give the height of letters, in pixels, for pictures of a width and height."""
    return max(_SMALLEST_TEXT, round(6 + 0.02 * min(size)))


def line_width(size: tuple[int, int]) -> int:
    """Give the width of lines, in pixels: odd, so that lines of two widths have one middle."""
    return 2 * max(1, round(min(size) / 500)) + 1
