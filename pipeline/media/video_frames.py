"""Decodes the chosen frames of a video file.

Frames come raw through a pipe: in the usual formats as luma and chroma, which `pixels` converts, else as RGB. A pipe
has no room for their times and sizes: a `showinfo` filter behind the one that selects frames logs them.

What a picture is like may change midway. Another size or shape of pixels is taken as it comes. Where the conversion
has to be another, as from usual to HDR colours, the pass ends and a new one begins at that frame.
"""

from __future__ import annotations

import math
import mmap
from bisect import bisect_right
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import ffmpeg
import numpy as np

from classifiers.numerals import counted
from pipeline.media.conversion import Conversion
from pipeline.media.damage import Part, damaged_spans, within
from pipeline.media.decoding_report import DecodingReport, doubts
from pipeline.media.ffmpeg import Process
from pipeline.media.ffmpeg_input import source_input
from pipeline.media.frame_log import FrameLog
from pipeline.media.pixels import RgbPixels, StretchedPixels, YuvPixels
from pipeline.media.sampling import MAX_COUNT, TICK_TOLERANCE, SamplingPlan, nearest
from pipeline.media.types import Frame, Losses, MediaError, MediaInfo, PictureForm, Pixels

SEEK_GAP_S = 5.0
"""Frames further apart than this are each reached by a seek; nearer ones come from one pass over what lies between.

Measured in CPU time: a pass takes 71 ms per second of 1080p30 H.264 and 10 ms at 360p; a seek takes 305 and 41 ms with
a key frame every 8.3 s, 113 and 22 ms with one every 2 s. They break even at 1.6 to 4.3 s. To a key frame itself a
1080p seek takes 70 ms.
"""

MAX_SILENCE_S = 300.0
"""On its way to a frame nothing is heard of ffmpeg for as long as a player would take, but no longer than this."""

_SEEKABLE = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
"""Containers with an index. In others ffmpeg guesses a position from the bit rate."""

_SEEK_START_S = 1.0
"""A pass whose first frame is later than this, and than the longest time between key frames, begins there."""

# Each thread more takes memory for a few more pictures, and 2 to 10% more CPU time in all.
_THREADS = 2
_TERMS = 32

_MOST_AGAIN = 8
"""Passes that begin where a picture changed may decode so many times the duration of the video on their way there."""

_LEAST_STEP_S = 1e-3
_ROUNDING_S = 1e-3


def read(
    info: MediaInfo, plan: SamplingPlan, warnings: list[str], losses: Losses, stall_timeout_s: float
) -> Generator[Frame, None, None]:
    """Decode what a plan chooses; see `pipeline.media.open_frames`. Adds to `warnings` and `losses`."""
    warnings += doubts(info)
    chosen = info.choose(plan)
    report = DecodingReport()
    given_s: list[float] = []
    try:
        with closing(_all_runs(info, plan, chosen, stall_timeout_s, report)) as decoded:
            for frame in decoded:
                # A file whose times are nonsense may show any number of frames at one of them.
                if (most := len(given_s)) == len(chosen) + MAX_COUNT:
                    warnings.append(f"There are more frames than the file lists: only the first {most} were looked at.")
                    break
                report.look_at(frame.form)
                if given_s and frame.time_s <= given_s[-1]:
                    report.misplaced += 1
                    frame = replace(frame, index=None, time_s=given_s[-1] + _LEAST_STEP_S)
                given_s.append(frame.time_s)
                yield frame
    except MediaError:
        losses.lost_s += _lost(info, chosen, given_s)
        raise
    if report.errors or report.signal or report.doubtful or report.is_given_up:
        losses.lost_s += _lost(info, chosen, given_s)
    for part in report.doubtful:
        losses.damaged_s += within(damaged_spans(info, part, stall_timeout_s), given_s)
    if not given_s and report.failure:
        raise report.failure
    # Where fields are coded one by one, the container lists each, and two make a frame.
    if len(given_s) < len(chosen) / (2 if info.interlaced else 1):
        warnings.append(f"Only {len(given_s)} of the {len(chosen)} chosen frames could be decoded.")
    warnings += report.warnings()


def _lost(info: MediaInfo, chosen: np.ndarray, given_s: list[float]) -> list[float]:
    """Give the times of those chosen frames in whose place no frame was given."""
    is_given = np.zeros(len(chosen), bool)
    windows = np.searchsorted(_window_starts(info.frame_times_s, chosen), given_s, side="right")
    is_given[np.maximum(windows, 1) - 1] = True
    if info.interlaced:
        # The second of two fields that are listed one by one comes with the first.
        is_given[1:] |= is_given[:-1].copy()
    return info.frame_times_s[chosen[~is_given]].tolist()


def _all_runs(
    info: MediaInfo, plan: SamplingPlan, chosen: np.ndarray, stall_timeout_s: float, report: DecodingReport
) -> Generator[Frame, None, None]:
    for run in runs(info, chosen):
        yield from _run(info, plan, run, stall_timeout_s, report)


