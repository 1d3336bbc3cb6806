"""Scan a folder of labelled videos and say how well the verdicts agree with the labels.

    python scripts/evaluate_videos.py ../shared/data/dev_videos --out out

The folder holds `labels.csv` with the columns file, label (real or fake), family and source. Labels are read only
after everything has been scanned; intervals are bootstrapped over sources, whose clips are not independent.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from classifiers.evaluation.metrics import bootstrap_interval, roc_auc


def main() -> None:
    """Scan, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results; those there are used again")
    parser.add_argument("--model", help="as in facewitness scan")
    arguments = parser.parse_args()
    command = ["facewitness", "scan", str(arguments.folder), "-o", str(arguments.out)]
    status = subprocess.run([*command, *(["--model", arguments.model] if arguments.model else [])]).returncode
    if status == 2:
        sys.exit(2)
    with (arguments.folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    results = [json.loads((arguments.out / f"{row['file']}.json").read_text(encoding="utf-8")) for row in rows]
    print("\nstatus:", dict(zip(*np.unique([r["status"] for r in results], return_counts=True), strict=True)))
    scored = [(row, result) for row, result in zip(rows, results, strict=True) if result["status"] == "ok"]
    fakes = {row["family"] for row, _ in scored if row["label"] == "fake"}
    _print_figures("all", scored)
    for family in sorted(fakes):
        _print_figures(family, [(r, v) for r, v in scored if r["label"] == "real" or r["family"] == family])
    same_sources = ("ffpp", "dfdc", "ghost")
    chosen = [(r, v) for r, v in scored if r["source"].startswith(same_sources)]
    _print_figures("swaps and reenactments of FF++, DFDC, GHOST against their reals", chosen)


def _print_figures(title: str, scored: list[tuple[dict[str, str], dict]]) -> None:
    if not scored:
        return
    labels = np.array([row["label"] == "fake" for row, _ in scored])
    sources = [row["source"] for row, _ in scored]
    print(f"\n{title}: {labels.sum()} fake, {(~labels).sum()} real, {len(set(sources))} sources")
    for name, pick in (
        ("score", lambda v: v["score"]),
        ("manipulated", lambda v: v["components"]["manipulated"]),
        ("generated", lambda v: v["components"]["generated"]),
    ):
        scores = np.array([pick(verdict) for _, verdict in scored])
        print(f"  AUC of {name:<12} {bootstrap_interval(roc_auc, labels, scores, sources)}")
    verdicts = np.array([verdict["verdict"] for _, verdict in scored])
    for verdict in ("likely_fake", "inconclusive", "likely_real"):
        of_fake, of_real = (verdicts[labels] == verdict).sum(), (verdicts[~labels] == verdict).sum()
        print(f"  {verdict:<12} {of_fake} of {labels.sum()} fake, {of_real} of {(~labels).sum()} real")


if __name__ == "__main__":
    main()
