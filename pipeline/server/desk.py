"""Scans what waits, one after the other or several at a time, with the worker processes of a batch."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from pathlib import Path

from pipeline.analysis.concurrency import block_interrupts
from pipeline.batch.batch_scanner import BatchScanner
from pipeline.batch.scan_batch import MOST_ATTEMPTS
from pipeline.batch.turnstile import Turnstile
from pipeline.batch.worker_processes import WorkerDiedError
from pipeline.media.errors import MediaError
from pipeline.media.probing import file_sha256
from pipeline.results.input import Input
from pipeline.results.verdict import Verdict
from pipeline.results.writers import WriteError
from pipeline.server.changes import Changes
from pipeline.server.metrics import Metrics
from pipeline.server.register import Scan
from pipeline.server.store import Store

log = logging.getLogger(__name__)

_PAUSE_S = 5.0


class Desk:
    """Scans until it is closed.

    Args:
        store: keeps what waits and what comes of it.
        scanner: scans; it is entered already.
        changes: is told of every change.
        metrics: counts.
    """

    def __init__(self, store: Store, scanner: BatchScanner, changes: Changes, metrics: Metrics) -> None:
        self._store, self._scanner, self._changes, self._metrics = store, scanner, changes, metrics
        self._woken = threading.Event()
        self._ending = threading.Event()
        self._stopped = threading.Event()
        self._turnstile = Turnstile()
        self._threads = [
            threading.Thread(target=self._work, name=f"scan-{number}", daemon=True)
            for number in range(scanner.at_a_time)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Say that something waits; it does not block."""
        self._woken.set()

    def end(self) -> None:
        """Begin no further scan."""
        self._ending.set()
        self.wake()

    def close(self, patience_s: float) -> None:
        """End: what is being scanned gets `patience_s` seconds, and then waits again for the next server."""
        self.end()
        deadline = time.monotonic() + patience_s
        begun = [thread for thread in self._threads if thread.ident is not None]
        for thread in begun:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._stopped.set()
        if any(thread.is_alive() for thread in begun):
            self._scanner.stop()
        for thread in begun:
            thread.join()

    def _work(self) -> None:
        block_interrupts()
        while not self._ending.is_set():
            try:
                scan = self._next()
                if scan is not None:
                    self._changes.tell(scan.id, *self._store.register.waiting())
                    self._do(scan)
                    self._changes.tell(scan.id)
            except Exception:
                # It must not cost the other files their scans. This one is begun again at the next start.
                log.exception("a scan was lost sight of")
                self._ending.wait(_PAUSE_S)

    def _next(self) -> Scan | None:
        while True:
            self._woken.clear()
            if self._ending.is_set():
                self._woken.set()  # for the other threads
                return None
            scan = self._store.register.begin_next()
            if scan is not None:
                self._woken.set()  # there may be more, for another thread
                return scan
            self._woken.wait()

    def _do(self, scan: Scan) -> None:
        began = time.monotonic()
        verdict = self._verdict(scan)
        if verdict is None:
            self._store.register.return_to_queue(scan.id)
            return
        while not self._kept(scan, verdict):
            if self._ending.wait(_PAUSE_S):
                self._store.register.return_to_queue(scan.id)
                return
        self._metrics.scanned(verdict.status, time.monotonic() - began)

    def _kept(self, scan: Scan, verdict: Verdict) -> bool:
        scanner = "" if verdict.status == "error" else self._scanner.key(verdict.status)
        try:
            self._store.finish(scan.id, verdict, scanner)
        except WriteError as error:
            log.error("a result waits until it can be written: %s", error)
            return False
        return True

    def _verdict(self, scan: Scan) -> Verdict | None:
        """Scan a file; None where that was broken off because the server ends."""
        source = Input(Path(scan.name), Path(scan.name), kept_at=self._store.upload(scan.id))
        if scan.attempts >= MOST_ATTEMPTS:
            return self._scanner.failure(source, "scanning this file ended the whole program twice")
        twin = self._of_twin(scan)
        if twin is not None:
            return twin
        with self._turnstile.alone() if scan.attempts else self._turnstile.beside_others():
            try:
                verdict = self._scanner.scan(source)
            except WorkerDiedError:
                what = "the process that scanned this file was killed, perhaps for want of memory"
                verdict = self._scanner.failure(source, what)
        # What broke off because it was told to is no result.
        return None if self._stopped.is_set() else verdict

    def _of_twin(self, scan: Scan) -> Verdict | None:
        """Give the result of another file of the same bytes."""
        if not self._store.register.has_result_of_size(scan.size):
            return None
        try:
            sha256 = file_sha256(self._store.upload(scan.id), stopped=self._stopped)
        except MediaError:
            return None
        twin = self._store.register.of_content(sha256, self._scanner.key("ok"))
        verdict = self._store.verdict(twin) if twin else None
        if verdict is None or not self._scanner.made(verdict):
            return None
        return replace(verdict, input=replace(verdict.input, path=scan.name), stored_schema=None)
