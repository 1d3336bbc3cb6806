"""Who is seen: people who come, are judged, and leave."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Literal

from classifiers.calibration import Calibration, Scores, Thresholds
from extractors import Face
from pipeline.analysis.aggregate import MIN_OBSERVATIONS
from pipeline.analysis.tracks import SeenFrame, Tracker
from pipeline.live.rolling import RollingScore, next_label
from pipeline.results.parts import Label, Observation, Track

COMES_BACK_S = 5.0
"""Who is taken up again where they were expected within this time has never left."""

# In place of a number of missed frames, of which more or fewer are looked at.
_ANY_NUMBER = 10_000
_KEPT_S = 1.0


@dataclass(slots=True, eq=False)
class Person:
    """Somebody who is followed.

    Attributes:
        id: counts from 1 in order of appearance.
        since_s: when they were first seen.
        last_s: when they were last seen.
        face: where, in pixels of that frame.
        seen: number of frames in which they were seen.
        rolling: scores of the last seconds.
        scores: of the last seconds; None while too little was seen.
        label: of that score; None while there is none.
    """

    id: int
    since_s: float
    last_s: float
    face: Face
    rolling: RollingScore = field(repr=False)
    seen: int = 0
    scores: Scores | None = None
    label: Label | None = None

    @property
    def is_certain(self) -> bool:
        """Whether they were seen often enough to be told of: what is taken for a face in one frame is none."""
        return self.seen >= MIN_OBSERVATIONS


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What is new about a person."""

    kind: Literal["appears", "label", "leaves"]
    person: Person


class People:
    """Follows people from frame to frame, and judges each by the last seconds.

    Args:
        calibration: of the model.
        thresholds: of the model.

    Attributes:
        latest: the faces of the last frame, each with the number of its person.
    """

    def __init__(self, calibration: Calibration, thresholds: Thresholds) -> None:
        self.latest: list[tuple[int, Observation]] = []
        self._calibration, self._thresholds = calibration, thresholds
        self._tracker = Tracker(max_missed=_ANY_NUMBER, max_gap_s=COMES_BACK_S)
        self._followed: dict[int, Person] = {}
        self._time_s = 0.0

    def look(self, frame: SeenFrame) -> list[Change]:
        """Take in a frame that is later than every one before it, whose faces have their logits.

        Returns:
            What is new, people who leave first.
        """
        changes = self.wait(frame.time_s)
        self._time_s = frame.time_s
        self._tracker.add(frame)
        tracks = self._tracker.open()
        changes += self._leave(self._followed.keys() - {track.id for track in tracks})
        seen = [track for track in tracks if track.observations[-1].time_s == frame.time_s]
        self.latest = [(track.id, track.observations[-1]) for track in seen]
        for track in seen:
            changes += self._see(track)
        self._tracker.forget(frame.time_s - _KEPT_S)
        return changes

    def wait(self, time_s: float) -> list[Change]:
        """Note that there is no picture up to a time; after a while nobody is taken up again."""
        if time_s - self._time_s <= COMES_BACK_S:
            return []
        self._tracker.end_shot()
        return self._leave(set(self._followed))

    def present(self) -> list[Person]:
        """Give all who have not left, in order of appearance."""
        return [person for person in self._followed.values() if person.is_certain]

    def _leave(self, numbers: Set[int]) -> list[Change]:
        gone = [self._followed.pop(number) for number in sorted(numbers)]
        return [Change("leaves", person) for person in gone if person.is_certain]

    def _see(self, track: Track) -> Iterator[Change]:
        """Take in the last face of a track."""
        seen = track.observations[-1]
        assert seen.logits is not None, "faces are judged before they are followed"
        person = self._followed.get(track.id)
        if person is None:
            person = Person(track.id, seen.time_s, seen.time_s, seen.face, RollingScore(self._calibration))
            self._followed[track.id] = person
        person.last_s, person.face, person.seen = seen.time_s, seen.face, person.seen + 1
        person.rolling.add(seen.time_s, seen.logits, seen.quality)
        if person.seen == MIN_OBSERVATIONS:
            yield Change("appears", person)
        person.scores = person.rolling.scores()
        if person.scores is None:
            return
        label = next_label(person.label, person.scores.fake, self._thresholds)
        if label != person.label:
            person.label = label
            yield Change("label", person)
