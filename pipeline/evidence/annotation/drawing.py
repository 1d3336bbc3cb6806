"""How an annotated picture looks.

Every face has a box with a plate: the person's number, and what this face scores at this moment. A header says the
verdict of the whole file, and below it that of the moment. A strip along the lower edge shows the whole video at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pipeline.results.coverage import Coverage, Span
from pipeline.results.parts import Label
from pipeline.results.verdict import Verdict

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

_INK: RGB = (24, 28, 33)
_PAPER: RGB = (255, 255, 255)
_PALE: RGB = (205, 210, 216)
_SMALLEST_TEXT = 10
_GLASS = 0.72
_FINER = 4
_STRIPE = 6


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """One face in one picture.

    Attributes:
        person: number of the track.
        judged: whether there is enough of it to count.
        box: x, y, width, height in pixels; may reach over the border.
        score: 0 to 1, 1 = fake.
    """

    person: int
    judged: bool
    box: npt.NDArray[np.float64]
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """What is to be said about one picture."""

    time_s: float
    marks: Sequence[Mark]


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """When one person was seen, in pieces: start and end in seconds, score."""

    judged: bool
    pieces: Sequence[tuple[float, float, float]]


class Canvas:
    """Draws on pictures of one size.

    Args:
        size: width and height in pixels.
        verdict: on the file.
        boxes: float (n, 4), x, y, width, height of all faces of the file; the header keeps out of their way.
        lanes: when who was seen.
        span_s: first and last moment of the video; None, for an image, draws no strip and no time.
    """

    def __init__(
        self,
        size: tuple[int, int],
        verdict: Verdict,
        boxes: npt.NDArray[np.float64],
        lanes: Sequence[Lane] = (),
        span_s: tuple[float, float] | None = None,
    ) -> None:
        self._width, self._height = size
        self._label_of = verdict.label_of
        short = min(size)
        self._text = max(_SMALLEST_TEXT, round(6 + 0.02 * short))
        # Odd, so that lines of two widths have one middle.
        self._line = 2 * max(1, round(short / 500)) + 1
        self._strip: _Strip | None = None
        if span_s and span_s[1] > span_s[0]:
            height = min(max(4, round(0.5 * self._text)), self._height)
            half = max(1, self._line // 2)
            self._strip = _Strip((self._width, height), half, span_s, lanes, verdict.coverage, self._label_of)
        self._coverage = verdict.coverage
        self._header = self._placed_header(verdict, boxes)

    def draw(self, picture: npt.NDArray[np.uint8], annotation: Annotation) -> npt.NDArray[np.uint8]:
        """Draw on a copy of a picture.

        Args:
            picture: RGB uint8 (height, width, 3).
            annotation: what to draw.
        """
        drawn = picture.copy()
        # The most suspicious last, on top of the others.
        marks = sorted(annotation.marks, key=lambda mark: (mark.judged, mark.score))
        for mark in marks:
            self._draw_box(drawn, mark)
        taken = [self._header.area]
        for mark in reversed(marks):
            taken.append(self._draw_plate(drawn, mark, taken))
        self._draw_header(drawn, annotation)
        if self._strip is not None:
            self._strip.draw(drawn, annotation.time_s)
        return drawn

    def _band(self, mark: Mark) -> str:
        return self._label_of(mark.score) if mark.judged else "not_judged"

    def _draw_box(self, picture: npt.NDArray[np.uint8], mark: Mark) -> None:
        left, top, right, bottom = self._corners(mark)
        colour, line = COLOURS[self._band(mark)], self._line
        # A dark seam keeps the colour readable on any ground.
        cv2.rectangle(picture, (left, top), (right, bottom), _INK, line + 2)
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
        band = self._band(mark)
        words = f"{mark.person}  {mark.score:.2f} {WORDS[band]}" if mark.judged else f"{mark.person}  {WORDS[band]}"
        stencil = _stencil(words, self._text)
        if stencil.shape[1] > 0.6 * self._width:
            stencil = _stencil(f"{mark.person}  {mark.score:.2f}" if mark.judged else f"{mark.person}", self._text)
        pad = round(0.35 * self._text)
        height, width = stencil.shape[0] + 2 * pad, stencil.shape[1] + 3 * pad
        left, top, _, bottom = self._corners(mark)
        edge = self._line + 1
        left = min(max(left - edge, 0), max(self._width - width, 0))
        places = [top - edge - height, bottom + edge, top + edge, bottom - edge - height]
        areas = [(left, y, left + width, y + height) for y in places]
        inside = [area for area in areas if area[1] >= 0 and area[3] <= self._height - self._strip_height()]
        free = [area for area in inside if not any(_overlap(area, other) for other in taken)]
        area = (free or inside or [(left, 0, left + width, height)])[0]
        fill = COLOURS[band]
        _fill(picture, area, fill, 1.0)
        _print(picture, stencil, (area[0] + round(1.5 * pad), area[1] + pad), _ink_on(fill))
        return area

    def _placed_header(self, verdict: Verdict, boxes: npt.NDArray[np.float64]) -> _Header:
        """Lay the header out, in the corner where it hides least of the faces."""
        band = verdict.label or "not_judged"
        score = "" if verdict.score is None else f"{verdict.score:.2f}"
        name = WORDS[verdict.label or verdict.status]
        size = round(1.2 * self._text)
        bar, pad, margin = max(3, size // 3), round(0.5 * size), round(0.6 * size)
        # What does not fit is left out; the strip and the colours still tell.
        end_s = self._strip.end_s if self._strip and self._width >= 26 * self._text else None
        words = next(w for w in (f"{name}  {score}".rstrip(), score, "") if len(w) * 0.6 * size < 0.8 * self._width)
        width, height = _stencil(words, size).shape[1], size
        if end_s is not None:
            now = max((f"{_clock(end_s)}  now 0.00 {WORDS[name]}" for name in COLOURS), key=len)
            width = max(width, _stencil(now, self._text).shape[1])
            height += round(1.5 * self._text)
        width, height = width + bar + 3 * pad, height + round(2.4 * pad)
        right, bottom = self._width - margin - width, self._height - margin - height - self._strip_height()
        areas = [(x, y, x + width, y + height) for y in (margin, bottom) for x in (margin, right)]
        left, top = boxes[:, 0], boxes[:, 1] - 2 * self._text  # with the plate above
        corners = np.column_stack([left, top, left + boxes[:, 2], boxes[:, 1] + boxes[:, 3]])
        area = min(areas, key=lambda area: _hidden(corners, area))
        return _Header(band, words, size, area, bar, pad, end_s is not None)

    def _draw_header(self, picture: npt.NDArray[np.uint8], annotation: Annotation) -> None:
        header = self._header
        left, top, _, bottom = header.area
        _fill(picture, header.area, _INK, _GLASS)
        _fill(picture, (left, top, left + header.bar, bottom), COLOURS[header.band], 1.0)
        x, y = left + header.bar + header.pad, top + header.pad
        _print(picture, _stencil(header.words, header.size), (x, y), _PAPER)
        if header.timed:
            y += header.size + round(0.5 * self._text)
            words = f"{_clock(annotation.time_s)}  {self._now(annotation)}"
            _print(picture, _stencil(words, self._text), (x, y), _PALE)

    def _now(self, annotation: Annotation) -> str:
        """Say the verdict of the moment, which is that of the most suspicious face."""
        scores = [mark.score for mark in annotation.marks if mark.judged]
        if scores:
            return f"now {max(scores):.2f} {WORDS[self._label_of(max(scores))]}"
        if annotation.marks:
            return WORDS["not_judged"]
        is_readable = self._coverage is None or self._coverage.is_readable(annotation.time_s)
        return "no face" if is_readable else "not readable"

    def _strip_height(self) -> int:
        return self._strip.height if self._strip else 0


class _Strip:
    """The time of the video from left to right, along the lower edge: at each moment the most suspicious person.

    Args:
        size: width and height in pixels.
        half: half the width in pixels of the mark that shows where the video is.
        span_s: first and last moment of the video.
        lanes: when who was seen.
        coverage: what could not be read, which is striped.
        label_of: gives the band of a score.
    """

    def __init__(
        self,
        size: tuple[int, int],
        half: int,
        span_s: tuple[float, float],
        lanes: Sequence[Lane],
        coverage: Coverage | None,
        label_of: Callable[[float], Label],
    ) -> None:
        self._width, self.height = size
        self._half = half
        self._start_s, self.end_s = span_s
        self._painted = self._paint(lanes, coverage.not_readable if coverage else (), label_of)

    def draw(self, picture: npt.NDArray[np.uint8], time_s: float) -> None:
        """Show it, what is yet to come fainter, and where the video is."""
        place = picture[-self.height :]
        now = self._column(time_s)
        faint = cv2.addWeighted(place, 0.5, self._painted, 0.5, 0)
        place[:, :now], place[:, now:] = self._painted[:, :now], faint[:, now:]
        place[:, max(now - self._half, 0) : now + self._half] = _PAPER

    def _paint(
        self, lanes: Sequence[Lane], unreadable: Sequence[Span], label_of: Callable[[float], Label]
    ) -> npt.NDArray[np.uint8]:
        worst = np.full(self._width, -1.0)
        for lane in sorted(lanes, key=lambda lane: lane.judged):
            for start_s, end_s, score in lane.pieces:
                first, last = self._column(start_s), self._column(end_s)
                part = slice(first, max(last, first + 1))
                # 2 is added to what is judged, so that it covers what is not.
                worst[part] = np.maximum(worst[part], score + (2 if lane.judged else 0))
        painted = np.empty((self.height, self._width, 3), np.uint8)
        painted[:] = _INK
        for start_s, end_s in unreadable:
            columns = np.arange(self._column(start_s), self._column(end_s) + 1)
            painted[:, columns[columns % _STRIPE < _STRIPE // 2]] = _PALE
        for column, score in enumerate(worst.tolist()):
            if score >= 0:
                painted[1:, column] = COLOURS[label_of(score - 2) if score >= 2 else "not_judged"]
        return painted

    def _column(self, time_s: float) -> int:
        share = (time_s - self._start_s) / (self.end_s - self._start_s)
        return min(max(round(share * self._width), 0), self._width - 1)


@dataclass(frozen=True, slots=True)
class _Header:
    """The plate with the verdict: its band and words, and where everything lies."""

    band: str
    words: str
    size: int
    area: tuple[int, int, int, int]
    bar: int
    pad: int
    timed: bool


def _hidden(corners: npt.NDArray[np.float64], area: tuple[int, int, int, int]) -> float:
    """Sum up how many pixels of boxes, given as left, top, right, bottom, an area covers."""
    sides = np.minimum(corners[:, 2:], area[2:]) - np.maximum(corners[:, :2], area[:2])
    return float(np.prod(np.maximum(sides, 0), axis=1).sum())


def _clock(time_s: float) -> str:
    minutes, tenths = divmod(int(time_s * 10), 600)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{tenths / 10:04.1f}" if hours else f"{minutes}:{tenths / 10:04.1f}"


@lru_cache(maxsize=512)
def _stencil(words: str, size: int) -> npt.NDArray[np.float32]:
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


def _print(
    picture: npt.NDArray[np.uint8], stencil: npt.NDArray[np.float32], place: tuple[int, int], colour: RGB
) -> None:
    """Print words with their upper left corner at x, y; what lies outside is cut off."""
    x, y = place
    part = picture[max(y, 0) : y + stencil.shape[0], max(x, 0) : x + stencil.shape[1]]
    share = stencil[max(-y, 0) :, max(-x, 0) :][: part.shape[0], : part.shape[1], None]
    part[:] = np.rint(part + share * (np.asarray(colour, np.float32) - part)).astype(np.uint8)


def _fill(picture: npt.NDArray[np.uint8], area: tuple[int, int, int, int], colour: RGB, cover: float) -> None:
    left, top, right, bottom = area
    part = picture[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    part[:] = np.rint(part + cover * (np.asarray(colour, np.float32) - part)).astype(np.uint8)


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _ink_on(ground: RGB) -> RGB:
    """Choose black or white, whichever reads better."""
    red, green, blue = ground
    return _INK if 0.299 * red + 0.587 * green + 0.114 * blue > 150 else _PAPER
