"""How long each stage of a scan takes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


class Stopwatch:
    """Adds up seconds by stage.

    Attributes:
        seconds: stage to seconds so far.
    """

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to a stage."""
        before = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - before

    def add(self, name: str, seconds: float) -> None:
        """Add seconds that went by before the watch was made."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self._started -= seconds

    def total(self) -> dict[str, float]:
        """Give the seconds by stage, and those since the watch was made as "total"."""
        return {**self.seconds, "total": time.perf_counter() - self._started}
