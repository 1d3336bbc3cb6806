"""Gives tasks to workers that come and go: to the one that has most room, or to one that has nothing else to do."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

Worker = TypeVar("Worker", bound=Hashable)


class Places(Generic[Worker]):
    """Keeps count of what each worker is at; several threads may use it at a time."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._one_alone = threading.Lock()
        self._rooms: dict[Worker, int] = {}
        self._at_work: dict[Worker, int] = {}
        self._reserved: Worker | None = None
        self._ended: Exception | None = None

    def open(self, worker: Worker, at_a_time: int) -> None:
        """Let a worker have tasks, so many at a time."""
        with self._changed:
            self._rooms[worker], self._at_work[worker] = at_a_time, 0
            self._changed.notify_all()

    def close(self, worker: Worker) -> None:
        """Give a worker no more tasks."""
        with self._changed:
            self._rooms.pop(worker, None)
            self._forget(worker)
            self._changed.notify_all()

    def end(self, reason: Exception) -> None:
        """Give nobody any more tasks: whoever wants to have one done gets the reason, of which the first counts."""
        with self._changed:
            self._ended = self._ended or reason
            self._changed.notify_all()

    @contextlib.contextmanager
    def beside_others(self) -> Iterator[Worker]:
        """Wait for a worker that has room, and take a place there."""
        with self._taken(self._freest) as worker:
            yield worker

    @contextlib.contextmanager
    def alone(self) -> Iterator[Worker]:
        """Wait until a worker has nothing else to do, and keep it so; one task after the other has that."""
        with self._one_alone:
            try:
                with self._taken(self._emptied) as worker:
                    yield worker
            finally:
                with self._changed:
                    self._reserved = None
                    self._changed.notify_all()

    @contextlib.contextmanager
    def _taken(self, choose: Callable[[], Worker | None]) -> Iterator[Worker]:
        with self._changed:
            worker = self._waited_for(choose)
            self._at_work[worker] += 1
        try:
            yield worker
        finally:
            with self._changed:
                self._at_work[worker] -= 1
                self._forget(worker)
                self._changed.notify_all()

    def _waited_for(self, choose: Callable[[], Worker | None]) -> Worker:
        while self._ended is None:
            worker = choose()
            if worker is not None:
                return worker
            self._changed.wait()
        raise self._ended

    def _forget(self, worker: Worker) -> None:
        if worker not in self._rooms and not self._at_work.get(worker):
            self._at_work.pop(worker, None)

    def _freest(self) -> Worker | None:
        free = [each for each, room in self._rooms.items() if self._at_work[each] < room and each != self._reserved]
        return min(free, key=lambda each: self._at_work[each] / self._rooms[each], default=None)

    def _emptied(self) -> Worker | None:
        if self._reserved not in self._rooms:
            self._reserved = min(self._rooms, key=lambda each: self._at_work[each], default=None)
        return self._reserved if self._reserved is not None and not self._at_work[self._reserved] else None
