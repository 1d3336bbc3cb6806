"""Decodes the chosen frames of a video file.

Frames come as raw RGB through a pipe, which has no room for timestamps. Two `showinfo` filters log them: one sees every
decoded frame and so counts them, the other only those that are selected.
"""

from __future__ import annotations

import queue
import re
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import ffmpeg
import numpy as np

from pipeline.ffmpeg import INPUT_OPTIONS, Process, file_url, find_binary, has_filter
from pipeline.media import Frame, MediaError, MediaInfo, quoted
from pipeline.sampling import TICK_TOLERANCE, SamplingPlan

SEEK_GAP_S = 5.0
"""Frames further apart than this are sought one by one, nearer ones are picked from one pass over the whole file.

Measured in CPU time: a pass takes 71 ms per second of 1080p30 H.264 and 10 ms at 360p; a seek takes 305 and 41 ms with
a key frame every 8.3 s, 113 and 22 ms with one every 2 s. They break even at 1.6 to 4.3 s.
"""

_SEEKABLE = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
"""Containers with an index. In others ffmpeg guesses a position from the bit rate."""

_LOG_TIMEOUT_S = 5.0

# The default conversion of swscale is four times as fast, but off by up to 3 levels, blocky in colour, and not the same
# on every CPU. These flags make it exact to 1 level: 10 ms for a 1080p frame.
_SCALE_FLAGS = "bilinear+accurate_rnd+full_chroma_int+bitexact"
_KNOWN_MATRICES = {"bt709", "smpte170m", "bt470bg", "fcc", "smpte240m", "bt2020nc", "gbr"}
_REFERENCE_WHITE_NITS = 203  # of HDR, ITU-R BT.2408


def read(
    info: MediaInfo, plan: SamplingPlan, warnings: list[str], stall_timeout_s: float
) -> Generator[Frame, None, None]:
    """Decode what a plan chooses; see `pipeline.media.open_frames`. Adds to `warnings`."""
    warnings += _doubts(info)
    chosen = plan.choose(info.frame_times_s, info.end_s)
    report = _Report()
    decode = _seek_each if _is_worth_seeking(info, len(chosen)) else _pass_once
    frames = 0
    with closing(decode(info, plan, chosen, stall_timeout_s, report)) as decoded:
        for frame in decoded:
            frames += 1
            yield frame
    if not frames:
        raise report.failure
    # Where fields are coded one by one, the container lists each, and two make a frame.
    if frames < len(chosen) / (2 if info.interlaced else 1):
        warnings.append(f"Only {frames} of the {len(chosen)} chosen frames could be decoded.")
    warnings += report.warnings()


def _is_worth_seeking(info: MediaInfo, count: int) -> bool:
    """Tell whether to start ffmpeg for each frame. If key frames are rare, each start has far to decode."""
    gap_s = info.duration_s / count
    return info.container in _SEEKABLE and count > 1 and gap_s > max(SEEK_GAP_S, info.keyframe_gap_s)


@dataclass(slots=True)
class _Report:
    """What ffmpeg said of the file."""

    errors: int = 0
    first_error: str = ""
    failure: MediaError | None = None
    signal: int = 0

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
            found.append(f"ffmpeg reported {self.errors} errors, the first: {self.first_error}.")
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


def _pass_once(
    info: MediaInfo, plan: SamplingPlan, chosen: np.ndarray, stall_timeout_s: float, report: _Report
) -> Generator[Frame, None, None]:
    """Decode the whole video and keep what is chosen."""
    starts_s = _window_starts(info.frame_times_s, chosen)
    expression = None if len(chosen) == info.frame_count else _select_expression(plan, info.frame_times_s[0], starts_s)
    source = ffmpeg.input(file_url(info.path), **INPUT_OPTIONS)
    graph = _raw_frames(source, info, expression)
    clock = _FrameLog(info.path)
    latest = 0
    with Process(ffmpeg.get_args(graph), info.path, clock.feed, stall_timeout_s) as process:
        while (image := _next_image(process, info)) is not None:
            index, time_s = clock.next()
            window = int(np.searchsorted(starts_s, time_s, side="right"))
            # Filters forget what they have selected when the resolution changes, and take one more of that window.
            if expression is None or window > latest:
                latest = window
                yield Frame(index, time_s, image)
        report.add(process)


