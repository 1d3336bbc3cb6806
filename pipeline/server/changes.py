"""Tells whoever listens which scans have changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator

from pipeline.server.refusals import RefusalError


class Changes:
    """Passes on the names of scans that have changed, from any thread to listeners on the event loop.

    Args:
        most_listeners: at a time.
    """

    def __init__(self, most_listeners: int) -> None:
        self._most_listeners = most_listeners
        self._listeners: set[Listener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ended = False

    def start(self) -> None:
        """Say that this event loop is the one that listens."""
        self._loop = asyncio.get_running_loop()

    def tell(self, *scan_ids: str) -> None:
        """Say that these have changed; called in any thread."""
        if self._loop is not None and not self.ended:
            with contextlib.suppress(RuntimeError):  # the loop was closed a moment ago
                self._loop.call_soon_threadsafe(self._pass_on, scan_ids)

    def end(self) -> None:
        """Let all listeners come to an end; called on the event loop."""
        self.ended = True
        for listener in self._listeners:
            listener.wake()

    @contextlib.contextmanager
    def listening(self, scan_id: str | None = None) -> Iterator[Listener]:
        """Listen for the length of the block.

        Args:
            scan_id: to the changes of this one alone; None for all.

        Raises:
            RefusalError: too many do.
        """
        if len(self._listeners) >= self._most_listeners:
            raise RefusalError(
                429, "listeners", "Too many streams of events are open: close one, or come back later.", 10
            )
        listener = Listener(self, scan_id)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def _pass_on(self, scan_ids: Iterable[str]) -> None:
        for listener in self._listeners:
            listener.add(scan_ids)


class Listener:
    """One who listens. However slow it is, it holds no more than the name of each scan, and meets its newest state."""

    def __init__(self, changes: Changes, scan_id: str | None) -> None:
        self._changes, self._scan_id = changes, scan_id
        self._changed: dict[str, None] = {}
        self._woken = asyncio.Event()

    def add(self, scan_ids: Iterable[str]) -> None:
        """Take note of changes; called on the event loop."""
        mine = dict.fromkeys(each for each in scan_ids if self._scan_id in (None, each))
        if mine:
            self._changed.update(mine)
            self._woken.set()

    def wake(self) -> None:
        """End its waiting; called on the event loop."""
        self._woken.set()

    async def changed(self, patience_s: float) -> list[str] | None:
        """Wait for changes, and name what has changed; nothing after `patience_s`, None once there will be no more."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._woken.wait(), patience_s)
        self._woken.clear()
        if self._changes.ended:
            return None
        changed, self._changed = list(self._changed), {}
        return changed
