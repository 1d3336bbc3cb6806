"""Counts the instructions of a process and of those that it starts: a figure that a busy machine does not move."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import MeasurementError, workload_command

_PERF_EVENT = "instructions:u"


@dataclass(frozen=True, slots=True)
class Counter:
    """A way to count.

    Attributes:
        name: of the program, with what there is to know about its counts.
        count: user instructions of a command, given its environment and the lines that it reads.
    """

    name: str
    count: Callable[[Sequence[str], dict[str, str], str], int]


def find_counter() -> Counter:
    """Take perf where the processor's counters can be read, otherwise valgrind.

    Raises:
        MeasurementError: there is neither.
    """
    if shutil.which("perf") and _perf_works():
        return Counter("perf", _count_with_perf)
    if shutil.which("valgrind"):
        return Counter("valgrind, which shows programs a processor without AVX-512", _count_with_valgrind)
    raise MeasurementError(
        "instructions cannot be counted here: perf is missing or sees no counters (as in most virtual machines), "
        "and there is no valgrind"
    )


def count_by_stage(counter: Counter, clip: Path, frames: int) -> Iterator[tuple[str, int]]:
    """Count the instructions of a warm scan of one clip, on one thread, and of its parts.

    Yields:
        What was counted, and user instructions.
    """
    scan = _counts("scan", {"frames": frames, "threads": 1}, {"paths": [str(clip)]}, counter)
    start, first, second = (next(scan) for _ in range(3))
    yield "process start and loading", start
    yield "first scan", first - start
    yield "warm scan", second - first
    read = _counts("read_frames", {"frames": frames}, {"paths": [str(clip)]}, counter)
    start, first, second = (next(read) for _ in range(3))
    yield "of it: probe, decode, convert", second - first


def _counts(name: str, settings: dict, job: dict, counter: Counter) -> Iterator[int]:
    """Count a workload with no job, with one, with two and so on."""
    command, environment = workload_command(name, settings)
    lines = ""
    while True:
        yield counter.count(command, environment, lines)
        lines += json.dumps(job) + "\n"


def _perf_works() -> bool:
    try:
        return _count_with_perf(["true"], {}, "") > 0
    except MeasurementError:
        return False


def _count_with_perf(command: Sequence[str], environment: dict[str, str], lines: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "counts.csv")
        _run(["perf", "stat", "-x", ";", "-e", _PERF_EVENT, "-o", str(report), "--", *command], environment, lines)
        match = re.search(rf"^(\d+);.*{_PERF_EVENT}", report.read_text(), re.MULTILINE)
    if match is None:
        raise MeasurementError("perf sees no counters of the processor here")
    return int(match[1])


def _count_with_valgrind(command: Sequence[str], environment: dict[str, str], lines: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        tool = ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", "--trace-children=yes"]
        # A copy of a process begins with the count of its original; a program that it then starts, with 0.
        tool += ["--child-silent-after-fork=yes", f"--log-file={folder}/%p.log"]
        _run(["valgrind", *tool, *command], environment, lines)
        logs = "".join(path.read_text() for path in Path(folder).iterdir())
    counts = re.findall(r"I\s+refs:\s+([\d,]+)", logs)
    if not counts:
        raise MeasurementError("valgrind ended without a count")
    return sum(int(count.replace(",", "")) for count in counts)


def _run(command: Sequence[str], environment: dict[str, str], lines: str) -> None:
    process = subprocess.run(
        command, env={**os.environ, **environment}, input=lines, capture_output=True, text=True, check=False
    )
    if process.returncode:
        said = process.stderr.strip().splitlines() or ["it gave no reason"]
        raise MeasurementError(f"{' '.join(command)} failed with status {process.returncode}: {said[-1]}")
