"""Decodes the chosen frames of a video file.

Frames come raw through a pipe: in the usual formats as luma and chroma, which `pixels` converts, else as RGB. A pipe
has no room for timestamps: a `showinfo` filter behind the one that selects frames logs them.
"""

from __future__ import annotations

import math
import mmap
import queue
import re
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import ffmpeg
import numpy as np

from classifiers.numerals import counted
from pipeline.media.damage import DAMAGE, damaged_spans, within
from pipeline.media.ffmpeg import INPUT_OPTIONS, Process, file_url, find_binary, has_filter
from pipeline.media.pixels import RgbPixels, YuvLayout, YuvPixels
from pipeline.media.sampling import TICK_TOLERANCE, SamplingPlan, nearest
from pipeline.media.types import Frame, Losses, MediaError, MediaInfo, Pixels, quoted

SEEK_GAP_S = 5.0
"""Frames further apart than this are each reached by a seek; nearer ones come from one pass over what lies between.

Measured in CPU time: a pass takes 71 ms per second of 1080p30 H.264 and 10 ms at 360p; a seek takes 305 and 41 ms with
a key frame every 8.3 s, 113 and 22 ms with one every 2 s. They break even at 1.6 to 4.3 s. To a key frame itself a
1080p seek takes 70 ms.
"""

LOG_TIMEOUT_S = 5.0
"""ffmpeg tells the time of a frame in its log, which may come after the picture; it is waited for as long as this."""

_SEEKABLE = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
"""Containers with an index. In others ffmpeg guesses a position from the bit rate."""

_SEEK_START_S = 1.0
"""A pass whose first frame is later than this, and than the longest time between key frames, begins there."""

# Each thread more takes memory for a few more pictures, and 2 to 10% more CPU time in all.
_THREADS = 2
_TERMS = 32

# The default conversion of swscale is four times as fast, but off by up to 3 levels, blocky in colour, and not the same
# on every CPU. These flags make it exact to 1 level: 10 ms for a 1080p frame.
_SCALE_FLAGS = "bilinear+accurate_rnd+full_chroma_int+bitexact"
_KNOWN_MATRICES = {"bt709", "smpte170m", "bt470bg", "fcc", "smpte240m", "bt2020nc", "gbr"}
_REFERENCE_WHITE_NITS = 203  # of HDR, ITU-R BT.2408


def read(
    info: MediaInfo, plan: SamplingPlan, warnings: list[str], losses: Losses, stall_timeout_s: float
) -> Generator[Frame, None, None]:
    """Decode what a plan chooses; see `pipeline.media.open_frames`. Adds to `warnings` and `losses`."""
    warnings += _doubts(info)
    chosen = info.choose(plan)
    report = _Report()
    given_s: list[float] = []
    try:
        for run in runs(info, chosen):
            with closing(_pass(info, plan, run, stall_timeout_s, report)) as decoded:
                for frame in decoded:
                    given_s.append(frame.time_s)
                    yield frame
    except MediaError:
        losses.lost_s += _lost(info, chosen, given_s)
        raise
    losses.damaged_s += within(report.damaged_s, given_s)
    if report.errors or report.signal or report.damaged_s:
        losses.lost_s += _lost(info, chosen, given_s)
    if not given_s and report.failure:
        raise report.failure
    # Where fields are coded one by one, the container lists each, and two make a frame.
    if len(given_s) < len(chosen) / (2 if info.interlaced else 1):
        warnings.append(f"Only {len(given_s)} of the {len(chosen)} chosen frames could be decoded.")
    warnings += report.warnings()


def _lost(info: MediaInfo, chosen: np.ndarray, given_s: list[float]) -> list[float]:
    """Give the times of those chosen frames in whose place no frame was given."""
    is_given = np.zeros(len(chosen), bool)
    is_given[np.searchsorted(_window_starts(info.frame_times_s, chosen), given_s, side="right") - 1] = True
    if info.interlaced:
        # The second of two fields that are listed one by one comes with the first.
        is_given[1:] |= is_given[:-1].copy()
    return info.frame_times_s[chosen[~is_given]].tolist()


def runs(info: MediaInfo, chosen: np.ndarray) -> list[np.ndarray]:
    """Cut the chosen frames into runs that are decoded in one pass each.

    Args:
        info: of the video.
        chosen: indices into `info.frame_times_s`, ascending.
    """
    if info.container not in _SEEKABLE:
        return [chosen]
    gaps_s = np.diff(info.frame_times_s[chosen])
    # If key frames are rare, each pass has far to decode before its first frame.
    return np.split(chosen, np.flatnonzero(gaps_s > max(SEEK_GAP_S, info.keyframe_gap_s)) + 1)


