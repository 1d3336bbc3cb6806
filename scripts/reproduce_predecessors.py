"""Train what the five predecessors trained on data at hand, measure it, and write one page with the table.

    python scripts/reproduce_predecessors.py --faces SHARDS --out out/predecessors

Writes three data sets of equal size and compression into --out, trains each network by its preset, measures it once on
the test split, and leaves `predecessors.md`. Where a figure is missed, the network is also trained on 25 and 50% of the
data, and the page has the learning curve. An interrupted run goes on; what is finished is not measured again. --less
takes smaller crops and fewer steps, for a machine of a few cores that can fetch no ImageNet weights; the page says so.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from predecessors.data import DATA_SETS, part_of_training
from predecessors.jobs import JOBS, Job
from predecessors.outcome import Outcome, measure
from predecessors.page import Outcomes, page, reached

from pipeline import workbench

_PARTS = (25, 50)
"""Percent of the training split, for learning curves."""


def main() -> None:
    """Do all that is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="folder of face shards and their index CSVs")
    parser.add_argument("--out", type=Path, required=True, help="folder of everything that is made")
    parser.add_argument("--only", metavar="PRESETS", help="train these alone, such as tutorial-cnn,tutorial-xception")
    parser.add_argument("--less", action="store_true", help="smaller crops, fewer steps, no ImageNet weights")
    parser.add_argument("--seed", type=int, default=1, help="splits the data sets; another one tests on other pictures")
    parser.add_argument("--no-curves", action="store_true", help="train on all of the data alone")
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else [job.preset for job in JOBS]
    if unknown := sorted(set(names) - {job.preset for job in JOBS}):
        parser.error(f"no such preset here: {', '.join(unknown)}")
    for job in JOBS:
        if job.preset in names:
            found = _outcome(job, 100, arguments)
            if not reached(job, found) and not arguments.no_curves:
                for percent in _PARTS:
                    _outcome(job, percent, arguments)
            # After each, so that a page is there early.
            _write_page(arguments.out)
    print(f"The page is {arguments.out / 'predecessors.md'}")


def _outcome(job: Job, percent: int, arguments: argparse.Namespace) -> Outcome:
    """Train and measure a network, or read how that ended."""
    name = job.preset if percent == 100 else f"{job.preset}-{percent}"
    file = arguments.out / "outcomes" / f"{name}.json"
    if file.exists():
        return Outcome.load(file)
    data, run = _data(job.data, percent, arguments), arguments.out / "runs" / name
    settings = dict(job.less) if arguments.less else {}
    options = [word for setting, value in settings.items() for word in (f"--{setting}", str(value))]
    command = [sys.executable, "-m", "facewitness", "train", str(data), "-o", str(run), "--preset", job.preset]
    print(" ".join(["facewitness", *command[3:], *options]), flush=True)
    subprocess.run([*command, *options], check=True)
    found = measure(job.preset, percent, data, run, settings)
    found.save(file)
    print(f"{name}: accuracy {found.accuracy[0]:.3f}, AUC {found.auc[0]:.3f}", flush=True)
    return found


def _data(name: str, percent: int, arguments: argparse.Namespace) -> Path:
    whole: Path = arguments.out / "data" / name
    if not (whole / "faces.json").exists():
        DATA_SETS[name](arguments.faces, whole, arguments.seed)
    if percent == 100:
        return whole
    part = whole.with_name(f"{name}-{percent}")
    if not (part / "faces.json").exists():
        part_of_training(whole, part, percent, arguments.seed)
    return part


def _write_page(out: Path) -> None:
    found = [Outcome.load(file) for file in sorted((out / "outcomes").glob("*.json"))]
    outcomes: Outcomes = {(outcome.preset, outcome.percent): outcome for outcome in found}
    used = {job.data for job in JOBS if (job.preset, 100) in outcomes}
    shortcuts = {
        name: workbench.explore(out / "data" / name).exploration.shortcuts for name in DATA_SETS if name in used
    }
    text = page(outcomes, shortcuts, len(os.sched_getaffinity(0)))
    (out / "predecessors.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
