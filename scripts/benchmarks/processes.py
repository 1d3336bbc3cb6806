"""What a process costs, together with every process that it starts.

A command is measured cold, from its start to its end. A workload (see `benchmarks.workloads`) is measured warm: a fresh
process loads it and does a first job for nothing, and its next jobs are measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

_SAMPLING_INTERVAL_S = 0.02
_SCRIPTS = Path(__file__).resolve().parents[1]


class MeasurementError(Exception):
    """A process that failed while it was measured; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one repetition took.

    Attributes:
        cpu_s: user and system seconds of all processes.
        children_cpu_s: those of the processes that the measured one started, such as ffmpeg.
        wall_s: seconds.
        peak_mib: the most memory that all processes together held resident, in MiB; pages that they share count
            for each.
        outcome: what the workload says of what it did.
    """

    cpu_s: float
    children_cpu_s: float
    wall_s: float
    peak_mib: float
    outcome: dict = field(default_factory=dict)


def run_command(command: Sequence[str], environment: dict[str, str] | None = None, line: str = "") -> Cost:
    """Run a command from its start to its end, without its output.

    Args:
        command: program and arguments.
        environment: its variables, or None for those of this process.
        line: what it reads from standard input.

    Raises:
        MeasurementError: its exit status is not 0.
    """
    with tempfile.TemporaryFile() as log, tempfile.TemporaryFile() as source:
        source.write(f"{line}\n".encode() if line else b"")
        source.seek(0)
        before = time.perf_counter()
        process = subprocess.Popen(command, stdin=source, stdout=subprocess.DEVNULL, stderr=log, env=environment)
        with PeakMemory(process.pid) as memory:
            _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - before
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise MeasurementError(_failure(command, process.returncode, log))
    return Cost(usage.ru_utime + usage.ru_stime, 0.0, wall_s, memory.peak_mib)


def run_workload(name: str, settings: dict, warm_up: dict, jobs: Sequence[dict]) -> list[Cost]:
    """Run a workload warm, in a process of its own.

    Args:
        name: one of `benchmarks.workloads.WORKLOADS`.
        settings: what it is loaded with.
        warm_up: the first job, after which everything that is loaded or compiled when first used is there.
        jobs: what is measured, one after the other.

    Raises:
        MeasurementError: it failed.
    """
    command, environment = workload_command(name, settings)
    costs = []
    with tempfile.TemporaryFile() as log:
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, text=True
        ) as process:
            for job in (warm_up, *jobs):
                with PeakMemory(process.pid) as memory:
                    with suppress(BrokenPipeError):
                        print(json.dumps(job), file=process.stdin, flush=True)
                    line = process.stdout.readline()
                if not line:
                    break
                costs.append(Cost(**json.loads(line), peak_mib=memory.peak_mib))
        if process.returncode or len(costs) <= len(jobs):
            raise MeasurementError(_failure([name], process.returncode, log))
    return costs[1:]


def workload_command(name: str, settings: dict) -> tuple[list[str], dict[str, str]]:
    """Give command and environment of a workload, which takes a job from each line of its standard input."""
    paths = [str(_SCRIPTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return [sys.executable, "-m", "benchmarks.workloads", name, json.dumps(settings)], environment


class PeakMemory:
    """Watches the resident memory of a process and its descendants, in a `with`.

    Args:
        pid: of the process.
        interval_s: seconds from one look to the next.

    Attributes:
        peak_mib: the most that was seen of all together, in MiB; pages that they share count for each.
    """

    def __init__(self, pid: int, interval_s: float = _SAMPLING_INTERVAL_S) -> None:
        self.peak_mib = 0.0
        self._interval_s = interval_s
        self._process = psutil.Process(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak_mib = max(self.peak_mib, self._resident() / 2**20)
            if self._ended.wait(self._interval_s):
                return

    def _resident(self) -> int:
        total = 0
        with suppress(psutil.NoSuchProcess):
            total = self._process.memory_info().rss
            command = self._process.cmdline()
            for child in self._process.children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    # For a moment a new process still shows the memory of the one that started it.
                    if child.cmdline() != command:
                        total += child.memory_info().rss
        return total


def _failure(command: Sequence[str], status: int, log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").strip().splitlines()
    return f"{' '.join(command)} failed with status {status}: {lines[-1] if lines else 'it gave no reason'}"
