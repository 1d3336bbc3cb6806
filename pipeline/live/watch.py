"""The loop of a watch: the newest picture, its faces, who they are, what they score, and what is new."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.analysis.judged_search import JudgedSearch
from pipeline.analysis.scan import Scanner
from pipeline.analysis.stopwatch import Stopwatch
from pipeline.live.conditions import Conditions
from pipeline.live.delays import Delays
from pipeline.live.errors import SourceError
from pipeline.live.events import WORDS, Event, EventKind, Totals
from pipeline.live.feeds import Feed
from pipeline.live.people import Change, People, Person
from pipeline.live.reader import LiveFrame, Notice, Reader
from pipeline.media.types import Frame
from pipeline.media.video_probe import Banner
from pipeline.results.parts import Observation

USUAL_RATE = 10.0
"""Frames a second that are looked at: more would say the same of a face, at the cost of whatever else runs."""

# Beyond this a face is not followed from frame to frame, see `extractors.follow`.
_KEPT_S = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A frame that was looked at.

    Attributes:
        frame: the picture.
        faces: what was seen in it, with their logits, each with the number of its person.
        delay_s: seconds from when it was due until its faces were judged.
    """

    frame: Frame
    faces: Sequence[tuple[int, Observation]]
    delay_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What is known at a moment.

    Attributes:
        time_s: seconds since the first picture.
        events: what is new.
        people: all who have not left, in order of appearance.
        picture: the frame that was looked at; None where only the state of the source is new.
        is_lost: whether the source is away.
        came: number of pictures that came so far.
        looked_at: number of those that were searched for faces.
        banner: what ffmpeg says of the source.
    """

    time_s: float
    events: Sequence[Event]
    people: Sequence[Person]
    picture: Picture | None
    is_lost: bool
    came: int
    looked_at: int
    banner: Banner


class Watch:
    """Watches a feed; for one use, in a `with`.

    Args:
        feed: what is watched.
        scanner: finds and judges the faces.
        rate: frames a second to look at, at most.
        seconds: how long to watch, from the first picture on; None for as long as there are pictures.
        stopped: ends the watch once it is set.
    """

    def __init__(
        self,
        feed: Feed,
        scanner: Scanner,
        *,
        rate: float = USUAL_RATE,
        seconds: float | None = None,
        stopped: threading.Event | None = None,
    ) -> None:
        self._stopped = stopped or threading.Event()
        self._feed = feed
        self._scanner = scanner
        self._step_s = 1 / rate
        self._seconds = seconds
        self._reader = Reader(feed)
        self._people = People(scanner.model.calibration, scanner.model.thresholds)
        self._conditions = Conditions()
        self._delays = Delays()
        self._began: float | None = None
        self._time_s = 0.0
        self._is_lost = False

    def __enter__(self) -> Watch:
        self._reader.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._reader.__exit__()

    def moments(self) -> Iterator[Moment]:
        """Watch until the source or the time is over, and give each moment as soon as it is known.

        Raises:
            SourceError: the source never gives a picture.
        """
        with self._scanner.open(Stopwatch()) as search:
            next_look = time.monotonic()
            while not self._is_over():
                self._stopped.wait(max(0.0, next_look - time.monotonic()))
                found = self._reader.next()
                if isinstance(found, LiveFrame):
                    # Not from when it was taken: it may have been waited for.
                    next_look = time.monotonic() + self._step_s
                    yield self._look(search, found)
                elif isinstance(found, Notice):
                    if found.kind == "ended":
                        break
                    yield self._moment([self._event_of(found)])
                elif self._is_lost:
                    yield self._wait()
        yield self._moment([self.end()])

    def end(self) -> Event:
        """Sum up, at the end."""
        totals = self.totals()
        delay = "" if totals.delay_p95_s is None else f"; 95 of 100 were judged within {totals.delay_p95_s:.2f} s"
        message = f"The watch has ended: {totals.looked_at} of {totals.came} pictures were looked at{delay}."
        return replace(self._event("ended", message), totals=totals)

    def totals(self) -> Totals:
        """Count what became of all pictures so far."""
        return Totals(self._reader.came, self._delays.count, self._delays.quantile(0.5), self._delays.quantile(0.95))

    def _is_over(self) -> bool:
        if self._stopped.is_set():
            return True
        if self._began is None or self._seconds is None:
            return False
        return time.monotonic() - self._began >= self._seconds

    def _look(self, search: JudgedSearch, live: LiveFrame) -> Moment:
        frame = live.frame
        failure = search.search(each for each in [frame])
        assert failure is None, "a picture that is here is not decoded any more"
        seen = search.latest()
        search.forget(frame.time_s - _KEPT_S)
        changes = self._people.look(seen)
        delay_s = time.monotonic() - live.due
        self._delays.add(delay_s)
        self._time_s = frame.time_s
        events = [self._event(kind, message) for kind, message in self._conditions.look(frame, seen)]
        events += [self._event_of_change(change) for change in changes]
        return self._moment(
            [replace(event, delay_s=delay_s) for event in events], Picture(frame, self._people.latest, delay_s)
        )

    def _wait(self) -> Moment:
        """Let people leave while there is no picture."""
        self._time_s = self._elapsed_s()
        return self._moment([self._event_of_change(change) for change in self._people.wait(self._time_s)])

    def _elapsed_s(self) -> float:
        """Seconds since the first picture, also where none comes."""
        since_s = time.monotonic() - self._began if self._began is not None else 0.0
        return max(self._time_s, since_s)

    def _moment(self, events: Sequence[Event], picture: Picture | None = None) -> Moment:
        return Moment(
            self._time_s,
            events,
            self._people.present(),
            picture,
            self._is_lost,
            self._reader.came,
            self._delays.count,
            self._reader.banner,
        )

    def _event(self, kind: EventKind, message: str) -> Event:
        return Event(kind, self._time_s, datetime.now().astimezone(), message)

    def _event_of(self, notice: Notice) -> Event:
        """Tell what became of the source."""
        if notice.kind == "failed":
            raise SourceError(f"{self._feed} gives no picture: {notice.reason}")
        self._is_lost = notice.kind == "lost"
        self._time_s = self._elapsed_s()
        if notice.kind == "began":
            self._began = time.monotonic()
            codec = next((f" ({video.codec})" for video in self._reader.banner.videos), "")
            return self._event("began", f"Watching {self._feed}{codec}.")
        if notice.kind == "lost":
            return self._event("lost", f"{self._feed} is lost: {notice.reason}. It is opened again until it is back.")
        return self._event("returned", f"{self._feed} is back after {notice.away_s:.1f} s.")

    def _event_of_change(self, change: Change) -> Event:
        who, said = change.person, f"Person {change.person.id}"
        score = who.scores.fake if who.scores else None
        if change.kind == "appears":
            message = f"{said} appears."
        elif change.kind == "label" and who.label and score is not None:
            message = f"{said} is {WORDS[who.label]}: {score:.2f} over the last seconds."
        else:
            message = f"{said} has left: last seen {self._time_s - who.last_s:.1f} s ago."
        event = self._event(change.kind, message)
        return replace(event, person=who.id, score=score, label=who.label)
