"""Many files: resuming, several at a time, and no file that takes the others down with it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from pipeline.analysis.concurrency import in_order
from pipeline.batch import remote_files
from pipeline.batch.batch_scanner import BatchScanner
from pipeline.batch.entries import FileIdentity
from pipeline.batch.equal_files import EqualFiles
from pipeline.batch.output import Output
from pipeline.batch.turnstile import Turnstile
from pipeline.batch.worker_processes import WorkerDiedError
from pipeline.media.limits import StoppedError
from pipeline.media.probing import file_sha256
from pipeline.media.types import MediaError, display_path
from pipeline.results.input import Input
from pipeline.results.parts import FAILURES
from pipeline.results.summary import Summary
from pipeline.results.verdict import Verdict
from pipeline.results.writers import ResultWriteError, WriteError

MOST_ATTEMPTS = 2
"""Scans of a file that may end with the whole program before the file is taken to be the reason."""


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """An input that has a result.

    Attributes:
        source: the input.
        summary: of its result.
    """

    source: Input
    summary: Summary
    _read: Callable[[], Verdict]

    @property
    def verdict(self) -> Verdict:
        """The result, read from where it is stored unless it is new.

        Raises:
            WriteError: it is not there any more.
        """
        return self._read()


@dataclass(frozen=True, slots=True)
class Reuse:
    """Which results of earlier runs stay.

    Attributes:
        overwrite: none.
        verify: only those of files that are read once more and have the bytes that were scanned; else their size, time
            of change and inode tell.
        retry_failed: none of files that could not be scanned.
        needs_logits: none of an earlier version that kept no logits.
    """

    overwrite: bool = False
    verify: bool = False
    retry_failed: bool = False
    needs_logits: bool = False


def scan_batch(output: Output, scanner: BatchScanner, reuse: Reuse | None = None) -> Iterator[Finished]:
    """Scan what `output` was told to expect, and write each result as soon as it is known.

    Args:
        output: keeps the results, and those of earlier runs.
        scanner: scans.
        reuse: which results of earlier runs stay; None for those of files that have not changed.

    Yields:
        Each input and its result, in order; that of a result that could not be written says so.

    Raises:
        WriteError: no result can be written.
    """
    batch = _Batch(output, scanner, reuse or Reuse())
    inputs = output.ledger.inputs()
    with contextlib.closing(in_order(inputs, batch.result_of, scanner.at_a_time, batch.give_up)) as done:
        for source, future in done:
            finished = future.result()
            output.ledger.list_input(source)
            yield finished


class _Batch:
    """One run."""

    def __init__(self, output: Output, scanner: BatchScanner, reuse: Reuse) -> None:
        self._output, self._scanner, self._reuse = output, scanner, reuse
        self._ledger = output.ledger
        self._stopped = threading.Event()
        self._turnstile = Turnstile()
        self._hash_of = partial(file_sha256, stopped=self._stopped)
        self._equal = EqualFiles(self._hash_of)

    def give_up(self) -> None:
        self._stopped.set()
        self._scanner.stop()

    def result_of(self, source: Input) -> Finished:
        identity = self._identity(source)
        kept = None if self._reuse.overwrite else self._kept(source, identity)
        if kept:
            return kept
        # What is fetched is fetched once, by whoever scans it.
        if identity is None or source.address is not None or self._output.folder is None or self._reuse.overwrite:
            return self._scanned(source, identity)
        met = self._ledger.has_another_of_size(source, identity.size)
        with self._equal.working_on(source.path, identity.size, met=met) as sha256:
            twin = self._of_twin(source, identity, sha256)
            return twin or self._scanned(source, identity)

    def _identity(self, source: Input) -> FileIdentity | None:
        if source.address is None:
            return FileIdentity.of(source.path)
        # Without a folder there is no later run that would want to know.
        return remote_files.identity(source.address) if self._output.folder else None

    def _kept(self, source: Input, identity: FileIdentity | None) -> Finished | None:
        """Give the result of an earlier run, if it may stay."""
        entry = self._ledger.entry(source)
        if entry and entry.state == "done" and entry.summary and entry.scanner and self._output.has(entry):
            if entry.summary.status in FAILURES and self._reuse.retry_failed:
                return None
            is_same = entry.identity == identity and not self._reuse.verify
            # Where a server does not tell versions apart, there may be another.
            is_same = is_same and (identity is not None or source.address is None)
            if is_same and entry.scanner == self._scanner.key(entry.summary.status):
                return Finished(source, entry.summary, partial(self._read, source))
        verdict = self._output.stored(source)
        if verdict is None or verdict.status in FAILURES or not self._is_current(verdict, source):
            return None
        lacks_logits = any(seen.logits is None for item in verdict.tracks for seen in item.track.observations)
        if lacks_logits and self._reuse.needs_logits:
            return None
        self._output.keep(source, verdict, identity, "" if lacks_logits else self._scanner.key(verdict.status))
        return Finished(source, Summary.of(verdict), lambda: verdict)

    def _is_current(self, verdict: Verdict, source: Input) -> bool:
        """Tell whether a stored result is of these bytes, this scanner and this sampling."""
        if source.address is not None:
            return False
        try:
            return self._scanner.made(verdict) and verdict.input.sha256 == self._hash_of(source.path)
        except MediaError:
            return False

    def _of_twin(self, source: Input, identity: FileIdentity, sha256: str | None) -> Finished | None:
        """Give the result of another file of the same bytes."""
        if sha256 is None:
            return None
        twin = self._ledger.of_content(identity.size, sha256, self._scanner.key("ok"))
        verdict = self._output.stored(twin) if twin and twin.path != source.path else None
        if verdict is None or verdict.input.sha256 != sha256 or not self._scanner.made(verdict):
            return None
        own = replace(verdict, input=replace(verdict.input, path=display_path(source.path)), stored_schema=None)
        return self._written(source, own, identity, self._scanner.key(own.status))

    def _scanned(self, source: Input, identity: FileIdentity | None) -> Finished:
        """Scan a file."""
        entry = self._ledger.entry(source)
        attempts = entry.attempts if entry and entry.state == "running" else 0
        if attempts >= MOST_ATTEMPTS and not self._reuse.retry_failed:
            return self._deadly(source, identity, "scanning this file ended the whole program twice")
        with self._turnstile.alone() if attempts else self._turnstile.beside_others():
            self._ledger.begin(source)
            try:
                verdict = self._scanner.scan(source)
            except WorkerDiedError:
                verdict = None
            except BaseException:
                self._ledger.break_off(source)  # the fault is ours
                raise
        if self._stopped.is_set():
            # What broke off because it was told to is no result.
            self._ledger.break_off(source)
            raise StoppedError
        if verdict is None:
            return self._deadly(source, identity, "the process that scanned this file was killed")
        # What could not be got at may be got at next time.
        out_of_reach = verdict.status == "error" or (verdict.status == "timeout" and source.address is not None)
        return self._written(source, verdict, identity, "" if out_of_reach else self._scanner.key(verdict.status))

    def _deadly(self, source: Input, identity: FileIdentity | None, what: str) -> Finished:
        failure = self._scanner.failure(source, f"{what}, perhaps for want of memory; --retry-failed tries again")
        return self._written(source, failure, identity, self._scanner.key(failure.status))

    def _written(self, source: Input, verdict: Verdict, identity: FileIdentity | None, key: str) -> Finished:
        try:
            self._output.write(source, verdict, identity, key)
        except ResultWriteError as error:
            verdict = self._scanner.failure(source, f"its result was lost: {error}")
            self._ledger.finish(source, Summary.of(verdict))
        return Finished(source, Summary.of(verdict), lambda: verdict)

    def _read(self, source: Input) -> Verdict:
        verdict = self._output.stored(source)
        if verdict is None:
            raise WriteError(f"the result of '{display_path(source.path)}' was removed while the scan went on")
        return verdict
