"""How much of a file was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WHOLE = 0.9
"""A result that rests on less of the file says so. What is lacking above that is shorter than what lies between the
frames of a usual scan of 5 s, or a sound that runs on."""

MIN_READABLE = 0.25
"""A verdict needs as much of the pictures to be readable. A face that was found stays found, but of three quarters that
nobody saw anything may be true."""

MIN_SEEN_WITHOUT_FACE = 0.6
"""That there is no face is said of the whole file, so clearly more than half of it must have been seen."""

Span = tuple[float, float]
"""Start and end in seconds."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a file was seen.

    Each frame that was looked at stands for the time up to half-way to the one before and after it, and at least for
    as long as it is shown.

    Attributes:
        duration_s: the time of the file in seconds, from its first moment on, also where only sound is heard; 0 for a
            still picture.
        seen: share of it that the frames stand for which could be read, 0 to 1.
        with_face: share of the frames that could be read which show a face, 0 to 1; 0 if none could.
        not_looked_at: where there is no picture to look at, in order.
        not_readable: where no frame could be decoded, or only with errors and no face was found in what came of that;
            in order.
        damaged: where faces were found in frames that were decoded with errors, so that they may look other than they
            are; a part of what was seen, in order.
    """

    duration_s: float
    seen: float
    with_face: float
    not_looked_at: tuple[Span, ...] = ()
    not_readable: tuple[Span, ...] = ()
    damaged: tuple[Span, ...] = ()

    @property
    def readable(self) -> float:
        """Share of the time with pictures in which they could be read, 0 to 1."""
        pictures_s = self.duration_s - length(self.not_looked_at)
        return 1 - length(self.not_readable) / pictures_s if pictures_s > 0 else self.seen

    @property
    def allows_verdict(self) -> bool:
        """Whether enough could be read to judge the faces in it."""
        return self.readable >= MIN_READABLE

    @property
    def allows_no_face(self) -> bool:
        """Whether enough was seen to say that there is no face."""
        return self.allows_verdict and self.seen >= MIN_SEEN_WITHOUT_FACE

    @property
    def is_whole(self) -> bool:
        """Whether so much was seen that a result need not say how much."""
        return self.seen >= WHOLE

    @property
    def unseen(self) -> tuple[Span, ...]:
        """When nothing was seen, for whatever reason."""
        return self.not_looked_at + self.not_readable

    def is_readable(self, time_s: float) -> bool:
        """Tell whether the picture of a moment could be read, if there is one."""
        return not any(start_s <= time_s < end_s for start_s, end_s in self.not_readable)


def percent(share: float) -> str:
    """Write a share: never as all where something is lacking, nor as nothing where there is something."""
    return f"{max(int(100 * share + 1e-6), 1 if share > 0 else 0)}%"


def length(spans: Sequence[Span]) -> float:
    """Give the seconds that spans last together."""
    return sum(end_s - start_s for start_s, end_s in spans)