def runs(info: MediaInfo, chosen: np.ndarray) -> list[np.ndarray]:
    """Cut the chosen frames into runs that are decoded in one pass each.

    Args:
        info: of the video.
        chosen: indices into `info.frame_times_s`, ascending.
    """
    if not _can_seek(info):
        return [chosen]
    gaps_s = np.diff(info.frame_times_s[chosen])
    # If key frames are rare, each pass has far to decode before its first frame.
    return np.split(chosen, np.flatnonzero(gaps_s > max(SEEK_GAP_S, info.keyframe_gap_s)) + 1)


def _can_seek(info: MediaInfo) -> bool:
    return info.container in _SEEKABLE and not info.has_mended_times


def _run(
    info: MediaInfo, plan: SamplingPlan, chosen: np.ndarray, stall_timeout_s: float, report: DecodingReport
) -> Generator[Frame, None, None]:
    """Decode a run of chosen frames, in one pass or, where their conversion has to change midway, in several."""
    everything = len(chosen) == info.frame_count
    passes = [_Pass(chosen, Conversion.of(info.form), everything)]
    begun, again_s = 0, 0.0
    while passes:
        this = passes.pop(0)
        change = yield from _decode(info, plan, this, stall_timeout_s, report)
        begun += 1
        if change is None:
            continue
        # A decoder may begin with another picture each time: then a frame that cannot be had is passed over.
        is_stuck = begun > 1 and not len(change.again) and len(change.rest) == len(this.chosen)
        rest = replace(this, chosen=change.rest[is_stuck:], conversion=Conversion.of(change.form))
        again = replace(this, chosen=change.again, before=rest.chosen[0] if len(rest.chosen) else this.before)
        passes[:0] = [each for each in (again, rest) if len(each.chosen)]
        again_s += sum(_way_s(info, each.chosen[0]) for each in passes[:2])
        if again_s > _MOST_AGAIN * max(info.duration_s, 1.0):
            left = sum(len(each.chosen) for each in passes)
            left_out = f"{counted(left, 'chosen frame')} {'was' if left == 1 else 'were'} not looked at"
            report.doubts["changes"] = f"The picture changes too often: {left_out}."
            report.is_given_up = True
            return


