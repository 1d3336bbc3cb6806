"""Scanning in processes of their own: a file that brings one down is an error, no more."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

from pipeline.analysis.resources import SCANNER_BYTES, files_at_a_time, usable_cores, usable_memory, worker_processes
from pipeline.batch.batch_scanner import BatchScanner, ScannerSettings, scan_file
from pipeline.batch.worker_processes import WorkerProcesses
from pipeline.media import confinement
from pipeline.media.ffmpeg import find_binary
from pipeline.media.types import MediaError
from pipeline.results.input import Input
from pipeline.results.verdict import Verdict


class ScannerProcesses(BatchScanner):
    """Processes on this machine that scan files, each several at a time; use it in a `with`, which ends them.

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
        with contextlib.suppress(MediaError):  # what is wrong with ffmpeg is told of every file
            confinement.warn_of_less(find_binary().confinement)
        self._processes: WorkerProcesses[Input, Verdict] = WorkerProcesses(
            partial(_load, settings, cores), workers, of_each
        )
        try:
            super().__init__(settings, workers * of_each, self._processes.told())
        except BaseException:
            self._processes.stop()
            raise

    def __exit__(self, *exception: object) -> None:
        self._processes.__exit__()

    def scan(self, source: Input) -> Verdict:
        """Scan a file; see `BatchScanner`."""
        return self._processes.do(source)

    def stop(self) -> None:
        """Kill the processes: nothing that they are at will have a result."""
        self._processes.stop()


def _load(settings: ScannerSettings, threads: int) -> tuple[Callable[[Input], Verdict], Verdict]:
    scanner = settings.scanner(threads)
    return partial(scan_file, scanner, settings), scanner.failure("", "")
