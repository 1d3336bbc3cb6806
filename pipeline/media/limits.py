"""How much memory and time a file may take."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.media.errors import MediaError, quoted


class StoppedError(Exception):
    """Work on a file was broken off because nobody wants its result any more."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may take.

    Attributes:
        memory_bytes: address space of each process that decodes it.
        timeout_s: seconds for hashing, probing and decoding it together; those in which nothing of it is waited for do
            not count.
    """

    memory_bytes: int = 2 << 30
    timeout_s: float = 600.0


class TimeLimit:
    """Counts the seconds in which a file is waited for. One thread waits at a time; any may ask `is_over`.

    Args:
        seconds: how many there may be.
        stopped: ends the time at once when it is set.
        spent_s: how many have gone by already.
    """

    def __init__(self, seconds: float, stopped: threading.Event | None = None, spent_s: float = 0.0) -> None:
        self._seconds = seconds
        self._stopped = stopped
        self._spent_s = spent_s
        self._since: float | None = None

    def begin(self) -> None:
        """Begin to wait."""
        self._since = time.monotonic()

    def end(self) -> None:
        """End a wait."""
        since, self._since = self._since, None
        self._spent_s += time.monotonic() - since if since is not None else 0.0

    @property
    def is_over(self) -> bool:
        """Whether no more time is left, or the work was stopped."""
        if self._stopped is not None and self._stopped.is_set():
            return True
        since = self._since
        return self._spent_s + (time.monotonic() - since if since is not None else 0.0) > self._seconds

    def check(self, path: Path) -> None:
        """Break off the work on a file if its time is over.

        Raises:
            MediaError: status "timeout", no more time is left.
            StoppedError: the work was stopped.
        """
        if not self.is_over:
            return
        if self._stopped is not None and self._stopped.is_set():
            raise StoppedError
        raise MediaError(
            "timeout", f"{quoted(path)} takes longer than {self._seconds:g} s to read: allow more with --timeout."
        )
