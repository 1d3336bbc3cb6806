"""The frames of one file in the order in which they are to be looked at, decoded ahead of whoever looks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from itertools import pairwise
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from classifiers.numerals import counted
from pipeline.media.decoding import open_frames
from pipeline.media.prefetch import Prefetch
from pipeline.media.sampling import MAX_COUNT, SamplingPlan, nearest
from pipeline.media.types import Frame, Losses, MediaInfo, PictureForm
from pipeline.media.video_frames import runs

HELD_BYTES = 128 << 20
"""Frames that wait for a later round take no more memory than this."""

Rounds = Callable[[npt.NDArray[np.float64], npt.NDArray[np.bool_]], Iterator[npt.NDArray[np.float64]]]
"""From the times of a plan's frames, and whether each is held, to the times of those to look at, round by round; the
next is asked for when one was seen."""


class FrameSource:
    """Decodes one file.

    Args:
        media: the file.
        plan: which frames to decode.

    """

    def __init__(self, media: MediaInfo, plan: SamplingPlan) -> None:
        self._media = media
        self._plan = plan
        self._warnings: list[str] = []
        self.losses = Losses()
        self._forms: dict[float, PictureForm] = {}

    @property
    def warnings(self) -> list[str]:
        """Sentences about what is wrong with the file or with how it was read, each once."""
        return self._warnings + self._changes()

    def in_order(self) -> Generator[Frame, None, None]:
        """Give all frames of the plan.

        Raises:
            MediaError: the file cannot be read to its end.
        """
        return self._decode(self._plan)

    def in_rounds(self, rounds: Rounds) -> Iterator[tuple[Generator[Frame, None, None], bool]]:
        """Give the frames of one round after the other, each in order of time.

        Where the file has to be decoded from end to end to get at some frames, that is done once, and those of later
        rounds are held. When these take up too much memory, the first round gets them too.

        Yields:
            The frames of a round, and whether they are a refinement beside the plan.
        """
        chosen = self._media.choose(self._plan)
        times_s = self._media.frame_times_s[chosen]
        one_pass = len(runs(self._media, chosen)) == 1
        held: list[Frame] | None = None
        for wanted_s in rounds(times_s, np.isin(times_s, list(self._media.holds(times_s)))):
            refinement = not np.isin(wanted_s, times_s).all()
            if refinement or not one_pass:
                yield self._at_times(wanted_s), refinement
            elif held is None:
                held = []
                yield self._all_but_held(times_s, wanted_s, held), refinement
            else:
                yield (frame for frame in held if times_s[nearest(times_s, frame.time_s)] in wanted_s), refinement

    def _all_but_held(
        self, times_s: npt.NDArray[np.float64], wanted_s: npt.NDArray[np.float64], held: list[Frame]
    ) -> Generator[Frame, None, None]:
        room = HELD_BYTES
        with contextlib.closing(self._decode(self._plan)) as frames:
            for frame in frames:
                if times_s[nearest(times_s, frame.time_s)] in wanted_s or frame.nbytes > room:
                    yield frame
                else:
                    room -= frame.nbytes
                    held.append(frame)

    def _at_times(self, times_s: npt.NDArray[np.float64]) -> Generator[Frame, None, None]:
        for start in range(0, len(times_s), MAX_COUNT):
            yield from self._decode(SamplingPlan.at_times(times_s[start : start + MAX_COUNT]))

    def _decode(self, plan: SamplingPlan) -> Generator[Frame, None, None]:
        reader = open_frames(self._media, plan)
        try:
            with Prefetch(reader) as frames:
                for frame in frames:
                    if frame.form:
                        self._forms[frame.time_s] = frame.form
                    yield frame
        finally:
            self._warnings += [warning for warning in reader.warnings if warning not in self._warnings]
            self.losses.lost_s += reader.losses.lost_s
            self.losses.damaged_s += reader.losses.damaged_s

    def _changes(self) -> list[str]:
        """Say that the picture changes midway, and when, as far as it was looked at."""
        changes = [
            (time_s, change)
            for (_, before), (time_s, after) in pairwise(sorted(self._forms.items(), key=itemgetter(0)))
            if (change := before.change_to(after))
        ]
        if not changes:
            return []
        time_s, change = changes[0]
        more = f", and {counted(len(changes) - 1, 'more time')} after that" if len(changes) > 1 else ""
        return [f"The picture changes at {time_s:.1f} s {change}{more}; each part was looked at as players show it."]
