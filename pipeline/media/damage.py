"""Finds out when a video shows what was never in it.

A decoder that cannot read a part of a frame fills it from the frames before, or with grey, and goes on. Some mark what
they filled, others complain at most. The program ffmpeg tells of both, but not when these frames are shown. With
`-debug_ts` it logs the time of every decoded frame as well, in the same thread and right after what it tells of it. So
what was decoded with errors is decoded once more, for this log alone.

A frame that was lost or filled spoils all that build on it, which no decoder reports: the damage lasts until the next
frame that is coded by itself. What a decoder makes of changed bytes without noticing is not found; VP8, VP9 and HEVC
notice least.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import ffmpeg
import numpy as np

from pipeline.media.ffmpeg import Process
from pipeline.media.ffmpeg_input import source_input
from pipeline.media.sampling import nearest
from pipeline.media.types import MediaInfo

_MARK = re.compile("corrupt decoded frame")
DAMAGE = re.compile(
    rf"{_MARK.pattern}|concealing \d+ DC|Error submitting packet to decoder|Error while decoding stream"
)
"""What ffmpeg's log says of a frame that its decoder filled, or gave up. Errors alone are less: decoders complain of
every open GOP that they start in. It may stand in the middle of a line that another thread began, without its level."""

SHORTEST_HOLE_S = 0.5
"""A damaged container that goes on after less than this has lost a few frames, which those beside them stand for."""

_MARKING = re.compile(r"h26[34]p?|flv1|(ms)?mpeg\d\w*|wmv[123]|vc1|rv[1234]0")
"""Codecs whose decoders mark all that they filled. They complain too, but of other frames, and of what does no harm."""

# ffmpeg 5.1 writes "frame_pts" where later versions write "pts".
_DECODED = re.compile(r"decoder -> .*?pts:(-?\d+|NOPTS) .*keyframe:(\d) .*time_base:(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Part:
    """What one pass of ffmpeg decodes of a video.

    Attributes:
        input_options: ffmpeg's options of the input.
        position_s: where the pass begins, on the clock of the container.
    """

    input_options: Mapping[str, Any]
    position_s: float


def damaged_spans(info: MediaInfo, part: Part, stall_timeout_s: float) -> list[tuple[float, float]]:
    """Decode a part of a video to find out when it is damaged.

    Args:
        info: of the video.
        part: what part.
        stall_timeout_s: seconds without a sign of life from ffmpeg after which it is killed.

    Returns:
        Start and end in seconds of each damaged span, in order; the last may end at infinity.

    Raises:
        MediaError: ffmpeg hangs.
    """
    # Several threads would complain in no order, and MPEG-4 decoders lose marks between them.
    source = source_input(**{**part.input_options, "threads": 1})
    graph = ffmpeg.output(source[str(info.stream)], "pipe:", format="null", fps_mode="passthrough")
    log = _DecoderLog(info, part)
    with Process(["-debug_ts", *ffmpeg.get_args(graph)], info.source, log.feed, stall_timeout_s) as process:
        for _ in process.lines():
            pass
        process.finish()
    return log.spans()


class _DecoderLog:
    """Reads what ffmpeg logs of each frame that it decoded, in the order in which they are shown.

    Args:
        info: of the video.
        part: what part of it the log is about.
    """

    def __init__(self, info: MediaInfo, part: Part) -> None:
        listed = info.anchor_frames if "skip_frame" in part.input_options else np.arange(info.frame_count)
        end_s = float(str(part.input_options.get("to", math.inf)))
        listed = listed[info.container_times_s[listed] < end_s]
        self._container_s = info.container_times_s[listed]
        self._shown_s = info.frame_times_s[listed]
        self._anchors = np.flatnonzero(np.isin(listed, info.anchor_frames))
        # Of two fields that are listed one by one, only one has the time of a frame.
        self._most_skipped = 1 if info.interlaced else 0
        self._position_s = part.position_s
        decoder = "(?!)" if _MARKING.fullmatch(info.codec) else rf"(?:{re.escape(info.codec)}|lib[\w-]+)"
        self._complaint = re.compile(rf"^\[{decoder} @ \w+\] \[error\]")
        self._next = 0
        self._is_marked = self._has_complaint = False
        self._since_s: float | None = None
        self._spans: list[tuple[float, float]] = []

    def feed(self, line: str) -> None:
        """Take one line of the log."""
        if _MARK.search(line):
            self._is_marked = True
        elif self._complaint.search(line):
            self._has_complaint = True
        elif match := _DECODED.search(line):
            if match[1] != "NOPTS":
                time_s = self._position_s + float(int(match[1]) * Fraction(int(match[3]), int(match[4])))
                self._take(int(nearest(self._container_s, time_s)), is_key=match[2] == "1")
            self._is_marked = self._has_complaint = False

    def spans(self) -> list[tuple[float, float]]:
        """Give the damaged spans, once all is read."""
        self._miss(len(self._shown_s))
        return self._spans if self._since_s is None else [*self._spans, (self._since_s, math.inf)]

    def _take(self, place: int, is_key: bool) -> None:
        """Note a decoded frame, by its place among those that are listed."""
        is_first = not self._next
        if not is_first and self._miss(place):
            # The complaint was about what is missing.
            self._has_complaint = False
        self._next = max(self._next, place + 1)
        if is_key and self._since_s is not None:
            self._spans.append((self._since_s, float(self._shown_s[place])))
            self._since_s = None
        if self._is_marked or self._has_complaint:
            self._damage(place, place, certain=self._is_marked)

    def _miss(self, place: int) -> bool:
        """Note that frames before a place did not come, and tell whether there are any."""
        if place - self._next <= self._most_skipped:
            return False
        self._damage(self._next, place - 1, certain=True)
        return True

    def _damage(self, first: int, last: int, *, certain: bool) -> None:
        """Note frames that were lost or filled, with all that build on them; a complaint may be about later ones."""
        before, after = np.searchsorted(self._anchors, first), np.searchsorted(self._anchors, last, side="right")
        # What lies between two anchor frames builds on both.
        start_s = float(self._shown_s[self._anchors[before - 1] + 1 if before else 0])
        if after == before and certain:
            end_s = float(self._shown_s[self._anchors[after]]) if after < len(self._anchors) else math.inf
            self._spans.append((start_s, end_s))
        elif self._since_s is None:
            self._since_s = start_s


def within(spans: list[tuple[float, float]], times_s: list[float]) -> list[float]:
    """Give those of some times that lie within spans; an end is no part of its span."""
    return [time_s for time_s in times_s if any(start_s <= time_s < end_s for start_s, end_s in spans)]


def holes(times_s: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Find where frames of a damaged container may be missing: start and end in seconds of spans without any.

    Args:
        times_s: presentation times of the frames that it lists, float64 (frames,), ascending.
    """
    gaps_s = np.diff(times_s)
    usual_s = float(np.median(gaps_s)) if len(gaps_s) else 0.0
    long = np.flatnonzero(gaps_s > max(SHORTEST_HOLE_S, 5 * usual_s))
    return tuple(zip((times_s[long] + usual_s).tolist(), times_s[long + 1].tolist(), strict=True))
