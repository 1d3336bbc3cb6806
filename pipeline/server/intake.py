"""Takes files in: who may send how much, and where a file goes when all of it is there."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from pipeline.server.changes import Changes
from pipeline.server.metrics import Metrics
from pipeline.server.refusals import RefusalError, not_there
from pipeline.server.store import Store, new_id, shown_name, sync
from pipeline.server.terms import Terms

_MINUTE_S = 60.0
_QUEUE_PAUSE_S = 5
_MEBIBYTE = 1 << 20


class Intake:
    """Decides which uploads may come, on the event loop, and hands on those that have come.

    Args:
        store: keeps them.
        terms: the bounds.
        changes: is told of every change.
        metrics: counts.
        wake: called when there is something to scan.
    """

    def __init__(
        self, store: Store, terms: Terms, changes: Changes, metrics: Metrics, wake: Callable[[], None]
    ) -> None:
        self.store, self.terms, self.metrics = store, terms, metrics
        self._changes, self._wake = changes, wake
        self._rates = _Rates(terms.rate)
        self._admitting = asyncio.Lock()
        # Uploads on their way, by whose they are: forms, and files that come by tus.
        self._forms: list[str] = []
        self._uploads: dict[str, str] = {}
        # Files of forms, which are not in the register yet.
        self._parts = 0
        self._writing: dict[str, asyncio.Event] = {}

    def check_size(self, size: int) -> None:
        """Refuse what is too large.

        Raises:
            RefusalError: it is.
        """
        if size > self.terms.most_bytes:
            most = self.terms.most_bytes / _MEBIBYTE
            raise RefusalError(413, "size", f"The upload is larger than {most:g} MiB, the most that is taken.")

    @contextmanager
    def form(self, address: str) -> Iterator[None]:
        """Admit a form for the length of the block; its files are yet to be admitted.

        Raises:
            RefusalError: it may not come now.
        """
        network = _network(address)
        self._check_at_a_time(network)
        self._forms.append(network)
        try:
            yield
        finally:
            self._forms.remove(network)

    @asynccontextmanager
    async def part(self, address: str) -> AsyncIterator[tuple[str, Path]]:
        """Admit a file of a form: a name for its scan, and an empty file that is gone after the block.

        Raises:
            RefusalError: it may not come now.
        """
        scan_id = new_id()
        async with self._admitting:
            await self._admit(_network(address), 0)
            self._rates.count(_network(address))
            self._parts += 1
        path = self.store.upload(f".part-{scan_id}")
        try:
            await run_in_threadpool(path.touch)
            yield scan_id, path
        finally:
            self._parts -= 1
            await run_in_threadpool(path.unlink, missing_ok=True)

    def take_in(self, files: list[tuple[Path, str, str]]) -> None:
        """Make scans of files that have come: where they lie, the names of their scans, what their client calls them.

        Called in a thread.
        """
        for path, _, _ in files:
            sync(path)
        for path, scan_id, name in files:
            self.store.take_in(path, scan_id, shown_name(name))
        self._changes.tell(*(scan_id for _, scan_id, _ in files))
        self._wake()

    async def begin_upload(self, address: str, name: str, size: int) -> str:
        """Admit a file that comes by tus, and name its scan.

        Raises:
            RefusalError: it may not come.
        """
        self.check_size(size)
        scan_id, network = new_id(), _network(address)
        async with self._admitting:
            await self._admit(network, size)
            self._check_at_a_time(network)
            await run_in_threadpool(self._begin, scan_id, shown_name(name), size)
            self._rates.count(network)
            self._uploads[scan_id] = network
        self._changes.tell(scan_id)
        if size == 0:
            await self.end_upload(scan_id)
        return scan_id

    def _begin(self, scan_id: str, name: str, size: int) -> None:
        self.store.upload(scan_id).touch()
        self.store.register.begin_upload(scan_id, name, size, self.expires_at())

    def expires_at(self) -> float:
        """Say until when an unfinished upload waits that goes on now, in seconds since 1970."""
        return time.time() + self.terms.unfinished_s

    @asynccontextmanager
    async def writing(self, scan_id: str) -> AsyncIterator[asyncio.Event]:
        """Be the only one who writes to an upload.

        Yields:
            An event that is set when it is removed.

        Raises:
            RefusalError: another one does.
        """
        if scan_id in self._writing:
            raise RefusalError(423, "locked", "Another request is sending this file: wait until it has ended.", 2)
        self._writing[scan_id] = asyncio.Event()
        try:
            yield self._writing[scan_id]
        finally:
            del self._writing[scan_id]

    def grown(self, scan_id: str, size: int) -> None:
        """Take note that more of an upload is there; called in a thread."""
        self.metrics.received(size)
        self.store.register.postpone(scan_id, self.expires_at())
        self._changes.tell(scan_id)

    async def end_upload(self, scan_id: str) -> None:
        """Take note that all of an upload is there.

        Raises:
            RefusalError: it was removed meanwhile.
        """
        if not await run_in_threadpool(self._end, scan_id):
            raise not_there()
        self._changes.tell(scan_id)
        self._wake()

    def _end(self, scan_id: str) -> bool:
        try:
            sync(self.store.upload(scan_id))
        except FileNotFoundError:
            return False
        return self.store.register.end_upload(scan_id)

    async def remove(self, scan_id: str) -> None:
        """Remove a scan, in whatever state it is.

        Raises:
            RefusalError: there is none.
        """
        if not await run_in_threadpool(self.store.remove, scan_id):
            raise not_there()
        self._break_off(scan_id)
        # Those behind it have moved up.
        self._changes.tell(scan_id, *await run_in_threadpool(self.store.register.waiting))

    async def remove_expired(self) -> None:
        """Remove what is kept no longer."""
        for scan_id in await run_in_threadpool(self.store.remove_expired):
            self._break_off(scan_id)
            self._changes.tell(scan_id)

    def _break_off(self, scan_id: str) -> None:
        if scan_id in self._writing:
            self._writing[scan_id].set()

    async def _admit(self, network: str, size: int) -> None:
        terms = self.terms
        self._rates.check(network)
        uploading, waiting = await run_in_threadpool(self._on_their_way)
        self._uploads = {scan_id: of for scan_id, of in self._uploads.items() if scan_id in uploading}
        if waiting + len(uploading) + self._parts >= terms.most_waiting:
            sentence = f"The queue is full with {terms.most_waiting} files: come back later."
            raise RefusalError(429, "queue", sentence, _QUEUE_PAUSE_S)
        if not await run_in_threadpool(self.store.has_room, size):
            raise RefusalError(507, "disk", "The disk of the server is full: come back later.", 60)

    def _check_at_a_time(self, network: str) -> None:
        if self._forms.count(network) + [*self._uploads.values()].count(network) >= self.terms.most_at_a_time:
            sentence = f"{self.terms.most_at_a_time} uploads from your address are on their way: end one first."
            raise RefusalError(429, "at_a_time", sentence, _QUEUE_PAUSE_S)

    def _on_their_way(self) -> tuple[set[str], int]:
        register = self.store.register
        return register.uploading(), len(register.waiting())


class _Rates:
    """Uploads that each address began in the last minute."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._begun: dict[str, deque[float]] = {}

    def check(self, network: str) -> None:
        now = time.monotonic()
        for each in list(self._begun):
            begun = self._begun[each]
            while begun and begun[0] < now - _MINUTE_S:
                begun.popleft()
            if not begun:
                del self._begun[each]
        begun = self._begun.get(network, deque())
        if len(begun) >= self._most:
            sentence = f"{self._most} uploads came from your address within a minute, the most that are taken."
            raise RefusalError(429, "rate", sentence, max(1, round(begun[0] + _MINUTE_S - now + 0.5)))

    def count(self, network: str) -> None:
        self._begun.setdefault(network, deque()).append(time.monotonic())


def _network(address: str) -> str:
    """Name whose an address is: of version 6, one client has as many as it likes that begin alike."""
    try:
        number = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(number, ipaddress.IPv6Address) and number.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(number) >> 64 << 64, 64)))
    return str(number)
