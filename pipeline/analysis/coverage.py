"""Measures how much of a file was seen, and says what was not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.analysis.tracks import SeenFrame
from pipeline.media.types import Losses, MediaInfo
from pipeline.results.coverage import WHOLE, Coverage, Span, length, percent

LONGEST_OVERHANG_S = 0.5
"""Sound begins before the pictures or ends after them by so much in files in which nothing is lacking."""

_SEEN, _DAMAGED, _NOT_LOOKED_AT, _NOT_READABLE = range(4)


def measure(media: MediaInfo, frames: Sequence[SeenFrame], losses: Losses) -> Coverage:
    """Measure how much of a file was seen.

    A damaged frame in which a face was found is seen: what it shows is not nothing, and its face is judged.

    Args:
        media: the file.
        frames: what was seen, in order of time.
        losses: which frames are lacking or damaged.
    """
    damaged = set(losses.damaged_s)
    read = [frame for frame in frames if frame.observations or frame.time_s not in damaged]
    planned = [frame for frame in read if not frame.refinement]
    with_face = sum(bool(frame.observations) for frame in planned) / len(planned) if planned else 0.0
    if not media.duration_s:
        return Coverage(0.0, 1.0 if read else 0.0, with_face)
    start_s, end_s, duration_s = _span(media)
    found = {frame.time_s: _DAMAGED if frame.time_s in damaged else _SEEN for frame in read}
    times_s = np.array(sorted({frame.time_s for frame in frames}.union(losses.lost_s)), np.float64)
    borders_s = _borders(media, times_s)
    points_s = np.unique([0.0, start_s, *borders_s, end_s, duration_s, *np.ravel(media.holes_s)])
    middles_s = (points_s[1:] + points_s[:-1]) / 2
    kinds = np.full(len(middles_s), _NOT_READABLE)
    if len(times_s):
        samples = np.array([found.get(time_s, _NOT_READABLE) for time_s in times_s.tolist()])
        kinds = samples[np.searchsorted(borders_s, middles_s)]
    for first_s, last_s in media.holes_s:
        kinds[(middles_s > first_s) & (middles_s < last_s)] = _NOT_READABLE
    kinds[(middles_s < start_s) | (middles_s > end_s)] = _NOT_LOOKED_AT
    lengths_s = np.diff(points_s)
    return Coverage(
        duration_s=duration_s,
        seen=float(lengths_s[kinds <= _DAMAGED].sum() / duration_s),
        with_face=with_face,
        not_looked_at=_runs(points_s, kinds == _NOT_LOOKED_AT),
        not_readable=_runs(points_s, kinds == _NOT_READABLE),
        damaged=_runs(points_s, kinds == _DAMAGED),
    )


def _span(media: MediaInfo) -> tuple[float, float, float]:
    """Give when the pictures begin and end and when the file ends, in seconds; trifles between them left out."""
    start_s, end_s = float(media.frame_times_s[0]), media.end_s
    declared_s = media.declared_duration_s or 0.0
    if "matroska" in media.container:
        # It counts from timestamp 0 and not from the first one.
        declared_s -= max(media.start_time_s, 0.0)
    duration_s = declared_s if declared_s > end_s + LONGEST_OVERHANG_S else end_s
    return (start_s if start_s > LONGEST_OVERHANG_S else 0.0), end_s, duration_s


def _borders(media: MediaInfo, times_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give the times at which one sample takes over from the one before."""
    listed_s = media.frame_times_s
    after = np.searchsorted(listed_s, times_s[:-1], side="right").clip(max=len(listed_s) - 1)
    halfway_s = (times_s[:-1] + times_s[1:]) / 2
    # A frame that is held stands for all of the time that it is on screen.
    return np.clip(listed_s[after], halfway_s, times_s[1:])


def _runs(points_s: npt.NDArray[np.float64], wanted: npt.NDArray[np.bool_]) -> tuple[Span, ...]:
    """Join neighbouring pieces to spans."""
    edges = np.flatnonzero(np.diff(wanted.astype(int), prepend=0, append=0)).reshape(-1, 2)
    return tuple((float(points_s[first]), float(points_s[last])) for first, last in edges)


def doubts(coverage: Coverage) -> list[str]:
    """Say in sentences what was not seen, or not as it is, of a file of which something was; nothing of trifles."""
    if not coverage.seen or not coverage.duration_s:
        return []
    told, duration_s = [], coverage.duration_s
    if not coverage.is_whole:
        why = []
        if coverage.not_looked_at:
            spans = " and ".join(f"from {start_s:.1f} to {end_s:.1f} s" for start_s, end_s in coverage.not_looked_at)
            why.append(f"there is no picture {spans}")
        if coverage.not_readable:
            why.append(f"{percent(length(coverage.not_readable) / duration_s)} could not be read")
        told.append(f"Only {percent(coverage.seen)} of the file's {duration_s:.1f} s was seen: {'; '.join(why)}.")
    damaged = length(coverage.damaged) / duration_s
    if damaged > 1 - WHOLE:
        told.append(f"{percent(damaged)} of the file was seen in damaged pictures, which can move scores.")
    return told
