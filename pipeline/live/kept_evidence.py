"""What was seen in a watch of any length, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from classifiers.numerals import counted
from pipeline.analysis.analyse import Analysis
from pipeline.live.watch import Picture
from pipeline.results.coverage import Coverage, Span
from pipeline.results.parts import Observation, Track

MOST_FRAMES = 4096
"""Of more frames every second one is let go, and so again: what is kept is spread evenly over the whole."""

_GAP_S = 2.0
"""A longer time without a picture was not looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    number: int
    time_s: float
    faces: Sequence[tuple[int, Observation]]


class KeptEvidence:
    """Keeps the faces of frames that were looked at, and makes of them what a scan makes of a file.

    Args:
        most_frames: that are kept.

    Attributes:
        frames: number of frames that were looked at.
        end_s: time of the last one.
    """

    def __init__(self, most_frames: int = MOST_FRAMES) -> None:
        self._most_frames = most_frames
        self._every = 1
        self._kept: list[_Kept] = []
        self._gaps: list[Span] = []
        self.frames = 0
        self.end_s = 0.0

    def add(self, picture: Picture) -> None:
        """Take in a picture that is later than every one before it."""
        time_s = picture.frame.time_s
        if self.frames and time_s - self.end_s > _GAP_S:
            self._gaps.append((self.end_s, time_s))
        if self.frames % self._every == 0:
            self._kept.append(_Kept(self.frames, time_s, picture.faces))
        self.frames += 1
        self.end_s = time_s
        if len(self._kept) > self._most_frames:
            self._every *= 2
            self._kept = [kept for kept in self._kept if kept.number % self._every == 0]

    def analysis(self) -> Analysis:
        """Give what was seen: one track for each person who is left in what is kept."""
        people: dict[int, list[Observation]] = {}
        for kept in self._kept:
            for number, seen in kept.faces:
                people.setdefault(number, []).append(seen)
        warnings = []
        if self._every > 1:
            looked_at = counted(self.frames, "frame")
            warnings.append(f"{looked_at} were looked at; what was seen in one of {self._every} is kept here.")
        return Analysis(
            frames=len(self._kept),
            tracks=[Track(number, people[number]) for number in sorted(people)],
            warnings=warnings,
            coverage=self._coverage(),
        )

    def _coverage(self) -> Coverage:
        unseen_s = sum(end_s - start_s for start_s, end_s in self._gaps)
        with_face = sum(bool(kept.faces) for kept in self._kept) / max(1, len(self._kept))
        seen = 1 - unseen_s / self.end_s if self.end_s else float(bool(self.frames))
        return Coverage(self.end_s, seen, with_face, not_looked_at=tuple(self._gaps))
