"""Which frames of a video to look at.

A plan knows nothing of files or decoders: it takes the presentation times of all frames and names the ones to look at.
Four plans exist:

    SamplingPlan.spread(32)      32 frames spread evenly over the whole duration
    SamplingPlan.at_fps(2.0)     two frames a second, however long the video
    SamplingPlan.every_frame()   all of them
    SamplingPlan.at_times(...)   those on screen at given times, to look at them again
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifiers.numerals import counted
from pipeline.media.holds import held

DEFAULT_COUNT = 32

MAX_COUNT = 512
"""The most frames a spread may ask for: each one is a term of the expression that ffmpeg evaluates on every frame of
the video, and the whole expression has to fit on a command line (32 KiB on Windows)."""

SLACK = 0.45
"""Tolerance of a spread that scans use: neighbouring frames never fall together."""

TICK_TOLERANCE = 1e-3
"""How much of a tick a frame may come early and still count: 3 x 1/30 s is not quite 0.1 s in binary."""


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """A rule that chooses frames by their presentation time; build one with the class methods.

    `str(plan)` says in words what it takes.

    Attributes:
        count: Number of frames to spread evenly, or None.
        fps: Frames per second to take, or None.
        times_s: Presentation times of the frames to take, or None. With all three None every frame is taken.
        tolerance: How far from the middle of its slice a spread may take a frame that is cheaper to decode, in slices.
    """

    count: int | None = None
    fps: float | None = None
    times_s: tuple[float, ...] | None = None
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if self.count is not None and self.fps is not None:
            raise ValueError("a sampling plan has a count or a rate, not both")
        if self.count is not None and not 1 <= self.count <= MAX_COUNT:
            raise ValueError(f"a spread takes 1 to {MAX_COUNT} frames, not {self.count}; for more, sample by rate")
        if self.fps is not None and not (math.isfinite(self.fps) and self.fps > 0):
            raise ValueError(f"frames per second must be a positive number, not {self.fps}")
        if not 0 <= self.tolerance < 0.5:
            raise ValueError(f"a tolerance is at least 0 and less than half a slice, not {self.tolerance}")

    def __str__(self) -> str:
        if self.times_s is not None:
            return counted(len(self.times_s), "chosen frame")
        if self.count is not None:
            cheaper = "a cheaper one near it" if self.count == 1 else "cheaper ones near them"
            return counted(self.count, "evenly spread frame") + (f", or {cheaper}" if self.tolerance else "")
        if self.fps is not None:
            return f"{self.fps:g} {'frame' if self.fps == 1 else 'frames'} per second"
        return "every frame"

    @classmethod
    def spread(cls, count: int = DEFAULT_COUNT, tolerance: float = 0.0) -> SamplingPlan:
        """Take `count` frames, one for each of `count` equal slices of the duration.

        Each is the frame that is on screen in the middle of its slice, or the nearest one that is cheaper to decode if
        it is no further from it than `tolerance` slices; that saves a third of the time of decoding, and more where
        frames are far apart. A video of no more than `count` frames gives all of them; a longer one gives exactly
        `count` different ones, also where its frame rate varies: a frame that is held for many slices is taken once,
        and the slices are cut from the time that such frames leave.

        Raises:
            ValueError: `count` is not within 1 and `MAX_COUNT`, or `tolerance` not at least 0 and less than 0.5.
        """
        return cls(count=count, tolerance=float(tolerance))

    @classmethod
    def at_fps(cls, fps: float) -> SamplingPlan:
        """Take the first frame at or after every multiple of 1/`fps` seconds, counted from the first frame.

        Where none begins from one multiple to the next, that is the frame which is on screen; each is taken once. So a
        rate above that of the video gives every frame.

        Raises:
            ValueError: `fps` is not a positive, finite number.
        """
        return cls(fps=float(fps))

    @classmethod
    def every_frame(cls) -> SamplingPlan:
        """Take every frame."""
        return cls()

    @classmethod
    def at_times(cls, times_s: Iterable[float]) -> SamplingPlan:
        """Take the frames whose presentation times are nearest to the given ones, each once.

        Raises:
            ValueError: there are none, or more than `MAX_COUNT` of them.
        """
        times = tuple(float(time_s) for time_s in times_s)
        if not 0 < len(times) <= MAX_COUNT:
            raise ValueError(f"a plan of chosen frames takes 1 to {MAX_COUNT} of them, not {len(times)}")
        return cls(times_s=times)

    def choose(
        self, times_s: npt.NDArray[np.float64], end_s: float, cheaper: Sequence[npt.NDArray[np.int64]] = ()
    ) -> npt.NDArray[np.int64]:
        """Choose among the frames of one video.

        Args:
            times_s: Presentation times of all its frames in seconds, float64 of shape (frames,), ascending.
            end_s: Time in seconds at which the last frame stops being shown.
            cheaper: Indices, ascending, of those that are cheaper to decode; of several sets the cheapest first.

        Returns:
            Indices into `times_s`, int64, strictly ascending.
        """
        frames = len(times_s)
        everything = np.arange(frames)
        if self.times_s is not None and frames:
            return np.unique(nearest(times_s, np.asarray(self.times_s)))
        if self.fps is not None and frames:
            ticks = self.ticks(np.append(times_s, end_s) - times_s[0])
            begins, stays = np.diff(ticks[:-1], prepend=-1.0) > 0, np.diff(ticks) > 1
            return everything[begins | stays]
        if self.count is None or frames <= self.count:
            return everything

        shown_s = np.diff(times_s, append=end_s)
        is_held, _ = held(shown_s, self.count)
        others = np.flatnonzero(~is_held)
        # The clock of the others stands still while a frame is held.
        still_s = np.cumsum(np.where(is_held, shown_s, 0.0))
        clock_s = (times_s - still_s)[others]
        cheaper = [np.flatnonzero(np.isin(others, indices)) for indices in cheaper]
        spread = _spread(clock_s, end_s - still_s[-1], self.count - int(is_held.sum()), self.tolerance, cheaper)
        return np.union1d(others[spread], np.flatnonzero(is_held))

    def ticks(self, elapsed_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Count the whole steps of 1/`fps` seconds in times since the first frame."""
        return np.floor(elapsed_s * (self.fps or 0.0) + TICK_TOLERANCE)


