"""Lets threads work beside each other, or one alone."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Turnstile:
    """Lets through any number of threads beside each other, or one while no other is at work."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._waiting_alone = 0

    @contextlib.contextmanager
    def beside_others(self) -> Iterator[None]:
        """Work while others do; not while one wants to be alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting_alone)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Work while nobody else does."""
        with self._changed:
            self._waiting_alone += 1
            self._changed.wait_for(lambda: not self._inside)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._waiting_alone -= 1
                self._changed.notify_all()
