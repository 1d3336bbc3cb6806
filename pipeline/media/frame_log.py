"""Reads what ffmpeg says of each frame that it gives: a pipe of raw pictures has no room for their times and sizes."""

from __future__ import annotations

import queue
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from pipeline.media.types import MediaError, PictureForm, quoted

LOG_TIMEOUT_S = 5.0
"""What is said of a frame may be read after its picture; it is waited for as long as this."""


@dataclass(frozen=True, slots=True)
class LoggedFrame:
    """What is said of one frame.

    Attributes:
        time_s: presentation time in seconds on ffmpeg's clock.
        form: how its picture is coded.
    """

    time_s: float
    form: PictureForm


class FrameLog:
    """Reads the log of a `showinfo` filter, and hands out what it says of each frame that passed it.

    Args:
        path: the file, for messages.
        sideways: whether ffmpeg turns its pictures by a quarter.
    """

    FRAME = re.compile(
        r"\bn: *\d+ pts: *(-?\d+|NOPTS) .*\bfmt:(\w+) .*\bsar:(-?\d+)/(-?\d+) s:(\d+)x(\d+) i:(\w)",
    )
    """A line that tells of a frame; the line of its colours ends what is told."""

    _GRAPH = re.compile(r"config in time_base: (\d+)/(\d+)")
    _COLORS = re.compile(r"color_range:(\S+) color_space:(\S+) color_primaries:(\S+) color_trc:(\S+)")

    def __init__(self, path: Path, *, sideways: bool):
        self._path = path
        self._sideways = sideways
        self._time_base: Fraction | None = None
        self._last_s = 0.0
        self._frame: re.Match[str] | None = None
        self._frames: queue.SimpleQueue[LoggedFrame] = queue.SimpleQueue()

    def feed(self, line: str) -> None:
        """Take one line of the log."""
        if match := self._GRAPH.search(line):
            self._time_base = Fraction(int(match[1]), int(match[2]))
        elif self._time_base and (match := self.FRAME.search(line)):
            self._frame = match
        elif self._time_base and self._frame and (match := self._COLORS.search(line)):
            self._frames.put(self._logged(self._frame, self._time_base, match))
            self._frame = None

    def next(self) -> LoggedFrame:
        """Give what is said of the next frame, whose picture has been seen to come already."""
        try:
            return self._frames.get(timeout=LOG_TIMEOUT_S)
        except queue.Empty:
            raise MediaError(
                "error", f"{quoted(self._path)} could not be read: ffmpeg does not say when pictures are shown."
            ) from None

    def rest(self) -> list[LoggedFrame]:
        """Give what is said of frames whose pictures did not come, after the last line."""
        return [self._frames.get() for _ in range(self._frames.qsize())]

    def _logged(self, frame: re.Match[str], time_base: Fraction, colors: re.Match[str]) -> LoggedFrame:
        pts, pixel_format, across, down, width, height, field = frame.groups()
        if pts != "NOPTS":
            self._last_s = float(int(pts) * time_base)
        named = [None if name in ("unknown", "unspecified", "reserved") else name for name in colors.groups()]
        color_range, matrix, primaries, transfer = named
        form = PictureForm(
            width=int(width),
            height=int(height),
            sideways=self._sideways,
            pixel_format=pixel_format,
            sample_aspect_ratio=Fraction(int(across), int(down)) if int(across) and int(down) else None,
            interlaced=field in "TB",
            color_matrix=matrix,
            color_primaries=primaries,
            color_transfer=transfer,
            color_range=color_range,
        )
        return LoggedFrame(self._last_s, form)
