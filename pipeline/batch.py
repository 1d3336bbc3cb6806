"""Many files: resuming, several at a time, and no file that takes the others down with it."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from pipeline.inputs import Input
from pipeline.media import MediaError, file_sha256
from pipeline.sampling import SamplingPlan
from pipeline.scan import Scanner
from pipeline.verdict import FAILURES
from pipeline.writers import Result, ResultWriter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    """What every worker builds its scanner from; see `pipeline.scan.Scanner`."""

    model: str | None
    engine: str
    detector: str
    plan: SamplingPlan

    def scanner(self, threads: int | None = None) -> Scanner:
        """Load a scanner."""
        return Scanner(self.model, engine=self.engine, detector=self.detector, plan=self.plan, threads=threads)


def scan_batch(
    inputs: Sequence[Input],
    scanner: Scanner,
    settings: ScannerSettings,
    writer: ResultWriter,
    *,
    workers: int = 1,
    overwrite: bool = False,
) -> Iterator[Result]:
    """Scan inputs, in order, and write each result before it is given.

    Args:
        inputs: what to scan.
        scanner: as the settings give it.
        settings: what further processes build theirs from.
        writer: keeps the results, and those of earlier runs.
        workers: number of files that are scanned at a time, each in a process of its own.
        overwrite: scan also what has a current result already.

    Yields:
        The JSON result of each input, as soon as it is known.
    """

    def kept(source: Input) -> Result | None:
        stored = None if overwrite else writer.stored(source)
        return stored if _is_current(stored, source, scanner) else None

    if workers > 1 and len(inputs) > 1:
        results = _scan_in_processes(inputs, kept, settings, scanner, min(workers, len(inputs)))
    else:
        results = (kept(source) or _scan(scanner, source) for source in inputs)
    for source, result in zip(inputs, results, strict=True):
        writer.write(source, result)
        yield result


def _is_current(result: Result | None, source: Input, scanner: Scanner) -> bool:
    """Tell whether a stored result is of this file, scanner and sampling. Failures are always tried again."""
    if result is None or result.get("status") in FAILURES:
        return False
    try:
        blank = scanner.failure(source.path, "").to_json()
        same_scanner = all(result[part] == blank[part] for part in ("model", "thresholds", "tool"))
        same_sampling = result["sampling"]["plan"] == blank["sampling"]["plan"]
        return same_scanner and same_sampling and result["input"]["sha256"] == file_sha256(source.path)
    except (KeyError, TypeError, MediaError):
        return False


def _scan(scanner: Scanner, source: Input) -> Result:
    try:
        return scanner.scan(source.path).to_json()
    except Exception as error:
        # A bug of ours on one file must not cost the user the other files; it is told as what it is.
        log.debug("bug while scanning %s", source.path, exc_info=True)
        message = f"an internal error stopped the scan ({type(error).__name__}: {error}); --debug shows where"
        return scanner.failure(source.path, message).to_json()


_worker_scanner: Scanner | None = None


def _start_worker(settings: ScannerSettings, threads: int, log_level: int) -> None:
    global _worker_scanner
    logging.basicConfig(level=log_level)
    logging.captureWarnings(True)
    _worker_scanner = settings.scanner(threads)


def _scan_in_worker(source: Input) -> Result:
    return _scan(_worker_scanner, source)


def _scan_in_processes(
    inputs: Sequence[Input],
    kept: Callable[[Input], Result | None],
    settings: ScannerSettings,
    scanner: Scanner,
    workers: int,
) -> Iterator[Result]:
    """Scan in several processes, giving results in order; a file that kills its process is an error, no more."""

    def start(count: int) -> ProcessPoolExecutor:
        arguments = (settings, max(1, _cores() // workers), log.getEffectiveLevel())
        # Forking a process that has threads of OpenVINO may lock up the child.
        return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _start_worker, arguments)

    def scan_alone(source: Input) -> Result:
        try:
            with start(1) as pool:
                return pool.submit(_scan_in_worker, source).result()
        except BrokenProcessPool:
            message = "the process that scanned this file was killed, perhaps for want of memory"
            return scanner.failure(source.path, message).to_json()

    pool = start(workers)
    waiting = deque(inputs)
    running: deque[tuple[Input, Future[Result] | Result]] = deque()
    try:
        while waiting or running:
            while waiting and len(running) < 2 * workers:
                source = waiting[0]
                try:
                    running.append((source, kept(source) or pool.submit(_scan_in_worker, source)))
                    waiting.popleft()
                except BrokenProcessPool:
                    pool = start(workers)
            source, outcome = running.popleft()
            try:
                result = outcome.result() if isinstance(outcome, Future) else outcome
            except BrokenProcessPool:
                # This file or another that ran beside it did it.
                result = scan_alone(source)
            yield result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
