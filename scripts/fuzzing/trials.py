"""Gives a file to the scanner, and tells what came of it and whether that is as it should be."""

from __future__ import annotations

import functools
import itertools
import json
import math
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema

from fuzzing.mutations import Mutant
from pipeline import Scanner
from pipeline.media import MediaError, SamplingPlan, open_frames, probe, quoted
from pipeline.media.limits import Limits
from pipeline.results.schema import schema
from pipeline.results.verdict import parse_verdict

_PLANS = (SamplingPlan.every_frame(), SamplingPlan.spread(3))
_SCANNED = SamplingPlan.spread(6)
_GRACE_S = 60.0
"""A trial that is not over so long after all its time limits hangs; machines may be busy."""

_POLL_S = 0.02

Check = Callable[[Path], tuple[str, list[str]]]
"""Takes a file; gives a status and what is wrong with what came of it, in sentences."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one file.

    Attributes:
        status: "decoded", or that of an error or of a verdict; "exception" or "hang" where there is none.
        seconds: how long it took.
        faults: what is wrong with that, in words; empty if all is as it should be.
    """

    status: str
    seconds: float
    faults: list[str] = field(default_factory=list)


def reader(limits: Limits, number: int) -> Check:
    """Give what probes and decodes a file: every frame, or a few that it has to look for."""
    return functools.partial(_read, limits, _PLANS[number % len(_PLANS)])


def scanner(limits: Limits) -> Check:
    """Load a model, and give what scans a file with it and looks at the JSON of its verdict."""
    return functools.partial(judged_scan, Scanner(plan=_SCANNED, threads=1, limits=limits))


def outcomes(
    mutants: Iterable[Mutant], check_of: Callable[[int], Check], folder: Path, limits: Limits, workers: int
) -> Iterator[tuple[Mutant, Path, Outcome]]:
    """Try files, several at a time, and give each that is done.

    Each lies in the folder while it is tried: if the process is killed by one, it is still there.

    Args:
        mutants: the files.
        check_of: gives what is done with a file, by its number.
        folder: where files are written; whoever is given one removes it.
        limits: those that the checks keep.
        workers: how many at a time.
    """
    waiting = iter(mutants)
    running: list[_Trial] = []
    while True:
        for mutant in itertools.islice(waiting, workers - len(running)):
            path = folder / f"{mutant.number}.{mutant.ending}"
            path.write_bytes(mutant.data)
            running.append(_Trial(mutant, path, check_of(mutant.number), 2 * limits.timeout_s + _GRACE_S))
        if not running:
            return
        time.sleep(_POLL_S)
        for trial in [trial for trial in running if trial.outcome]:
            running.remove(trial)
            yield trial.mutant, trial.path, trial.outcome


class _Trial:
    """One file that is tried, in a thread that is left behind if it hangs."""

    def __init__(self, mutant: Mutant, path: Path, check: Check, longest_s: float) -> None:
        self.mutant = mutant
        self.path = path
        self._check = check
        self._longest_s = longest_s
        self._began = time.monotonic()
        self._outcome: Outcome | None = None
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def outcome(self) -> Outcome | None:
        """What came of it, None while it is still tried."""
        seconds = time.monotonic() - self._began
        if self._outcome is None and seconds > self._longest_s:
            return Outcome("hang", seconds, [f"nothing came of it in {seconds:.0f} s"])
        return self._outcome

    def _run(self) -> None:
        try:
            status, faults = self._check(self.path)
        except BaseException:
            status, faults = "exception", [traceback.format_exc()]
        self._outcome = Outcome(status, time.monotonic() - self._began, faults)


def _read(limits: Limits, plan: SamplingPlan, path: Path) -> tuple[str, list[str]]:
    faults = []
    latest_s = -math.inf
    try:
        info = probe(path, limits=limits)
        with open_frames(info, plan) as frames:
            for frame in frames:
                if not (0 <= frame.time_s < math.inf and frame.time_s > latest_s):
                    faults.append(f"frame {frame.index} has the time {frame.time_s} after {latest_s}")
                latest_s = frame.time_s
                if frame.image.ndim != 3 or 0 in frame.image.shape:
                    faults.append(f"frame {frame.index} has the shape {frame.image.shape}")
    except MediaError as error:
        return error.status, faults + _faults_of(error.status, str(error)) + _lacks_of(str(error), path)
    if latest_s < 0:
        faults.append("it gave no frame and no error")
    return "decoded", faults


def _faults_of(status: str, message: str) -> list[str]:
    """Look whether a status may be: a decoder that crashed is none of ours, but no other "error" is in a file."""
    if status == "timeout":
        return [f"a small file takes all the time that it may: {message}"]
    is_ours = status == "error" and "crashed" not in message
    return [f"the file is there and did not change: {message}"] if is_ours else []


def _lacks_of(message: str, path: Path) -> list[str]:
    """Look whether a message is one printable sentence that names the file."""
    is_sentence = message.isprintable() and message.endswith(".") and quoted(path) in message
    return [] if is_sentence else [f"the message is no sentence that names the file: {message!r}"]


def judged_scan(scanner: Scanner, path: Path) -> tuple[str, list[str]]:
    """Scan a file; give the status of its verdict, and what is wrong with its JSON."""
    document = scanner.scan(path).to_json()
    try:
        text = json.dumps(document, allow_nan=False)
    except (TypeError, ValueError) as error:
        return document["status"], [f"invalid JSON: {error}"]
    faults = [
        f"invalid JSON: {error.json_path}: {error.message}"
        for error in jsonschema.Draft202012Validator(schema()).iter_errors(json.loads(text))
    ]
    if (read := parse_verdict(text)).unreadable:
        faults.append(f"invalid JSON: {', '.join(read.unreadable)} cannot be read back")
    return document["status"], faults + _faults_of(document["status"], document["message"] or "")
