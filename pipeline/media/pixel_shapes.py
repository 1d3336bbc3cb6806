"""Finds where the shape of the pixels changes midway, as broadcasts do between 4:3 and 16:9.

Recent versions of ffmpeg give every frame the shape that the stream had at its start. So the headers in the stream are
read, of codecs that have the shape there, in containers that do not have it themselves.
"""

from __future__ import annotations

import re
from fractions import Fraction

import ffmpeg

from pipeline.media.ffmpeg import Process
from pipeline.media.ffmpeg_input import source_input
from pipeline.media.source_file import SourceFile

CONTAINERS = ("mpegts", "mpeg", "mpegvideo", "h264", "hevc")
"""Those of streams that may go over from one to another at any time, and do not say what form the pixels have."""

HEADERS = {"h264": 7, "hevc": 33, "mpeg2video": 0xB3}
"""By ffmpeg's name of the codec the type of the unit that holds the shape."""

# Table E-1 of ITU-T H.264, and the same of H.265; 255 says that width and height follow.
_RATIOS = (
    *(None, (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11)),
    *((80, 33), (18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1)),
)
# Table 6-3 of ITU-T H.262: shapes of the whole picture.
_PICTURES = {2: Fraction(4, 3), 3: Fraction(16, 9), 4: Fraction(221, 100)}

PixelShapes = tuple[tuple[float, Fraction | None], ...]
"""Times in seconds on the clock of the container, ascending, and the sample aspect ratio from there on, None where none
is said."""


def find_pixel_shapes(
    source: SourceFile, stream: int, codec: str, time_base: Fraction, stall_timeout_s: float
) -> PixelShapes:
    """Find where the shape of the pixels changes; nothing where it does not.

    Args:
        source: a file whose container is among `CONTAINERS`.
        stream: number of the video stream.
        codec: ffmpeg's name of it, one of `HEADERS`.
        time_base: seconds per tick of the stream's timestamps.
        stall_timeout_s: seconds without a sign of life from ffmpeg after which it is killed.

    Raises:
        MediaError: ffmpeg hangs.
    """
    headers = HeaderLog(time_base)
    copy = ffmpeg.output(
        source_input(fflags="+genpts")[str(stream)],
        "pipe:",
        format="null",
        codec="copy",
        **{"bsf:v": f"filter_units=pass_types={HEADERS[codec]},trace_headers"},
    )
    with Process(ffmpeg.get_args(copy), source, headers.feed, stall_timeout_s) as process:
        process.finish()
    return headers.changes()


class HeaderLog:
    """Reads what the bit stream filter `trace_headers` logs."""

    _PACKET = re.compile(r"\] Packet: .*\bpts (-?\d+|NOPTS)")
    _FIELD = re.compile(r"\] \d+ +(\w+) .*= (\d+)$")
    _BEGINNINGS = ("Sequence Parameter Set", "Sequence Header")
    _FIELDS = frozenset(
        {
            *("aspect_ratio_idc", "sar_width", "sar_height"),
            *("horizontal_size_value", "vertical_size_value", "aspect_ratio_information"),
        }
    )

    def __init__(self, time_base: Fraction):
        self._time_base = time_base
        self._time_s: float | None = None
        self._fields: dict[str, int] | None = None
        self._found: list[tuple[float, Fraction | None]] = []

    def feed(self, line: str) -> None:
        """Take one line of the log.

        Raises:
            ValueError, ArithmeticError: ffmpeg would not write it.
        """
        if match := self._PACKET.search(line):
            self._conclude()
            self._time_s = None if match[1] == "NOPTS" else float(int(match[1]) * self._time_base)
        elif line.endswith(self._BEGINNINGS):
            self._conclude()
            self._fields = {}
        elif self._fields is not None and (match := self._FIELD.search(line)) and match[1] in self._FIELDS:
            self._fields[match[1]] = int(match[2])

    def changes(self) -> PixelShapes:
        """Give all shapes, after the last line, if there is more than one."""
        self._conclude()
        found = sorted(self._found, key=lambda item: item[0])
        changed = [item for n, item in enumerate(found) if not n or item[1] != found[n - 1][1]]
        return tuple(changed) if len(changed) > 1 else ()

    def _conclude(self) -> None:
        """End a header: all its fields have come."""
        if self._fields is not None and self._time_s is not None:
            self._found.append((self._time_s, _ratio(self._fields)))
        self._fields = None


def _ratio(fields: dict[str, int]) -> Fraction | None:
    """Work out the sample aspect ratio that a header gives, or None if it gives none."""
    if picture := _PICTURES.get(fields.get("aspect_ratio_information", 0)):
        width, height = fields.get("horizontal_size_value", 0), fields.get("vertical_size_value", 0)
        return picture * height / width if width and height else None
    if "aspect_ratio_information" in fields:
        return Fraction(1)
    known = fields.get("aspect_ratio_idc", 0)
    pair = (fields.get("sar_width", 0), fields.get("sar_height", 0)) if known == 255 else None
    if known < len(_RATIOS):
        pair = _RATIOS[known]
    return Fraction(*pair) if pair and all(pair) else None