def _way_s(info: MediaInfo, frame: np.int64) -> float:
    """Give the seconds of video that are decoded on the way to a frame, at most."""
    from_start_s = float(info.frame_times_s[frame] - info.frame_times_s[0])
    return min(from_start_s, info.keyframe_gap_s) if _can_seek(info) else from_start_s


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one run of ffmpeg is to give.

    Attributes:
        chosen: indices into the frames that the container lists, ascending, at least one.
        conversion: what the pictures need.
        everything: whether all frames are kept from the first chosen one on, also those that are not listed.
        before: the frame that must not be converted any more, or None.
    """

    chosen: np.ndarray
    conversion: Conversion
    everything: bool
    before: int | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """Why a pass ended early: a frame needs another conversion.

    Attributes:
        again: those of the chosen frames that need the same, but were lost.
        rest: the chosen frames from that one on.
        form: how it is coded.
    """

    again: np.ndarray
    rest: np.ndarray
    form: PictureForm


def _decode(
    info: MediaInfo, plan: SamplingPlan, this: _Pass, stall_timeout_s: float, report: DecodingReport
) -> Generator[Frame, None, _Change | None]:
    """Decode from the first to the last chosen frame, and keep those that are chosen, as long as a conversion suits."""
    chosen, conversion = this.chosen, this.conversion
    times_s = info.container_times_s
    starts_s = _window_starts(times_s, chosen)
    options: dict[str, Any] = {"threads": _THREADS}
    position_s = 0.0
    if _can_seek(info) and starts_s[0] > max(_SEEK_START_S, info.keyframe_gap_s):
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
    expression = _select_expression(plan, times_s - position_s, chosen)
    # A rate has windows from the first frame of the file on; a spread has none behind its last frame.
    bounds = [f"gte(t,{starts_s[0] - position_s:.9f})"] if chosen[0] else []
    if this.before is not None:
        bounds.append(f"lt(t,{_window_starts(times_s, np.array([this.before]))[0] - position_s:.9f})")
    if this.everything or expression is None:
        expression = "*".join(bounds) or None
    elif bounds:
        expression = f"if({'*'.join(bounds)},{expression})"
    source = source_input(**options)
    graph = conversion.output(source[str(info.stream)], expression)
    log, part = FrameLog(info.path, sideways=info.form.sideways), Part(options, position_s)
    # Nothing is heard of ffmpeg on its way to a frame: that is no hang as long as it is no slower than a player.
    shown_s = info.frame_times_s
    silence_s = info.keyframe_gap_s if position_s else shown_s[chosen[0]] - shown_s[0]
    stall_timeout_s += min(float(np.diff(shown_s[chosen]).max(initial=silence_s)), MAX_SILENCE_S)
    # Decoders complain of every open GOP that they start in.
    errors_from = FrameLog.FRAME if position_s else None
    latest = 0
    with Process(ffmpeg.get_args(graph), info.source, log.feed, stall_timeout_s, errors_from) as process:
        while process.has_output():
            logged = log.next()
            time_s = position_s + logged.time_s
            form = _shaped(info, logged.form, time_s)
            window = int(np.searchsorted(starts_s, time_s, side="right"))
            if not this.everything and window <= latest:
                # Filters forget what they have selected when the resolution changes, and take one more of that window.
                if not process.read_into(memoryview(bytearray(conversion.nbytes(form)))):
                    break
                continue
            if not conversion.suits(form):
                report.add_errors(process, log, part)
                return _Change(chosen[:0], chosen[max(window - 1, latest) :], form)
            pixels = _next_picture(process, form, conversion)
            if pixels is None:
                break
            latest = window
            yield Frame(*_listed(info, time_s), pixels, form)
        process.finish()
        # A conversion that suits no more may fail, which is no fault of the file, and take the last good frames along.
        if unfit := next((each for each in log.rest() if not conversion.suits(each.form)), None):
            window = int(np.searchsorted(starts_s, position_s + unfit.time_s, side="right"))
            first = max(window - 1, latest)
            return _Change(chosen[latest:first], chosen[first:], unfit.form)
        report.add(process, log, part)
    return None


def _shaped(info: MediaInfo, form: PictureForm, time_s: float) -> PictureForm:
    """Give a picture the shape of pixels that the stream has at a time of the container."""
    if not info.pixel_shapes:
        return form
    place = bisect_right(info.pixel_shapes, time_s + _ROUNDING_S, key=itemgetter(0))
    return replace(form, sample_aspect_ratio=info.pixel_shapes[max(place - 1, 0)][1])


def _are_anchors(info: MediaInfo, chosen: np.ndarray) -> bool:
    """Tell whether frames that no other frame is coded with reference to need not be decoded."""
    has_others = len(info.anchor_frames) < info.frame_count and not info.interlaced
    return has_others and bool(np.isin(chosen, info.anchor_frames).all())


def _listed(info: MediaInfo, time_s: float) -> tuple[int | None, float]:
    """Recognise a frame by a time of the container, which may be rounded to microseconds; give when it is shown."""
    times_s = info.container_times_s
    index = int(nearest(times_s, np.asarray(time_s)))
    if abs(times_s[index] - time_s) < _ROUNDING_S:
        return index, float(info.frame_times_s[index])
    if info.has_mended_times:
        time_s = float(np.interp(time_s, times_s, info.frame_times_s))
    return None, max(time_s, 0.0)


def _next_picture(process: Process, form: PictureForm, conversion: Conversion) -> Pixels | None:
    layout = conversion.layout(form)
    # Memory of its own, which goes back to the system with the picture; of the heap little would.
    samples = np.frombuffer(mmap.mmap(-1, conversion.nbytes(form)), np.uint8)
    if not process.read_into(memoryview(samples.data).cast("B")):
        return None
    pixels = YuvPixels(layout, samples) if layout else RgbPixels(samples.reshape(form.height, form.width, 3))
    return pixels if form.pixel_ratio == 1 else StretchedPixels(pixels, form.shown_size)


def _window_starts(times_s: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Give times after which the next frame is a chosen one: half-way from the one before, so rounding does no harm."""
    return (times_s[np.maximum(chosen - 1, 0)] + times_s[chosen]) / 2 - 1e-6


def _select_expression(plan: SamplingPlan, times_s: np.ndarray, chosen: np.ndarray) -> str | None:
    """Say in ffmpeg's language which frames to keep, so that the others are never converted or copied.

    Time is cut into windows, numbered from 1, and the first frame in each is kept. A spread has one window for each
    frame. A rate would have too many to list; there a window is what lies between two ticks, and frames that are held
    from amid one have a window of their own. None if even those are too many: then all frames are kept.
    """
    listed, window = chosen, "0"
    if plan.fps is not None:
        ticks = plan.ticks(times_s - times_s[0])
        listed = chosen[(chosen > 0) & (ticks[chosen] == ticks[np.maximum(chosen - 1, 0)])]
        window = f"1+floor((t-{times_s[0]:.9f})*{plan.fps!r}+{TICK_TOLERANCE!r})"
    if len(listed) > MAX_COUNT:
        return None
    terms = [f"gte(t,{start_s:.9f})" for start_s in _window_starts(times_s, listed)]
    # In groups: recent versions of ffmpeg take no more than 100 terms in a row.
    groups = ["+".join(terms[first : first + _TERMS]) for first in range(0, len(terms), _TERMS)]
    window += "".join(f"+({group})" for group in groups)
    # Register 0 holds the number of the latest window, at first 0.
    return f"st(1,{window});st(2,gt(ld(1),ld(0)));st(0,ld(1));ld(2)"
