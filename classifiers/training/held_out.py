"""What a trained network says of each picture that it was validated on, in the folder of its run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from classifiers.atomic_file import write_whole
from classifiers.datasets import Sample
from classifiers.errors import DataError
from classifiers.evaluation.predictions import Predictions

HELD_OUT = "validation.json"
"""Its name in the folder of a run: a list of the pictures, where each lies, its truth and its logits."""

_TOLD = ("fake", "member", "family", "source", "clip")


def write_held_out(predictions: Predictions, folder: Path) -> None:
    """Write down the answers of the best epoch.

    Raises:
        OSError: the file cannot be written.
    """
    rows = []
    for sample, logits in zip(predictions.samples, predictions.logits, strict=True):
        told = {name: getattr(sample, name) for name in _TOLD}
        row = {
            "path": str(sample.path.absolute()),
            **told,
            "landmarks": sample.known_landmarks.tolist(),
            "logits": logits.tolist(),
        }
        rows.append(json.dumps(row))
    # Paths that are no text are escaped, and read back as they were.
    write_whole(folder / HELD_OUT, "[\n" + ",\n".join(rows) + "\n]\n")


def read_held_out(folder: Path) -> Predictions:
    """Read the answers of a run.

    Raises:
        DataError: the run is not finished or older than this file, or the file is damaged.
    """
    file = folder / HELD_OUT
    if not file.is_file():
        raise DataError(
            f"{folder} has no {HELD_OUT}: the run is not finished, or an earlier version trained it; give its train "
            "command again, with another folder if it says that the run is done"
        )
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        samples = [
            Sample(
                path=Path(row["path"]),
                landmarks=np.array(row["landmarks"], np.float32).reshape(5, 2),
                **{name: row[name] for name in _TOLD},
            )
            for row in rows
        ]
        return Predictions(samples, np.array([row["logits"] for row in rows], np.float32).reshape(-1, 2))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} is damaged: {error}") from error
