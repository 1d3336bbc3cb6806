"""What is measured of a case: Facewitness, the usual stack, and the floor under both."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.processes import Cost, MeasurementError, run_command, run_workload, workload_command
from benchmarks.scenarios import Case

ADAPTIVE_SETTINGS = {"adaptive": True}
"""Arguments of `pipeline.Scanner` that switch adaptive sampling on."""

ADAPTIVE_OPTIONS = ("--adaptive",)
"""The same for `facewitness scan`."""

SECOND_MODEL = "mobilenet_v2"
"""What judges beside the default model where two do."""

_MANY = 10
"""Files that steady a figure as well as repetitions do."""

_LONG_S = 60
"""Decoding that takes longer is steady enough, and is not repeated."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        scenario: of the case.
        case: label of the case.
        frames: how many frames of a clip are looked at.
        subject: one of `SUBJECTS`.
        clips: how many were measured.
        costs: of all clips together, for each repetition.
    """

    scenario: str
    case: str
    frames: int
    subject: str
    clips: int
    costs: tuple[Cost, ...]

    @property
    def cpu_s(self) -> float:
        """Median CPU seconds a clip."""
        return median(cost.cpu_s for cost in self.costs) / self.clips

    @property
    def wall_s(self) -> float:
        """Median seconds a clip."""
        return median(cost.wall_s for cost in self.costs) / self.clips

    @property
    def peak_mib(self) -> float:
        """Median of the peaks, MiB."""
        return median(cost.peak_mib for cost in self.costs)

    def to_json(self) -> dict[str, object]:
        """Give this as plain data, the medians too."""
        told = {"cpu_s_per_clip": self.cpu_s, "wall_s_per_clip": self.wall_s, "peak_mib": self.peak_mib}
        return {**asdict(self), **told}

    @classmethod
    def from_json(cls, data: dict) -> Row:
        """Read what `to_json` gave."""
        fields = {name: data[name] for name in cls.__slots__}
        return cls(**{**fields, "costs": tuple(Cost(**cost) for cost in data["costs"])})


@dataclass(frozen=True, slots=True)
class _Job:
    """What to measure: files, what to warm up on, frames of each, how often, and the crops that a scan classified."""

    paths: tuple[Path, ...]
    warm_up: Path
    frames: int
    repetitions: int
    crops: int | None


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that is measured: what a table calls it, and how it is measured."""

    title: str
    measure: Callable[[_Job], list[Cost]]


def measure(case: Case, subject: str, repetitions: int, before: Sequence[Row]) -> Row:
    """Measure one subject of a case.

    Args:
        case: the files.
        subject: one of `SUBJECTS`.
        repetitions: how often.
        before: the rows of this case so far; the classifier is given as many crops as the scan had.

    Raises:
        MeasurementError: a process failed.
    """
    if subject == "usual" and len(case.paths) >= _MANY:
        repetitions = 1
    crops = next((row.costs[0].outcome["crops"] for row in before if row.subject == "scan"), None)
    costs = SUBJECTS[subject].measure(_Job(case.paths, case.warm_up, case.frames, repetitions, crops))
    return Row(case.scenario, case.label, case.frames, subject, len(case.paths), tuple(costs))


def _warm(name: str, job: _Job, **settings: object) -> list[Cost]:
    files = [str(path) for path in job.paths]
    settings = {"frames": job.frames, **settings}
    return run_workload(name, settings, {"paths": [str(job.warm_up)]}, [{"paths": files}] * job.repetitions)


def _usual_job(paths: Sequence[Path], frames: int) -> dict[str, object]:
    """Have the usual stack look at the very frames that a scan looks at."""
    from pipeline.media import probe
    from pipeline.media.sampling import SLACK, SamplingPlan

    plan = SamplingPlan.spread(frames, SLACK)
    return {"wanted": {str(path): probe(path).choose(plan).tolist() for path in paths}}


def _usual(job: _Job) -> list[Cost]:
    warm_up, measured = (_usual_job(paths, job.frames) for paths in ([job.warm_up], job.paths))
    return run_workload("usual_stack", {}, warm_up, [measured] * job.repetitions)


def _two_models(job: _Job) -> list[Cost]:
    from classifiers import find_model

    return _warm("scan", job, model=[find_model().name, SECOND_MODEL])


def _classify(job: _Job, model: str | None = None) -> list[Cost]:
    if job.crops is None:
        raise MeasurementError("the subject classify takes its number of crops from the subject scan: measure both")
    settings = {"model": model}
    return run_workload("classify", settings, {"crops": job.crops}, [{"crops": job.crops}] * job.repetitions)


def _decode(job: _Job) -> list[Cost]:
    from pipeline.media.ffmpeg import find_binary

    program = [find_binary().path, "-v", "error", "-nostdin"]
    costs = []
    for _ in range(job.repetitions):
        each = [run_command([*program, "-i", str(path), "-an", "-f", "null", "-"]) for path in job.paths]
        total = {name: sum(getattr(cost, name) for cost in each) for name in ("cpu_s", "wall_s", "children_cpu_s")}
        costs.append(Cost(**total, peak_mib=max(cost.peak_mib for cost in each)))
        if sum(cost.wall_s for cost in costs) > _LONG_S:
            break
    return costs


def _console(job: _Job, *options: str) -> list[Cost]:
    program = str(Path(sys.executable).with_name("facewitness"))
    with tempfile.TemporaryDirectory() as folder:
        where = ["-o", folder, "--overwrite", "--frames", str(job.frames)]
        return _cold(job, [program, "scan", *map(str, job.paths), *where, *options])


def _usual_cold(job: _Job) -> list[Cost]:
    command, environment = workload_command("usual_stack", {})
    return _cold(job, command, environment, json.dumps(_usual_job(job.paths, job.frames)))


def _bare(job: _Job) -> list[Cost]:
    return _cold(job, [sys.executable, "-c", "import numpy, cv2, openvino"])


def _cold(job: _Job, *command: object) -> list[Cost]:
    # After the first time, programs and clips are in the page cache and the byte code is written, for all alike.
    return [run_command(*command) for _ in range(job.repetitions + 1)][1:]


SUBJECTS = {
    "usual": Subject("usual stack", _usual),
    "usual_cold": Subject("usual stack, from its start", _usual_cold),
    "command": Subject("facewitness scan, from its start", _console),
    "adaptive_command": Subject(
        f"facewitness scan {' '.join(ADAPTIVE_OPTIONS)}, from its start",
        lambda job: _console(job, *ADAPTIVE_OPTIONS),
    ),
    "adaptive": Subject("Facewitness, adaptive sampling", lambda job: _warm("scan", job, **ADAPTIVE_SETTINGS)),
    "scan": Subject("Facewitness", lambda job: _warm("scan", job)),
    "two_models": Subject("Facewitness, two models in one scan", _two_models),
    "read": Subject("  of it: probe, decode, convert", lambda job: _warm("read_frames", job)),
    "decode": Subject("floor: ffmpeg decodes every frame", _decode),
    "classify": Subject("floor: classifier alone, full batches", _classify),
    "classify_second": Subject("floor: second classifier alone", lambda job: _classify(job, SECOND_MODEL)),
    "bare": Subject("bare: import numpy, cv2, openvino", _bare),
}
"""Name to subject, in the order of the table."""
