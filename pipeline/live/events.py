"""What is told of a watch, a line each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pipeline.results.parts import Label, rounded

EventKind = Literal[
    "began", "appears", "label", "leaves", "no_face", "dark", "light", "size", "doubt", "lost", "returned", "ended"
]

WORDS: dict[Label, str] = {
    "likely_fake": "likely fake",
    "inconclusive": "inconclusive",
    "likely_real": "likely real",
}


@dataclass(frozen=True, slots=True)
class Totals:
    """What became of all pictures.

    Attributes:
        came: number of pictures that came.
        looked_at: number of those that were searched for faces.
        delay_p50_s: half of these were judged within so many seconds after they were due.
        delay_p95_s: 95 of 100 of these were.
    """

    came: int
    looked_at: int
    delay_p50_s: float | None
    delay_p95_s: float | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        kind: what.
        time_s: when, in seconds since the first picture.
        at: the same by the clock of the wall, with its time zone.
        message: one sentence about it.
        delay_s: seconds from when the picture that showed it was due until it was told; None where none did.
        person: who, by number.
        score: of the last seconds, 0 to 1, 1 = fake.
        label: of that score.
        totals: at the end, of the whole watch.
    """

    kind: EventKind
    time_s: float
    at: datetime
    message: str
    delay_s: float | None = None
    person: int | None = None
    score: float | None = None
    label: Label | None = None
    totals: Totals | None = None

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data; what does not apply is null."""
        totals = self.totals
        return {
            "event": self.kind,
            "time_s": rounded(self.time_s, 3),
            "at": self.at.isoformat(timespec="milliseconds"),
            "delay_s": rounded(self.delay_s, 3),
            "person": self.person,
            "score": rounded(self.score),
            "label": self.label,
            "message": self.message,
            **(
                {
                    "frames_came": totals.came,
                    "frames_looked_at": totals.looked_at,
                    "delay_p50_s": rounded(totals.delay_p50_s, 3),
                    "delay_p95_s": rounded(totals.delay_p95_s, 3),
                }
                if totals
                else {}
            ),
        }

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S}  {clock(self.time_s)}  {self.message}"


def clock(time_s: float) -> str:
    """Write a time as hours, minutes and seconds."""
    minutes, seconds = divmod(max(time_s, 0.0), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{seconds:04.1f}"