@dataclass(slots=True)
class _Report:
    """What ffmpeg said of the file, and the spans of it that are damaged."""

    errors: int = 0
    first_error: str = ""
    failure: MediaError | None = None
    signal: int = 0
    damaged_s: list[tuple[float, float]] = field(default_factory=list)

    def add(self, process: Process) -> None:
        """Wait for a process to end, and note what it says."""
        status = process.finish()
        self.signal = self.signal or max(0, -status)
        self.errors += process.error_count
        self.first_error = self.first_error or process.first_error
        self.failure = self.failure or process.failure()

    def warnings(self) -> list[str]:
        found = []
        if self.errors:
            first = ", the first" if self.errors > 1 else ""
            found.append(f"ffmpeg reported {counted(self.errors, 'error')}{first}: {self.first_error}.")
        if self.signal:
            found.append(f"ffmpeg crashed (signal {self.signal}) before the end of the file.")
        return found


def _doubts(info: MediaInfo) -> list[str]:
    """Say what is doubtful about a video before it is decoded."""
    found = []
    declared_s = info.declared_duration_s or 0.0
    # Some containers count from the first frame, others from timestamp 0.
    if info.end_s + max(info.start_time_s, 0.0) < 0.9 * declared_s - 1:
        found.append(
            f"The container declares {declared_s:.1f} s, but its pictures end at {info.end_s:.1f} s; it may be cut off."
        )
    if info.hdr_transfer and not has_filter(find_binary(), "zscale"):
        found.append("Colours are wrong: the video is HDR and this ffmpeg was built without the zscale filter.")
    if info.color_matrix and info.color_matrix not in _KNOWN_MATRICES:
        found.append(f"Colours may be wrong: the YUV matrix {info.color_matrix} is not supported.")
    return found


def _pass(
    info: MediaInfo, plan: SamplingPlan, chosen: np.ndarray, stall_timeout_s: float, report: _Report
) -> Generator[Frame, None, None]:
    """Decode from the first to the last chosen frame, and keep those that are chosen."""
    times_s = info.frame_times_s
    starts_s = _window_starts(times_s, chosen)
    options: dict[str, object] = {"threads": _THREADS}
    position_s = 0.0
    if info.container in _SEEKABLE and starts_s[0] > max(_SEEK_START_S, info.keyframe_gap_s):
        # A little before a key frame ffmpeg would decode all since the last one.
        start_s = times_s[chosen[0]] if chosen[0] in info.key_frames else starts_s[0]
        # ffmpeg counts in microseconds, and drops what comes before; 0.01 of one is for rounding.
        position_s = math.floor(float(start_s) * 1e6 + 0.01) / 1e6
        options["ss"] = f"{position_s:.6f}"
    # Decoded times are not always the listed ones: one frame more, or the two fields that may be listed in its place.
    end = chosen[-1] + (2 if info.interlaced else 1)
    if end + 1 < len(times_s):
        options["to"] = f"{(times_s[end] + times_s[end + 1]) / 2:.6f}"
    if _are_anchors(info, chosen):
        options["skip_frame"] = "noref"
    everything = len(chosen) == info.frame_count
    expression = None if everything else _select_expression(plan, times_s[0] - position_s, starts_s - position_s)
    layout = YuvLayout.of(info, _color_matrix(info))
    source = ffmpeg.input(file_url(info.path), **options, **INPUT_OPTIONS)
    graph = _raw_frames(source, info, layout, expression)
    clock = _FrameLog(info.path)
    # Nothing is heard of ffmpeg on its way to a frame: that is no hang as long as it is no slower than a player.
    silence_s = info.keyframe_gap_s if position_s else times_s[chosen[0]] - times_s[0]
    patience_s = stall_timeout_s + float(np.diff(times_s[chosen]).max(initial=silence_s))
    # Decoders complain of every open GOP that they start in.
    errors_from = _FrameLog.FRAME if position_s else None
    latest = 0
    with Process(ffmpeg.get_args(graph), info.path, clock.feed, patience_s, errors_from) as process:
        while (picture := _next_picture(process, info, layout)) is not None:
            index, time_s = _listed(times_s, position_s + clock.next_s())
            window = int(np.searchsorted(starts_s, time_s, side="right"))
            # Filters forget what they have selected when the resolution changes, and take one more of that window.
            if everything or window > latest:
                latest = window
                yield Frame(index, time_s, picture)
        report.add(process)
    if process.error_count or clock.has_damage:
        report.damaged_s += damaged_spans(info, options, position_s, stall_timeout_s)


def _are_anchors(info: MediaInfo, chosen: np.ndarray) -> bool:
    """Tell whether frames that no other frame is coded with reference to need not be decoded."""
    has_others = len(info.anchor_frames) < info.frame_count and not info.interlaced
    return has_others and bool(np.isin(chosen, info.anchor_frames).all())


def _listed(times_s: np.ndarray, time_s: float) -> tuple[int | None, float]:
    """Recognise a frame by a time that may be rounded to microseconds."""
    index = int(nearest(times_s, np.asarray(time_s)))
    if abs(times_s[index] - time_s) < 1e-3:
        return index, float(times_s[index])
    return None, time_s


def _next_picture(process: Process, info: MediaInfo, layout: YuvLayout | None) -> Pixels | None:
    size = layout.nbytes if layout else info.height * info.width * 3
    # Memory of its own, which goes back to the system with the picture; of the heap little would.
    samples = np.frombuffer(mmap.mmap(-1, size), np.uint8)
    if not process.read_into(memoryview(samples.data).cast("B")):
        return None
    return YuvPixels(layout, samples) if layout else RgbPixels(samples.reshape(info.height, info.width, 3))


