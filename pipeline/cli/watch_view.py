"""What a terminal shows of a watch, kept up to date in place."""

from __future__ import annotations

import time
from collections import deque

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.live.events import WORDS, Event, clock
from pipeline.live.people import Person
from pipeline.live.watch import Moment
from pipeline.media.errors import printable

_STYLES = {"likely_fake": "bold red", "inconclusive": "yellow", "likely_real": "bold blue"}
_EVENTS = 8
_BAR = 20
_EVERY_S = 0.2
_RATE_S = 3.0


class WatchView:
    """Shows who is there, and the latest events; use it in a `with`.

    Args:
        name: of what is watched.
    """

    def __init__(self, name: str) -> None:
        self._name = printable(name)
        self._events: deque[Event] = deque(maxlen=_EVENTS)
        self._looks: deque[tuple[float, float]] = deque()
        self._shown = 0.0
        self._live = Live(auto_refresh=False)

    def __enter__(self) -> WatchView:
        self._live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, moment: Moment) -> None:
        """Show a moment; those between two that are shown are left out."""
        self._events.extend(moment.events)
        now = time.monotonic()
        if moment.picture:
            self._looks.append((now, moment.picture.delay_s))
        while self._looks and self._looks[0][0] < now - _RATE_S:
            self._looks.popleft()
        if moment.events or now - self._shown >= _EVERY_S:
            self._shown = now
            self._live.update(Group(self._head(moment), self._people(moment), *self._lines()), refresh=True)

    def _head(self, moment: Moment) -> Text:
        head = Text(f"{self._name}  {clock(moment.time_s)}", style="bold")
        if moment.is_lost:
            return head.append("  lost, opened again until it is back", style="bold red")
        if self._looks:
            rate = len(self._looks) / _RATE_S
            head.append(f"  {rate:.0f} frames a second, {self._looks[-1][1]:.1f} s behind", style="not bold")
        return head

    def _people(self, moment: Moment) -> Table:
        table = Table(box=None, pad_edge=False, show_edge=False)
        for name in ("person", "score", "", "label", "since", "last seen"):
            table.add_column(name, no_wrap=True)
        for person in moment.people:
            table.add_row(*_row(person, moment.time_s))
        if not moment.people:
            table.add_row("nobody")
        return table

    def _lines(self) -> list[Text]:
        return [Text(str(event), style="dim", no_wrap=True, overflow="ellipsis") for event in self._events]


def _row(person: Person, time_s: float) -> tuple[str | Text, ...]:
    away_s = time_s - person.last_s
    seen = "now" if away_s < 1 else f"{away_s:.0f} s ago"
    if person.scores is None or person.label is None:
        return str(person.id), "", "", "not judged yet", clock(person.since_s), seen
    score, style = person.scores.fake, _STYLES[person.label]
    filled = round(_BAR * score)
    bar = Text("#" * filled, style=style).append("." * (_BAR - filled), style="dim")
    return str(person.id), f"{score:.2f}", bar, Text(WORDS[person.label], style=style), clock(person.since_s), seen