def _seek_each(
    info: MediaInfo, plan: SamplingPlan, chosen: np.ndarray, stall_timeout_s: float, report: _Report
) -> Generator[Frame, None, None]:
    """Start ffmpeg anew for each chosen frame, a little before it."""
    times_s = info.frame_times_s
    for start_s in _window_starts(times_s, chosen).tolist():
        position_s = max(0.0, round(start_s, 6))  # ffmpeg counts in microseconds, and drops what comes before
        source = ffmpeg.input(file_url(info.path), ss=f"{position_s:.6f}", **INPUT_OPTIONS)
        graph = _raw_frames(source, info, None, **{"frames:v": 1})
        clock = _FrameLog(info.path)
        with Process(ffmpeg.get_args(graph), info.path, clock.feed, stall_timeout_s) as process:
            image = _next_image(process, info)
            if image is None:  # decoders complain of every open GOP that they start in, so only this counts
                report.add(process)
                continue
        yield Frame(*_listed(times_s, position_s + clock.next()[1]), image)


def _listed(times_s: np.ndarray, time_s: float) -> tuple[int | None, float]:
    """Recognise a frame by a time that seeking has rounded to the position it started from."""
    nearest = int(np.abs(times_s - time_s).argmin())
    if abs(times_s[nearest] - time_s) < 1e-3:
        return nearest, float(times_s[nearest])
    return None, time_s


def _next_image(process: Process, info: MediaInfo) -> np.ndarray | None:
    image = np.empty((info.height, info.width, 3), np.uint8)
    return image if process.read_into(memoryview(image).cast("B")) else None


def _raw_frames(
    source: ffmpeg.nodes.FilterableStream,
    info: MediaInfo,
    expression: str | None,
    **options: object,
) -> ffmpeg.nodes.OutputStream:
    """Build the graph from the input to raw RGB on standard output; ffmpeg turns frames upright by itself."""
    video = source[str(info.stream)]
    if info.interlaced:
        video = video.filter("bwdif", mode="send_frame", deint="interlaced")
    video = video.filter("showinfo", checksum=0)
    if expression:
        video = video.filter("select", expression)
    video = video.filter("showinfo", checksum=0)
    if info.hdr_transfer and has_filter(find_binary(), "zscale"):
        video = _tone_map(video, info)
    matrix = "auto" if info.color_matrix else "bt709" if info.width > 1279 or info.height > 576 else "bt601"
    # All frames of a pipe have one size, whatever the stream does midway.
    video = video.filter("scale", info.width, info.height, flags=_SCALE_FLAGS, in_color_matrix=matrix)
    return ffmpeg.output(video.filter("format", "rgb24"), "pipe:", format="rawvideo", fps_mode="passthrough", **options)


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
        window = "+".join(f"gte(t,{start_s:.9f})" for start_s in starts_s)
    else:
        window = f"1+floor((t-{first_s:.9f})*{plan.fps!r}+{TICK_TOLERANCE!r})"
    # Register 0 holds the number of the latest window, at first 0.
    return f"st(1,{window});st(2,gt(ld(1),ld(0)));st(0,ld(1));ld(2)"


class _FrameLog:
    """Reads the log of the two `showinfo` filters, and hands out the number and time of each selected frame.

    Both filters count their frames from 0, so a line belongs to the first if its number is the next one there: the
    second never counts further than the first. The prefix of a line does not tell, it is missing when another thread of
    ffmpeg has left a line unfinished. Counting starts again when the graph is built anew, as it is when the resolution
    of a stream changes.
    """

    _GRAPH = re.compile(r"config in time_base: (\d+)/(\d+)")
    _FRAME = re.compile(r"\bn: *(\d+) pts: *(-?\d+|NOPTS) ")

    def __init__(self, path: Path):
        self._path = path
        self._time_base: Fraction | None = None
        self._earlier = 0
        self._decoded = 0
        self._selected = 0
        self._last_time_s = 0.0
        self._times: queue.SimpleQueue[tuple[int, float]] = queue.SimpleQueue()

    def feed(self, line: str) -> None:
        """Take one line of the log."""
        if match := self._GRAPH.search(line):
            self._time_base = Fraction(int(match[1]), int(match[2]))
            self._earlier += self._decoded
            self._decoded = self._selected = 0
        elif self._time_base and (match := self._FRAME.search(line)):
            number = int(match[1])
            if number == self._decoded:
                self._decoded += 1
            elif number == self._selected:
                self._selected += 1
                if match[2] != "NOPTS":
                    self._last_time_s = float(int(match[2]) * self._time_base)
                self._times.put((self._earlier + self._decoded - 1, self._last_time_s))

    def next(self) -> tuple[int, float]:
        """Give the number and the time of the next selected frame, whose picture has been read already."""
        try:
            return self._times.get(timeout=_LOG_TIMEOUT_S)
        except queue.Empty:
            raise MediaError(
                "error", f"{quoted(self._path)} could not be read: ffmpeg does not say when pictures are shown."
            ) from None
