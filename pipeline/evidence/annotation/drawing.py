"""How an annotated picture looks.

Every face has a box with a plate: the person's number, and what this face scores at this moment. A header says the
verdict of the whole file, and below it that of the moment. A strip along the lower edge shows the whole video at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.evidence.annotation.face_marks import FaceMarks, Mark, line_width, text_size
from pipeline.evidence.annotation.ink import COLOURS, INK, PALE, PAPER, WORDS, fill, print_words, stencil
from pipeline.results.coverage import Coverage, Span
from pipeline.results.parts import Label
from pipeline.results.verdict import Verdict

_GLASS = 0.72
_STRIPE = 6


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
        self._text = text_size(size)
        self._strip: _Strip | None = None
        if span_s and span_s[1] > span_s[0]:
            height = min(max(4, round(0.5 * self._text)), self._height)
            half = max(1, line_width(size) // 2)
            self._strip = _Strip((self._width, height), half, span_s, lanes, verdict.coverage, self._label_of)
        self._coverage = verdict.coverage
        self._faces = FaceMarks(size, self._strip_height())
        self._header = self._placed_header(verdict, boxes)

    def draw(self, picture: npt.NDArray[np.uint8], annotation: Annotation) -> npt.NDArray[np.uint8]:
        """Draw on a copy of a picture.

        Args:
            picture: RGB uint8 (height, width, 3).
            annotation: what to draw.
        """
        drawn = picture.copy()
        self._faces.draw(drawn, annotation.marks, [self._header.area])
        self._draw_header(drawn, annotation)
        if self._strip is not None:
            self._strip.draw(drawn, annotation.time_s)
        return drawn

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
        width, height = stencil(words, size).shape[1], size
        if end_s is not None:
            now = max((f"{_clock(end_s)}  now 0.00 {WORDS[name]}" for name in COLOURS), key=len)
            width = max(width, stencil(now, self._text).shape[1])
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
        fill(picture, header.area, INK, _GLASS)
        fill(picture, (left, top, left + header.bar, bottom), COLOURS[header.band], 1.0)
        x, y = left + header.bar + header.pad, top + header.pad
        print_words(picture, stencil(header.words, header.size), (x, y), PAPER)
        if header.timed:
            y += header.size + round(0.5 * self._text)
            words = f"{_clock(annotation.time_s)}  {self._now(annotation)}"
            print_words(picture, stencil(words, self._text), (x, y), PALE)

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
        place[:, max(now - self._half, 0) : now + self._half] = PAPER

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
        painted[:] = INK
        for start_s, end_s in unreadable:
            columns = np.arange(self._column(start_s), self._column(end_s) + 1)
            painted[:, columns[columns % _STRIPE < _STRIPE // 2]] = PALE
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
