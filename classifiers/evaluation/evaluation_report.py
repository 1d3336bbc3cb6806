"""Evaluations as files: every figure as JSON and CSV, and plots."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from classifiers.atomic_file import write_whole
from classifiers.evaluation.evaluation import CSV_COLUMNS, Evaluation
from classifiers.evaluation.plots import write_plots

SCHEMA = "facewitness/evaluation/1"


def write_report(
    evaluations: Sequence[Evaluation], dataset: str, split: str, draws: int, version: str, folder: Path
) -> list[Path]:
    """Write evaluation.json, evaluation.csv and the plots.

    Args:
        evaluations: of several models on one data set.
        dataset: path of the data set, for people.
        split: the part that was measured.
        draws: resamples for the intervals.
        version: of the program.
        folder: where; made if it is not there.

    Returns:
        The files.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = to_json(evaluations, dataset, split, draws, version)
    files = {
        "evaluation.json": json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        "evaluation.csv": to_csv(evaluations),
    }
    for name, text in files.items():
        # File names may hold bytes that are no text.
        write_whole(folder / name, text.encode(errors="backslashreplace"))
    return [*(folder / name for name in files), *write_plots(evaluations, folder)]


def to_json(evaluations: Sequence[Evaluation], dataset: str, split: str, draws: int, version: str) -> dict[str, object]:
    """Give several models on one data set as plain data."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "facewitness", "version": version},
        "dataset": dataset,
        "split": split,
        "intervals": {"level": 0.95, "method": "bootstrap over groups", "draws": draws, "seed": 0},
        "models": [evaluation.to_json() for evaluation in evaluations],
    }


def to_csv(evaluations: Sequence[Evaluation]) -> str:
    """Give the figures of several models as one tidy table."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for evaluation in evaluations:
        writer.writerows(evaluation.csv_rows())
    return text.getvalue()
