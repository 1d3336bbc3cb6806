"""Keeps the newest picture of what is watched, and only that: whoever looks is never behind by a queue."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import numpy as np

from pipeline.live.clock import Clock
from pipeline.live.connection import Buffer, Connection, Raw
from pipeline.live.feeds import Feed
from pipeline.live.pictures import picture
from pipeline.media.types import Frame
from pipeline.media.video_probe import Banner

Item = TypeVar("Item")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 4.0
"""Before the first attempt to open a lost source again, and between later ones; each pause is twice the last."""

MOST_BEHIND_S = 5.0
"""What comes later than it was due by more than this, for as long, is opened anew: its decoder cannot keep up, or
something on the way has filled."""

_PATIENCE_S = 0.25


class Newest(Generic[Item]):
    """Holds one item: a new one takes the place of one that nobody took."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: Item | None = None

    def put(self, item: Item) -> Item | None:
        """Put an item, and give the one that it replaces."""
        with self._changed:
            replaced, self._item = self._item, item
            self._changed.notify_all()
        return replaced

    def take(self, timeout_s: float) -> Item | None:
        """Take the item; None if there is none for so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None, timeout_s)
            item, self._item = self._item, None
        return item


@dataclass(frozen=True, slots=True, eq=False)
class LiveFrame:
    """A picture of what is watched.

    Attributes:
        frame: the picture; its time is in seconds since the first one.
        due: when it was to be seen, of `time.monotonic`.
    """

    frame: Frame
    due: float


@dataclass(frozen=True, slots=True)
class Notice:
    """What became of the source.

    Attributes:
        kind: "began" with its first picture, "lost", "returned", "ended" for good, or "failed" before any picture.
        reason: why, in words.
        away_s: seconds that it was lost.
    """

    kind: Literal["began", "lost", "returned", "ended", "failed"]
    reason: str = ""
    away_s: float = 0.0


class Reader:
    """Reads a feed in a thread of its own, and opens it again when it is lost; use it in a `with`.

    Args:
        feed: what is watched.

    Attributes:
        came: number of pictures that came.
        dropped: number of those that nobody looked at.
        banner: what ffmpeg says of the source, once there is a picture.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._newest: Newest[LiveFrame] = Newest()
        self._notices: deque[Notice] = deque()
        self._held: LiveFrame | None = None
        self._free: Buffer | None = None
        self._stopped = feed.stopped
        self._clock = Clock()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.came = self.dropped = 0
        self.banner = Banner()

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopped.set()
        self._thread.join()

    def next(self) -> LiveFrame | Notice | None:
        """Give what became of the source since the last call, else the newest picture; None if there is nothing."""
        frame = self._held or (None if self._notices else self._newest.take(_PATIENCE_S))
        if self._failure:
            raise self._failure
        # What was noticed while a picture was waited for came before it.
        self._held = frame if self._notices else None
        return self._notices.popleft() if self._notices else frame

    def _run(self) -> None:
        try:
            self._read()
        except Exception as error:  # belongs to whoever looks
            self._failure = error

    def _read(self) -> None:
        pause_s = FIRST_PAUSE_S
        lost_since: float | None = None
        while not self._stopped.is_set():
            connection = Connection(self._feed)
            self._clock.begin()
            came_before = self.came
            with contextlib.closing(connection.pictures(self._buffer)) as raw:
                reason = self._read_once(connection, raw, lost_since)
            if self._stopped.is_set():
                return
            if self.came > came_before:
                pause_s, lost_since = FIRST_PAUSE_S, None
            if not self.came:
                self._notices.append(Notice("failed", reason))
                return
            # It would begin anew.
            if not self._feed.comes_back or connection.banner.duration_s is not None:
                self._notices.append(Notice("ended", reason))
                return
            if lost_since is None:
                lost_since = time.monotonic()
                self._notices.append(Notice("lost", reason))
            self._stopped.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _read_once(self, connection: Connection, pictures: Iterator[Raw], lost_since: float | None) -> str:
        """Read until it ends, and say why."""
        is_first, behind_since = True, None
        for raw in pictures:
            if self._stopped.is_set():
                return ""
            now = time.monotonic()
            # What says how long it is lies there as a whole.
            paced = self._feed.is_paced or connection.banner.duration_s is not None
            frame = self._framed(raw, now, paced)
            if paced and self._stopped.wait(max(0.0, frame.due - now)):
                return ""
            if is_first:
                is_first = False
                self.banner = connection.banner
                if lost_since is not None:
                    self._notices.append(Notice("returned", away_s=now - lost_since))
                elif not self.came:
                    self._notices.append(Notice("began"))
            self.came += 1
            replaced = self._newest.put(frame)
            if replaced is not None:
                self.dropped += 1
                self._free = replaced.frame.pixels.samples.reshape(-1)
            if now - frame.due < MOST_BEHIND_S or not self._feed.comes_back:
                behind_since = None
            elif behind_since is None:
                behind_since = now
            elif now - behind_since > MOST_BEHIND_S:
                return f"its pictures come {now - frame.due:.0f} s late"
        return connection.reason

    def _framed(self, raw: Raw, now: float, paced: bool) -> LiveFrame:
        time_s, due = self._clock.stamp(raw.time_s, now, paced=paced)
        return LiveFrame(Frame(None, time_s, picture(raw.form, raw.samples), raw.form), due)

    def _buffer(self, size: int) -> Buffer:
        """Take the memory of a picture that nobody looked at, if there is such."""
        free, self._free = self._free, None
        return free if free is not None and len(free) == size else np.empty(size, np.uint8)
