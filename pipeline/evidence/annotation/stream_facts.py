"""Facts that a copy of a video needs beside its pictures: its sound, and the clock of both."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import ffmpeg

from pipeline.media.ffmpeg import Process
from pipeline.media.ffmpeg_input import source_input
from pipeline.media.types import STALL_TIMEOUT_S, MediaInfo

_AUDIO = re.compile(r"\[info\] +Stream #0:(\d+)(?:\[\w+\])?(?:\([^()]*\))?: Audio: (\w+)")
_DISCARD_FLAG = 0x4

_FIRST_PACKETS = 32
"""Among so many is the first picture to be shown: codecs change the order of no more than 16."""

_ROUNDING_S = 1e-3


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What a copy of a video needs beside its pictures.

    Attributes:
        sound: number and codec of each stream of sound.
        delay_s: seconds that the times of the pictures lack on the clock that pictures and sound have together. Not 0
            only where a transport stream begins with sound: ffmpeg lets such begin with what is read of it.
    """

    sound: tuple[tuple[int, str], ...] = ()
    delay_s: float = 0.0


NO_SOUND = StreamFacts()


def find_stream_facts(source: MediaInfo, stall_timeout_s: float = STALL_TIMEOUT_S) -> StreamFacts:
    """Find what a copy of a video file needs beside its pictures.

    Raises:
        MediaError: ffmpeg hangs.
    """
    streams = source_input(fflags="+genpts")
    packets = ffmpeg.output(
        streams[str(source.stream)], "pipe:", format="framecrc", codec="copy", **{"frames:v": _FIRST_PACKETS}
    )
    if source.has_audio:
        unused = ffmpeg.output(streams["a"], "pipe:", format="null", codec="copy", **{"frames:a": 1})
        packets = ffmpeg.merge_outputs(packets, unused)
    log: list[str] = []
    with Process(ffmpeg.get_args(packets), source.source, log.append, stall_timeout_s) as process:
        table = list(process.lines())
        process.finish()
    found = (_AUDIO.match(line) for line in _description(log))
    sound = tuple((int(match[1]), match[2]) for match in found if match and match[2] != "none")
    first_s = _first_time(table)
    delay_s = first_s - float(source.frame_times_s[0]) if sound and first_s is not None else 0.0
    return StreamFacts(sound, delay_s if abs(delay_s) > _ROUNDING_S else 0.0)


def _description(log: Sequence[str]) -> list[str]:
    """Cut out what ffmpeg says of the input."""
    start = next((number for number, line in enumerate(log) if line.startswith("[info] Input #0, ")), len(log))
    ends = ("[info] Output #0", "[info] Stream mapping")
    return list(itertools.takewhile(lambda line: not line.startswith(ends), log[start + 1 :]))


def _first_time(table: Sequence[bytes]) -> float | None:
    """Find the time of the first picture among the first packets, in seconds."""
    time_base, found = Fraction(1), []
    for line in table:
        if match := re.match(rb"#tb 0: (\d+)/(\d+)", line):
            time_base = Fraction(int(match[1]), int(match[2]))
        elif line.startswith(b"0,"):
            cells = line.split(b",")
            flags = next((int(cell.strip()[4:], 16) for cell in cells if cell.strip().startswith(b"F=0x")), 0)
            if not flags & _DISCARD_FLAG:
                found.append(int(cells[2]))
    return float(min(found) * time_base) if found else None
