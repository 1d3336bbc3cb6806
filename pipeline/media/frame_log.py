"""Reads what ffmpeg says of each frame that it gives: a pipe of raw pictures has no room for their times and sizes."""

from __future__ import annotations

import queue
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from pipeline.media.damage import DAMAGE
from pipeline.media.types import MAX_PIXELS, MediaError, PictureForm, quoted

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

    The filter writes a line in several goes, and in between other threads of ffmpeg may complain of something. So what
    counts is the order of the pieces, in whatever lines they are.

    Args:
        path: the file, for messages.
        sideways: whether ffmpeg turns its pictures by a quarter.

    Attributes:
        has_damage: whether something was not decoded as it was coded.
    """

    FRAME = re.compile(r"\bn: *\d+ pts: *(-?\d+|NOPTS) ")
    """The piece with which the news of a frame begins."""

    _GRAPH = re.compile(r"config in time_base: (\d+)/(\d+)")
    _PIECES = re.compile(
        FRAME.pattern + r"|fmt:(?P<format>\w+) .*?\bsar:(?P<across>-?\d+)/(?P<down>-?\d+) "
        r"s:(?P<width>\d+)x(?P<height>\d+) i:(?P<field>\w)"
        # A complaint may follow without a space: names that matter are known.
        r"|color_range:(?P<range>unknown|tv|pc)"
        r"|color_space:(?P<matrix>unknown|bt709|bt470bg|smpte170m|smpte240m|bt2020nc|bt2020c|fcc|gbr|[\w-]+)"
        r"|color_primaries:(?P<primaries>unknown|[\w-]+)"
        r"|color_trc:(?P<transfer>unknown|bt709|smpte2084|arib-std-b67|[\w-]+)"
    )

    def __init__(self, path: Path, *, sideways: bool):
        self.has_damage = False
        self._path = path
        self._sideways = sideways
        self._time_base: Fraction | None = None
        self._last_s = 0.0
        self._said: dict[str, str] = {}
        self._frames: queue.SimpleQueue[LoggedFrame] = queue.SimpleQueue()

    def feed(self, line: str) -> None:
        """Take one line of the log.

        Raises:
            ValueError, ArithmeticError: ffmpeg would not write it.
        """
        if DAMAGE.search(line):
            self.has_damage = True
        if match := self._GRAPH.search(line):
            self._time_base = Fraction(int(match[1]), int(match[2]))
        if self._time_base is None:
            return
        for piece in self._PIECES.finditer(line):
            if piece[1]:
                self._said = {"pts": piece[1]}
            self._said |= {name: text for name, text in piece.groupdict().items() if text is not None}
            if piece["transfer"] and {"pts", "format"} <= self._said.keys():
                self._frames.put(self._logged(self._said, self._time_base))
                self._said = {}

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

    def _logged(self, said: Mapping[str, str], time_base: Fraction) -> LoggedFrame:
        if said["pts"] != "NOPTS":
            self._last_s = float(int(said["pts"]) * time_base)
        across, down = int(said["across"]), int(said["down"])
        width, height = int(said["width"]), int(said["height"])
        if not 0 < width * height <= MAX_PIXELS:  # as much memory is got for it
            raise ValueError(f"no picture has {width} x {height} pixels")
        matrix, primaries, transfer, value_range = (
            None if (name := said.get(key, "unknown")) in ("unknown", "reserved") else name
            for key in ("matrix", "primaries", "transfer", "range")
        )
        form = PictureForm(
            width=width,
            height=height,
            sideways=self._sideways,
            pixel_format=said["format"],
            sample_aspect_ratio=Fraction(across, down) if across and down else None,
            interlaced=said["field"] in "TB",
            color_matrix=matrix,
            color_primaries=primaries,
            color_transfer=transfer,
            color_range=value_range,
        )
        return LoggedFrame(self._last_s, form)
