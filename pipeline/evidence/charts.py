"""Geometry of the charts. Positions are shares from 0 to 1, so that a page can stretch them to any width."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.results.coverage import Coverage, Span
from pipeline.results.parts import Segment, TrackEvidence

LANE_WIDTH, LANE_HEIGHT = 1000, 100
"""Units of the drawing of one lane, stretched by the page."""

_MAX_POINTS = 400
_GAP_STEPS = 1.75


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A stretch of the timeline that was not seen, or not as it is.

    Attributes:
        kind: "not_looked_at", "not_readable" or "damaged".
        left, width: shares of the timeline in percent.
    """

    kind: str
    left: float
    width: float


def doubtful(coverage: Coverage | None, duration_s: float) -> list[Doubtful]:
    """Place what was not seen of a file, or not as it is, on the timeline, which lasts longer than 0 s."""
    return [
        Doubtful(kind, round(100 * start_s / duration_s, 2), round(100 * (end_s - start_s) / duration_s, 2))
        for kind, spans in spans_by_kind(coverage).items()
        for start_s, end_s in spans
    ]


def spans_by_kind(coverage: Coverage | None) -> dict[str, tuple[Span, ...]]:
    """Give the spans of each kind of doubt of which there are some."""
    if coverage is None:
        return {}
    kinds = {
        "not_looked_at": coverage.not_looked_at,
        "not_readable": coverage.not_readable,
        "damaged": coverage.damaged,
    }
    return {kind: spans for kind, spans in kinds.items() if spans}


@dataclass(frozen=True, slots=True)
class Lane:
    """The line of one person in the timeline, in units of the drawing.

    Attributes:
        line: SVG path of the score, broken where the face was not seen.
        dots: SVG path of a point for each frame.
        gaps: left ends and widths of what lies between, before and after, as far as it was looked at.
        strong: left ends and widths of the stretches of strong evidence.
    """

    line: str
    dots: str
    gaps: list[tuple[float, float]]
    strong: list[tuple[float, float]]


def lane(
    person: TrackEvidence, segments: Sequence[Segment], duration_s: float, step_s: float, unseen_s: Sequence[Span] = ()
) -> Lane:
    """Draw one person.

    Args:
        person: whom.
        segments: the stretches in which the evidence about this person is strong.
        duration_s: of the file, above 0.
        step_s: seconds between frames that were looked at; a face that is missing for longer was not seen.
        unseen_s: when nothing at all was seen, which is no gap of this person.
    """
    times = np.array([seen.time_s for seen in person.track.observations])
    ends = np.array([seen.end_s for seen in person.track.observations])
    scores = np.array([seen.weighed_score for seen in person.track.observations])
    starts = np.flatnonzero(times - np.append(-np.inf, ends[:-1]) > _GAP_STEPS * step_s)
    runs = np.split(np.arange(len(times)), starts[1:])
    line, dots = [], []
    for run in runs:
        kept = _telling(scores, run, max(2, _MAX_POINTS * len(run) // len(times)))
        points = [f"{_x(times[i], duration_s):.1f},{_y(scores[i]):.1f}" for i in kept]
        # The line stays level while a frame is held.
        held = [f"H{_x(ends[i], duration_s):.1f}" if ends[i] > times[i] else "" for i in kept]
        line.append("M" + "L".join(map("".join, zip(points, held, strict=True))))
        dots += [f"M{point}h0" for point in points]
    seen = [(times[run[0]], ends[run[-1]]) for run in runs]
    edges = [(-np.inf, 0.0), *seen, (duration_s, np.inf)]
    gaps = [
        (_x(start_s, duration_s), _x(end_s - start_s, duration_s))
        for (_, before), (after, _) in itertools.pairwise(edges)
        if after - before > _GAP_STEPS * step_s
        for start_s, end_s in _without(before, after, unseen_s)
        # What is left beside a damaged frame is half of the way to the next, and no frame without a face.
        if end_s - start_s > 0.75 * step_s
    ]
    strong = [(_x(s.start_s, duration_s), max(_x(s.end_s - s.start_s, duration_s), 4.0)) for s in segments]
    return Lane("".join(line), "".join(dots), gaps, strong)


def searched(duration_s: float, unseen_s: Sequence[Span]) -> list[tuple[float, float]]:
    """Give left ends and widths of what was seen, in units of the drawing of a lane."""
    return [
        (_x(start_s, duration_s), _x(end_s - start_s, duration_s))
        for start_s, end_s in _without(0.0, duration_s, unseen_s)
    ]


def _without(start_s: float, end_s: float, spans_s: Sequence[Span]) -> list[Span]:
    """Cut spans out of another."""
    pieces = []
    for first_s, last_s in sorted(spans_s):
        if first_s < end_s and last_s > start_s:
            pieces.append((start_s, first_s))
            start_s = last_s
    return [(first_s, last_s) for first_s, last_s in [*pieces, (start_s, end_s)] if last_s > first_s]


def step(persons: Sequence[TrackEvidence], duration_s: float, frames: int) -> float:
    """Estimate the seconds between two frames that were looked at, in so many seconds of pictures."""
    seen = [seen for person in persons for seen in person.track.observations]
    times = np.unique([each.time_s for each in seen])
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    held = {each.time_s: each.hold.shown_s for each in seen if each.hold}
    others = frames - len(held)
    planned = (duration_s - sum(held.values())) / others if others > 0 else 0.0
    return max(usual, planned) or 1.0


def ticks(duration_s: float) -> list[float]:
    """Choose round times for the axis, in seconds, not more than eight."""
    for every in (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400):
        if duration_s / every <= 8:
            return np.arange(0, duration_s + every * 1e-6, every).tolist()
    return [0.0, duration_s]


def histogram(scores: Sequence[float], bins: int = 20) -> list[int]:
    """Count scores by bins of equal width from 0 to 1."""
    return np.histogram(scores, bins=bins, range=(0.0, 1.0))[0].tolist()


def _x(time_s: float, duration_s: float) -> float:
    return round(float(time_s) / duration_s * LANE_WIDTH, 1)


def _y(score: float) -> float:
    """Leave room for a dot at either end."""
    return 94 - 88 * float(score)


def zone(low: float, high: float) -> tuple[float, float]:
    """Give top and height of a band of scores in a lane."""
    top = 0.0 if high >= 1 else _y(high)
    return round(top, 1), round((LANE_HEIGHT if low <= 0 else _y(low)) - top, 1)


def _telling(scores: npt.NDArray[np.float64], run: npt.NDArray[np.int64], count: int) -> list[int]:
    """Thin out a run, keeping the lowest and the highest of each part."""
    if len(run) <= count:
        return run.tolist()
    parts = np.array_split(run, max(1, count // 2))
    return sorted({int(i) for part in parts for i in (part[scores[part].argmin()], part[scores[part].argmax()])})
