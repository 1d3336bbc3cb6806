"""Scanning in processes of their own: a file that brings one down is an error, no more."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from pipeline.analysis.resources import SCANNER_BYTES, files_at_a_time, usable_cores, usable_memory, worker_processes
from pipeline.batch.fetched_file import fetched
from pipeline.batch.worker_processes import WorkerProcesses
from pipeline.media import confinement
from pipeline.media.ffmpeg import find_binary
from pipeline.media.limits import Limits
from pipeline.media.provenance.trust import TrustList
from pipeline.media.sampling import SamplingPlan
from pipeline.media.types import MediaError
from pipeline.results.input import Input
from pipeline.results.parts import FAILURES, InputRecord
from pipeline.results.verdict import Verdict

if TYPE_CHECKING:
    from pipeline.analysis.scan import Scanner

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScannerSettings:
    """What every process builds its scanner from; see `pipeline.analysis.scan.Scanner`.

    Attributes:
        most_fetched_bytes: that a file may have which is fetched from an address.
    """

    model: str | tuple[str, ...] | None
    engine: str
    detector: str
    plan: SamplingPlan
    adaptive: bool = False
    precision: str = "auto"
    device: str = "auto"
    limits: Limits = Limits()  # noqa: RUF009 - it is frozen
    most_fetched_bytes: int = 2 << 30
    trust: TrustList | None = None

    def scanner(self, threads: int | None = None) -> Scanner:
        """Load a scanner."""
        from pipeline.analysis.scan import Scanner

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
            trust=self.trust,
        )


class ScannerProcesses:
    """Processes that scan files, each several at a time; use it in a `with`, which ends them.

    Args:
        settings: what they build their scanners from.
        workers: number of processes; None for one for every 16 cores, as memory allows.

    Raises:
        ModelError: the model cannot be found or loaded.
        DetectorUnavailableError: the detector lacks a file.
        ValueError: no such engine, precision or detector.
        WorkerDiedError: a process was killed before it had loaded all that.
    """

    def __init__(self, settings: ScannerSettings, workers: int | None = None) -> None:
        workers = workers or worker_processes()
        cores = max(1, usable_cores() // workers)
        memory = usable_memory()
        of_each = files_at_a_time(cores, None if memory is None else max(0, memory // workers - SCANNER_BYTES))
        self.settings, self.at_a_time = settings, workers * of_each
        with contextlib.suppress(MediaError):  # what is wrong with ffmpeg is told of every file
            confinement.warn_of_less(find_binary().confinement)
        self._processes: WorkerProcesses[Input, Verdict] = WorkerProcesses(
            partial(_load, settings, cores), workers, of_each
        )
        try:
            self._blank: Verdict = self._processes.told()
        except BaseException:
            self._processes.stop()
            raise
        trust = settings.trust.sha256 if settings.trust else None
        self._keys = [_key(replace(self._blank, status=status), settings.limits, trust) for status in ("ok", "error")]

    def __enter__(self) -> ScannerProcesses:
        return self

    def __exit__(self, *exception: object) -> None:
        self._processes.__exit__()

    def scan(self, source: Input) -> Verdict:
        """Scan a file; called in as many threads as files are to be scanned at a time.

        Raises:
            WorkerDiedError: it kills its process.
        """
        return self._processes.do(source)

    def failure(self, source: Input, message: str) -> Verdict:
        """Give the result of a file whose scan broke off for a reason that lies not in the file."""
        return replace(self._blank, input=InputRecord.of(source.path, None), message=message)

    def key(self, status: str) -> str:
        """Name all that a result of this status depends on beside the file."""
        return self._keys[status in FAILURES]

    def made(self, verdict: Verdict) -> bool:
        """Tell whether a scan of the same file would give this result."""
        trust = verdict.provenance.trust_list if verdict.provenance else None
        return _key(verdict, self.settings.limits, trust) == self.key(verdict.status)

    def stop(self) -> None:
        """Kill the processes: nothing that they are at will have a result."""
        self._processes.stop()


def _load(settings: ScannerSettings, threads: int) -> tuple[Callable[[Input], Verdict], Verdict]:
    scanner = settings.scanner(threads)
    return partial(_scan, scanner, settings), scanner.failure("", "")


def _scan(scanner: Scanner, settings: ScannerSettings, source: Input) -> Verdict:
    try:
        if source.address is None:
            return scanner.scan(source.path)
        with fetched(source, settings.most_fetched_bytes, settings.limits.timeout_s) as (copy, origin):
            return scanner.scan(copy, origin=origin)
    except MediaError as error:
        return replace(scanner.failure(source.path, str(error)), status=error.status)
    except Exception as error:
        # A bug of ours on one file must not cost the user the other files; it is told as what it is.
        log.debug("bug while scanning %s", source.path, exc_info=True)
        message = f"an internal error stopped the scan ({type(error).__name__}: {error}); --debug shows where"
        return scanner.failure(source.path, message)


def _key(verdict: Verdict, limits: Limits, trust: str | None) -> str:
    """Sum up model, thresholds, program, sampling and trust list, of a failure also the limits."""
    plan = verdict.sampling.plan if verdict.sampling else None
    parts: list[object] = [each and asdict(each) for each in (verdict.model, verdict.thresholds, verdict.tool)]
    parts += [plan, asdict(limits) if verdict.status in FAILURES else None]
    parts += [trust] if trust else []
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
