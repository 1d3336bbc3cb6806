"""When the frames of a video are shown, from a table of its packets."""

from __future__ import annotations

import math
import re
from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.media.errors import nonsense
from pipeline.media.types import MediaError, quoted

MAX_FRAMES = 10_000_000
"""Most frames that a video may list, 46 hours at 60 per second: a bound for the table of their times."""

_LONGEST_SHOWN_S = 86400.0
"""A frame that is said to be shown for more than a day has a wrong timestamp, and so has the one after it."""

_DISCARD_FLAG = 0x4
_NO_TIMESTAMP = -(1 << 63)


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """When the frames of a stream are shown."""

    presentation_s: np.ndarray
    container_s: np.ndarray
    keys: np.ndarray
    anchors: np.ndarray
    duration_s: float
    time_base: Fraction
    frame_rate: float | None
    is_variable: bool
    keyframe_gap_s: float


class PacketTable:
    """Reads the table that ffmpeg writes as `framecrc`: stream, dts, pts, duration, size, CRC, flags."""

    def __init__(self, path: Path):
        self._path = path
        self._time_base = Fraction(1)
        self._pts = array("q")
        self._dts = array("q")
        self._shown = array("b")
        self._keys = array("q")
        self._last_duration = 0

    def feed(self, line: bytes) -> None:
        """Take one line of the table.

        Raises:
            MediaError: ffmpeg would not write it, or there are too many.
        """
        try:
            self._feed(line)
        except (ValueError, ArithmeticError):
            raise nonsense(self._path) from None

    def _feed(self, line: bytes) -> None:
        if line.startswith(b"#"):
            if match := re.match(rb"#tb 0: ([1-9]\d{0,9})/([1-9]\d{0,9})\n", line):
                self._time_base = Fraction(int(match[1]), int(match[2]))
            return
        cells = line.split(b",")
        if len(cells) < 6 or not line.endswith(b"\n"):  # ffmpeg died amid the line
            return
        # Flags are only written if they are not those of an ordinary key frame.
        flags = re.match(rb" *F=0x(\w+)", cells[6]) if len(cells) > 6 else None
        # What an edit list cuts off is decoded all the same, since others refer to it.
        shown = not (flags and int(flags[1], 16) & _DISCARD_FLAG)
        if len(self._pts) == MAX_FRAMES:
            raise MediaError(
                "unsupported", f"{quoted(self._path)} has more than {MAX_FRAMES:,} frames; cut it into parts."
            )
        if flags is None:
            self._keys.append(len(self._pts))
        self._dts.append(int(cells[1]))
        self._pts.append(int(cells[2]))
        self._shown.append(shown)
        if shown:
            self._last_duration = int(cells[3])

    def times(self) -> FrameTimes:
        """Put the frames in the order in which they are shown."""
        pts = np.array(self._pts, dtype=np.int64)
        dts = np.array(self._dts, dtype=np.int64)
        shown = np.array(self._shown, dtype=bool)
        missing = pts == _NO_TIMESTAMP
        if missing.all():
            # An elementary stream has no clock. Decoding order is as good, and starts with the first frame.
            pts = dts - dts[shown].min(initial=0)
        elif missing.any():
            # The median as it stands: as a float it may be one more than 64 bits hold.
            delays = np.sort(pts[~missing] - dts[~missing])
            pts[missing] = dts[missing] + delays[(len(delays) - 1) // 2]
        keys = np.unique(pts[np.array(self._keys, dtype=np.int64)])
        anchors = np.unique(pts[shown & (pts == np.maximum.accumulate(pts))])
        # A B-frame is no key frame. Where one is said to be, as in MP4 files without a table of them, none is known.
        if not np.isin(keys, anchors).all():
            keys = keys[:0]
        pts = np.unique(pts[shown])
        second = float(1 / self._time_base)
        mended = _mended(pts, round(_LONGEST_SHOWN_S * second), max(1, round(second)))
        is_sane = np.array_equal(mended, pts)
        intervals = np.diff(mended)
        usual = float(np.median(intervals)) if len(intervals) else 0.0
        span = float(mended[-1] - mended[0]) if len(pts) else 0.0
        last = self._last_duration if 0 < self._last_duration <= _LONGEST_SHOWN_S * second else usual
        return FrameTimes(
            presentation_s=mended / second,
            container_s=pts / second,
            keys=np.searchsorted(pts, keys),
            anchors=np.searchsorted(pts, anchors),
            duration_s=(span + last) / second,
            time_base=self._time_base,
            frame_rate=len(intervals) * second / span if span else None,
            # A clock of whole milliseconds turns 33.37 into 33 and 34: two ticks of difference are no variation.
            is_variable=bool(len(intervals) and np.ptp(intervals) > max(2, 0.02 * usual)),
            keyframe_gap_s=(
                float(np.diff(keys, append=pts[-1] + last).max()) / second if len(keys) and is_sane else math.inf
            ),
        )


def _mended(pts: np.ndarray, longest: int, instead: int) -> np.ndarray:
    """Give timestamps that make sense: the first not below 0, no two further apart than a frame may be shown.

    Args:
        pts: int64 (frames,), strictly ascending.
        longest: ticks that a frame may be shown.
        instead: ticks for which a frame that is shown for longer counts as shown, if most others are too.
    """
    if not len(pts):
        return pts
    intervals = np.diff(pts)
    # From one end of 64 bits to the other a difference comes out negative.
    absurd = (intervals > longest) | (intervals < 0)
    if 0 <= pts[0] <= longest and not absurd.any():
        return pts
    usual = int(np.median(intervals[~absurd])) if not absurd.all() else instead
    steps = np.where(absurd, usual, intervals)
    return np.cumsum([pts[0] if 0 <= pts[0] <= longest else 0, *steps], dtype=np.int64)
