"""The outcome of a benchmark: rows, the ratios that follow from them, and the table that says so."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from statistics import median

import psutil

from benchmarks.subjects import SUBJECTS, Row

_PACKAGES = ("facewitness", "openvino", "opencv-python-headless", "numpy", "mtcnn", "keras")
_FLOOR = ("decode", "classify")
_COLD = ("command", "adaptive_command", "usual_cold")


@dataclass(slots=True)
class Results:
    """What was measured, and where.

    Attributes:
        machine: facts about the machine and the software.
        repetitions: how often each subject was measured.
        rows: the measurements.
        instructions: user instructions by what was counted, in the mode that counts them.
    """

    machine: dict[str, object]
    repetitions: int
    rows: list[Row] = field(default_factory=list)
    instructions: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of_this_machine(cls, repetitions: int) -> Results:
        """Begin with no measurements."""
        from pipeline.media.ffmpeg import find_binary

        memory = psutil.virtual_memory().total
        machine = {
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory_gib": round(memory / 2**30, 1),
            "load_before": round(os.getloadavg()[0], 2),
            "system": platform.platform(),
            "python": platform.python_version(),
            "ffmpeg": str(find_binary()),
            "packages": {name: version(name) for name in _PACKAGES},
            "commit": _commit(),
        }
        return cls(machine, repetitions)

    @classmethod
    def read(cls, file: Path) -> Results:
        """Read what `write` wrote.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no such file.
        """
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            rows = [Row.from_json(row) for row in data["rows"]]
            return cls(data["machine"], data["repetitions"], rows, data["instructions"])
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{file} is no result of this benchmark") from error

    def write(self, file: Path) -> None:
        """Write everything, the ratios too, as JSON."""
        data = {
            "machine": self.machine,
            "repetitions": self.repetitions,
            "ratios": dict(self.ratios()),
            "rows": [row.to_json() for row in self.rows],
            "instructions": self.instructions,
        }
        file.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    def row(self, scenario: str, subject: str, case: str | None = None) -> Row | None:
        """Find a row, by default that of the first case of a scenario."""
        found = (row for row in self.rows if (row.scenario, row.subject) == (scenario, subject))
        return next((row for row in found if case in (None, row.case)), None)

    def cases(self) -> Iterator[tuple[tuple[str, str], list[Row]]]:
        """Iterate over scenario, label and rows of each case."""
        for key, rows in groupby(self.rows, key=lambda row: (row.scenario, row.case)):
            yield key, list(rows)

    def ratios(self) -> Iterator[tuple[str, float]]:
        """Iterate over the figures that the rows add up to."""
        for scenario in ("warm", "videos"):
            rows = {row.subject: row for row in self.rows if row.scenario == scenario}
            floor = floor_cpu_s(rows.values())
            for subject, name in (("scan", "scan"), ("adaptive", "adaptive scan")):
                if subject in rows and floor:
                    yield f"{scenario}: {name} / floor, CPU", rows[subject].cpu_s / floor
                if subject in rows and "usual" in rows:
                    yield f"{scenario}: usual stack / {name}, CPU", rows["usual"].cpu_s / rows[subject].cpu_s
            if {"scan", "adaptive"} <= rows.keys():
                for name, figure in _agreement(rows["scan"], rows["adaptive"]):
                    yield f"{scenario}: adaptive against full sampling, {name}", figure
        for row in self.rows:
            decode = self.row("length", "decode", row.case)
            if (row.scenario, row.subject) == ("length", "scan") and decode:
                yield f"length, {row.case}: scan less what decoding every frame takes, CPU s", row.cpu_s - decode.cpu_s
        models = {row.subject: row for row in self.rows if row.scenario == "models"}
        if {"scan", "two_models", "classify_second"} <= models.keys():
            sum_s = models["scan"].cpu_s + models["classify_second"].cpu_s
            yield "two models in one scan / one scan and the second classifier, CPU", models["two_models"].cpu_s / sum_s
        cold, warm = self.row("cold", "command"), self.row("cold", "scan")
        if cold and warm:
            yield "one clip: from the start of the program / warm, wall", cold.wall_s / warm.wall_s
            yield "one clip: from the start of the program / warm, CPU", cold.cpu_s / warm.cpu_s
        if cold:
            yield "one clip: peak memory, GiB", cold.peak_mib / 1024

    def table(self, baseline: Results | None = None) -> str:
        """Write everything as text, next to what an earlier run found."""
        lines = [f"{name}: {value}" for name, value in self.machine.items() if name != "packages"]
        for (scenario, case), rows in self.cases():
            frames = "frame" if rows[0].frames == 1 else "frames"
            lines += ["", f"{scenario}: {case}, {rows[0].frames} {frames} of each; seconds for one clip"]
            heads = ("", "n", "CPU s", "wall s", "peak MiB", "x floor", "usual is", "before")
            lines.append("{:44}{:>4}{:>9}{:>9}{:>10}{:>9}{:>10}{:>9}".format(*heads).rstrip())
            rows.sort(key=lambda row: list(SUBJECTS).index(row.subject))
            lines += [_line(row, rows, baseline) for row in rows]
            lines += [line for row in rows for line in _stages(row)]
        lines += ["", *(f"{value:8.3f}  {name}" for name, value in self.ratios())]
        if baseline:
            lines += ["", *_against(self, baseline)]
        if self.instructions:
            lines += ["", f"user instructions, counted by {self.machine['counter']}"]
        for name, count in self.instructions.items():
            before = baseline.instructions.get(name) if baseline else None
            lines.append(f"{count:>18,}  {name}" + (f", {count / before:.4f} x what it was" if before else ""))
        return "\n".join(lines)


def floor_cpu_s(rows: Iterable[Row]) -> float | None:
    """Add up what decoding and classifying alone take: CPU seconds a clip, None if they were not measured."""
    parts = {row.subject: row.cpu_s for row in rows if row.subject in _FLOOR}
    return sum(parts.values()) if len(parts) == len(_FLOOR) else None


def _line(row: Row, case: list[Row], baseline: Results | None) -> str:
    floor = floor_cpu_s(case)
    # What includes the start of a program is compared with the like, where that was measured.
    others = ("usual_cold", "usual") if row.subject in _COLD else ("usual",)
    usual = next((other for subject in others for other in case if other.subject == subject), None)
    before = baseline.row(row.scenario, row.subject, row.case) if baseline else None
    measured = f"{row.clips:4}{row.cpu_s:9.2f}{row.wall_s:9.2f}{row.peak_mib:10.0f}"
    over_floor = f"{row.cpu_s / floor:9.2f}" if floor else " " * 9
    dearer = f"{usual.cpu_s / row.cpu_s:9.1f}x" if usual and row.cpu_s else " " * 10
    change = f"{row.cpu_s / before.cpu_s:8.2f}x" if before and before.cpu_s else ""
    return f"{SUBJECTS[row.subject].title:44}{measured}{over_floor}{dearer}{change}".rstrip()


def _stages(row: Row) -> Iterator[str]:
    """Say what the stages of a clip took, as far as the measured one tells."""
    title = SUBJECTS[row.subject].title
    outcome = row.costs[0].outcome
    if row.subject in ("scan", "adaptive"):
        seen = f"{outcome['frames'] / row.clips:.1f} frames, {outcome['crops'] / row.clips:.1f} crops"
        yield f"  {title}: looked at {seen} a clip, in {outcome['precision']}"
    for kind, unit in (("stages_wall_s", "wall s"), ("stages_cpu_s", "CPU s")):
        stages = [cost.outcome[kind] for cost in row.costs if kind in cost.outcome]
        if stages:
            means = {name: median(each.get(name, 0) for each in stages) / row.clips for name in stages[0]}
            yield f"  {title} by stage, {unit}: " + ", ".join(f"{name} {value:.2f}" for name, value in means.items())
    children = median(cost.children_cpu_s for cost in row.costs) / row.clips
    if children:
        yield f"  {title}, CPU s: ffmpeg {children:.2f}, all else {row.cpu_s - children:.2f}"


def _agreement(one: Row, other: Row) -> Iterator[tuple[str, float]]:
    """Compare the verdicts of two scans of the same files."""
    both = zip(one.costs[0].outcome["verdicts"], other.costs[0].outcome["verdicts"], strict=False)
    pairs = [(a, b) for a, b in both if a["file"] == b["file"]]
    if not pairs:
        return
    equal = sum((a["status"], a["verdict"]) == (b["status"], b["verdict"]) for a, b in pairs)
    yield "clips", len(pairs)
    yield "share of equal verdicts", equal / len(pairs)
    distances = [abs(a["score"] - b["score"]) for a, b in pairs if None not in (a["score"], b["score"])]
    if distances:
        yield "mean absolute difference of scores", sum(distances) / len(distances)


def _against(now: Results, before: Results) -> Iterator[str]:
    """Compare verdicts with those of an earlier run on the same files."""
    for row in now.rows:
        earlier = before.row(row.scenario, row.subject, row.case)
        if row.subject in ("scan", "adaptive") and row.scenario in ("warm", "videos") and earlier:
            found = ", ".join(f"{name} {value:.4g}" for name, value in _agreement(earlier, row))
            yield f"{row.scenario}, {SUBJECTS[row.subject].title} now against before: {found}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    """The commit that is measured, with a plus where files differ from it."""
    folder = Path(__file__).parent
    commands = (["git", "rev-parse", "--short", "HEAD"], ["git", "status", "--porcelain", "--untracked-files=no"])
    try:
        commit, changed = (
            subprocess.run(c, cwd=folder, capture_output=True, text=True, check=True).stdout for c in commands
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.strip() + ("+" if changed else "")