def _spread(
    times_s: npt.NDArray[np.float64],
    end_s: float,
    count: int,
    tolerance: float,
    cheaper: Sequence[npt.NDArray[np.int64]],
) -> npt.NDArray[np.int64]:
    """Choose one of the frames for each of `count` equal slices of time."""
    slice_s = (end_s - times_s[0]) / count
    centres = times_s[0] + (np.arange(count) + 0.5) * slice_s
    shown = np.searchsorted(times_s, centres + 1e-6, side="right") - 1  # a microsecond for rounding
    # Where frames are sparse, neighbouring slices want the same one: move on to the next that is free,
    # and leave enough of them for the slices that follow.
    order = np.arange(count)
    distinct = np.maximum.accumulate(shown - order) + order
    chosen = np.minimum(distinct, len(times_s) - count + order)
    preferred = chosen
    for indices in reversed([indices for indices in cheaper if len(indices)]):
        near = indices[nearest(times_s[indices], times_s[chosen])]
        is_near = np.abs(times_s[near] - times_s[chosen]) <= tolerance * slice_s
        preferred = np.where(is_near, near, preferred)
    return preferred if (np.diff(preferred) > 0).all() else chosen


def nearest(times_s: npt.NDArray[np.float64], wanted_s: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Give the index of the time nearest to each wanted one, the earlier of two as near.

    Args:
        times_s: Not empty, ascending.
        wanted_s: In any order.
    """
    wanted_s = np.asarray(wanted_s)
    after = np.searchsorted(times_s, wanted_s).clip(1, max(len(times_s) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(times_s) - 1)
    nearer_before = wanted_s - times_s[before] <= times_s[after] - wanted_s
    return np.where(nearer_before, before, after)