def _color_matrix(info: MediaInfo) -> str:
    # Of the picture as it is stored, as players do.
    width, height = (info.height, info.width) if info.rotation_deg in (90, 270) else (info.width, info.height)
    return info.color_matrix or ("bt709" if width > 1279 or height > 576 else "bt601")


def _raw_frames(
    source: ffmpeg.nodes.FilterableStream,
    info: MediaInfo,
    layout: YuvLayout | None,
    expression: str | None,
) -> ffmpeg.nodes.OutputStream:
    """Build the graph from the input to raw frames on standard output; ffmpeg turns them upright by itself."""
    video = source[str(info.stream)]
    if info.interlaced:
        video = video.filter("bwdif", mode="send_frame", deint="interlaced")
    if expression:
        video = video.filter("select", expression)
    video = video.filter("showinfo", checksum=0)
    if info.hdr_transfer and has_filter(find_binary(), "zscale"):
        video = _tone_map(video, info)
    # All frames of a pipe have one size and format, whatever the stream does midway.
    if layout:
        video = video.filter("scale", info.width, info.height, flags=_SCALE_FLAGS).filter("format", info.pixel_format)
    else:
        matrix = "auto" if info.color_matrix else _color_matrix(info)
        video = video.filter("scale", info.width, info.height, flags=_SCALE_FLAGS, in_color_matrix=matrix)
        video = video.filter("format", "rgb24")
    return ffmpeg.output(video, "pipe:", format="rawvideo", fps_mode="passthrough")


def _tone_map(video: ffmpeg.nodes.FilterableStream, info: MediaInfo) -> ffmpeg.nodes.FilterableStream:
    """Bring HDR to BT.709: light up to half of reference white stays as it is, brighter is compressed."""
    assumed = {
        "matrixin": None if info.color_matrix else "bt2020nc",
        "primariesin": None if info.color_primaries else "bt2020",
        "rangein": None if info.color_range else "limited",
    }
    linear = {"primaries": "bt709", "transfer": "linear", "matrix": "gbr", "npl": _REFERENCE_WHITE_NITS}
    linear |= {option: value for option, value in assumed.items() if value}
    return (
        video.filter("zscale", **linear)
        .filter("format", "gbrpf32le")
        .filter("tonemap", "mobius", param=0.5, desat=0)
        .filter("zscale", transfer="bt709", range="full")
        .filter("format", "gbrp")
    )


def _window_starts(times_s: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Give times after which the next frame is a chosen one: half-way from the one before, so rounding does no harm."""
    return (times_s[np.maximum(chosen - 1, 0)] + times_s[chosen]) / 2 - 1e-6


def _select_expression(plan: SamplingPlan, first_s: float, starts_s: np.ndarray) -> str:
    """Say in ffmpeg's language which frames to keep, so that the others are never converted or copied.

    Time is cut into windows, numbered from 1, and the first frame in each is kept. A spread has one window for each
    frame. A rate would have too many to list; there a window is what lies between two ticks.
    """
    if plan.fps is None:
        terms = [f"gte(t,{start_s:.9f})" for start_s in starts_s]
        # In groups: recent versions of ffmpeg take no more than 100 terms in a row.
        groups = ["+".join(terms[first : first + _TERMS]) for first in range(0, len(terms), _TERMS)]
        window = "+".join(f"({group})" for group in groups)
    else:
        window = f"1+floor((t-{first_s:.9f})*{plan.fps!r}+{TICK_TOLERANCE!r})"
    # Register 0 holds the number of the latest window, at first 0.
    return f"st(1,{window});st(2,gt(ld(1),ld(0)));st(0,ld(1));ld(2)"


class _FrameLog:
    """Reads the log of a `showinfo` filter, and hands out the time of each frame that passed it.

    Attributes:
        has_damage: whether something was not decoded as it was coded.
    """

    _GRAPH = re.compile(r"config in time_base: (\d+)/(\d+)")
    FRAME = re.compile(r"\bn: *\d+ pts: *(-?\d+|NOPTS) ")

    def __init__(self, path: Path):
        self._path = path
        self._time_base: Fraction | None = None
        self._last_s = 0.0
        self._times_s: queue.SimpleQueue[float] = queue.SimpleQueue()
        self.has_damage = False

    def feed(self, line: str) -> None:
        """Take one line of the log."""
        if DAMAGE.search(line):
            self.has_damage = True
        if match := self._GRAPH.search(line):
            self._time_base = Fraction(int(match[1]), int(match[2]))
        elif self._time_base and (match := self.FRAME.search(line)):
            if match[1] != "NOPTS":
                self._last_s = float(int(match[1]) * self._time_base)
            self._times_s.put(self._last_s)

    def next_s(self) -> float:
        """Give the time in seconds of the next frame, whose picture has been read already."""
        try:
            return self._times_s.get(timeout=LOG_TIMEOUT_S)
        except queue.Empty:
            raise MediaError(
                "error", f"{quoted(self._path)} could not be read: ffmpeg does not say when pictures are shown."
            ) from None
