"""Many files: resuming, several at a time, and no file that takes the others down with it."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pipeline.analysis.concurrency import in_order
from pipeline.analysis.resources import SCANNER_BYTES, files_at_a_time, usable_cores, usable_memory
from pipeline.analysis.scan import Scanner
from pipeline.batch.worker_processes import WorkerDiedError, WorkerProcesses
from pipeline.media import confinement
from pipeline.media.ffmpeg import find_binary
from pipeline.media.limits import Limits
from pipeline.media.probing import file_sha256
from pipeline.media.sampling import SamplingPlan
from pipeline.media.types import MediaError
from pipeline.results.input import Input
from pipeline.results.parts import FAILURES
from pipeline.results.verdict import Verdict
from pipeline.results.writers import ResultWriteError, ResultWriter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    """What every worker builds its scanner from; see `pipeline.analysis.scan.Scanner`."""

    model: str | None
    engine: str
    detector: str
    plan: SamplingPlan
    adaptive: bool = False
    precision: str = "auto"
    device: str = "auto"
    limits: Limits = Limits()  # noqa: RUF009 - it is frozen

    def scanner(self, threads: int | None = None) -> Scanner:
        """Load a scanner."""
        return Scanner(
            self.model,
            engine=self.engine,
            precision=self.precision,
            device=self.device,
            detector=self.detector,
            plan=self.plan,
            adaptive=self.adaptive,
            threads=threads,
            limits=self.limits,
        )


def scan_batch(
    inputs: Sequence[Input],
    scanner: Scanner,
    settings: ScannerSettings,
    writer: ResultWriter,
    *,
    workers: int = 1,
    overwrite: bool = False,
    needs_logits: bool = False,
) -> Iterator[Verdict]:
    """Scan inputs, and write each result as soon as it is known.

    Args:
        inputs: what to scan.
        scanner: as the settings give it.
        settings: what further processes build theirs from.
        writer: keeps the results, and those of earlier runs.
        workers: number of processes; each scans several files at a time.
        overwrite: scan also what has a current result already.
        needs_logits: scan also what has a result of an earlier version, which kept no logits.

    Yields:
        The verdict on each input, in order; that of a result that could not be written says so.

    Raises:
        WriteError: no result can be written.
    """
    writer.expect(inputs)

    stopped = threading.Event()

    def kept(source: Input) -> Verdict | None:
        """Give the result of an earlier run, if it may stay."""
        stored = None if overwrite else writer.stored(source)
        if stored is None or (needs_logits and _lacks_logits(stored)):
            return None
        return stored if _is_current(stored, source, scanner, stopped) else None

    if workers > 1 and len(inputs) > 1:
        results = _scan_in_processes(inputs, settings, scanner, writer, min(workers, len(inputs)), kept, stopped)
    else:
        scan = partial(_scan, scanner, stopped=stopped)
        results = _results(inputs, scan, scanner, stopped, kept, writer, files_at_a_time())
    yield from results


def _results(
    inputs: Sequence[Input],
    scan: Callable[[Input], Verdict],
    scanner: Scanner,
    stopped: threading.Event,
    kept: Callable[[Input], Verdict | None],
    writer: ResultWriter,
    at_a_time: int,
    stop: Callable[[], None] | None = None,
) -> Iterator[Verdict]:
    """Give the kept or new result of each input, in order."""
    writing = threading.Lock()

    def result_of(source: Input) -> Verdict:
        stored = kept(source)
        if stored is not None:
            with writing:
                writer.keep(stored)
            return stored
        verdict = scan(source)
        # What broke off because it was told to is no result.
        if not stopped.is_set():
            with writing:
                try:
                    writer.write(source, verdict)
                except ResultWriteError as error:
                    verdict = scanner.failure(source.path, f"its result was lost: {error}")
                    writer.keep(verdict)
        return verdict

    def give_up() -> None:
        stopped.set()
        if stop:
            stop()

    with contextlib.closing(in_order(inputs, result_of, at_a_time, give_up)) as done:
        for _, future in done:
            yield future.result()


def _is_current(stored: Verdict, source: Input, scanner: Scanner, stopped: threading.Event) -> bool:
    """Tell whether a stored result is of this file, scanner and sampling. Failures are always tried again."""
    if stored.status in FAILURES:
        return False
    blank = scanner.failure(source.path, "")
    same_scanner = (stored.model, stored.thresholds, stored.tool) == (blank.model, blank.thresholds, blank.tool)
    if not same_scanner or stored.sampling is None or stored.sampling.plan != scanner.sampling:
        return False
    try:
        return stored.input.sha256 == file_sha256(source.path, stopped=stopped)
    except MediaError:
        return False


def _lacks_logits(stored: Verdict) -> bool:
    return any(seen.logits is None for item in stored.tracks for seen in item.track.observations)


def _scan(scanner: Scanner, source: Input, stopped: threading.Event | None = None) -> Verdict:
    try:
        return scanner.scan(source.path, stopped)
    except Exception as error:
        # A bug of ours on one file must not cost the user the other files; it is told as what it is.
        log.debug("bug while scanning %s", source.path, exc_info=True)
        message = f"an internal error stopped the scan ({type(error).__name__}: {error}); --debug shows where"
        return scanner.failure(source.path, message)


def _scan_in_processes(
    inputs: Sequence[Input],
    settings: ScannerSettings,
    scanner: Scanner,
    writer: ResultWriter,
    workers: int,
    kept: Callable[[Input], Verdict | None],
    stopped: threading.Event,
) -> Iterator[Verdict]:
    """Scan in several processes; a file that kills its process is an error, no more."""
    cores = max(1, usable_cores() // workers)
    memory = usable_memory()
    at_a_time = files_at_a_time(cores, None if memory is None else max(0, memory // workers - SCANNER_BYTES))

    def scan(source: Input) -> Verdict:
        try:
            return processes.do(source)
        except WorkerDiedError:
            message = "the process that scanned this file was killed, perhaps for want of memory"
            return scanner.failure(source.path, message)

    with contextlib.suppress(MediaError):  # what is wrong with ffmpeg is told of every file
        confinement.warn_of_less(find_binary().confinement)
    processes: WorkerProcesses[Input, Verdict]
    with WorkerProcesses(partial(_load, settings, cores), workers, at_a_time) as processes:
        yield from _results(inputs, scan, scanner, stopped, kept, writer, workers * at_a_time, processes.stop)


def _load(settings: ScannerSettings, threads: int) -> Callable[[Input], Verdict]:
    return partial(_scan, settings.scanner(threads))
