"""Deepfake-Eval-2024, what went round on social media in 2024 (Chandra et al., 2025, https://arxiv.org/abs/2503.02857).

    video-metadata-publish.csv    Filename,Date,Video Ground Truth,Audio Ground Truth,Public Comments,Finetuning Set
    video-data/U0MuTlff.mp4
    image-metadata-publish.csv    Filename,...,Ground Truth,...,Finetuning Set
    image-data/a1b2c3.jpg

The tables may be called ...-with-links.csv as well. The ground truth is Real, Fake or Unknown; that of the picture
counts, so a video that was left as filmed and given another voice is real. The authors' split is "train" for
fine-tuning and "test". Nothing says how a fake was made, who is seen, or what belongs together. Files of sound alone
are not read.
"""

from __future__ import annotations

import logging
from pathlib import Path

from classifiers.datasets.index_files import read_rows, require_columns, those_there
from classifiers.datasets.media_types import is_video
from classifiers.datasets.sample import Sample
from classifiers.errors import DataError
from classifiers.numerals import counted

LOOKS_FOR = "video-metadata-publish.csv or image-metadata-publish.csv of Deepfake-Eval-2024"

_LOGGER = logging.getLogger(__name__)
_KINDS = {"video": "Video Ground Truth", "image": "Ground Truth"}
_LABELS = {"real": False, "fake": True}
_UNKNOWN = ("unknown", "")
_SPLITS = ("train", "test", "")


def recognises(path: Path) -> bool:
    """Tell whether a folder has one of the tables."""
    return any(_table(path, kind) for kind in _KINDS)


def samples(path: Path) -> list[Sample]:
    """List the videos and pictures whose label is known; the log counts the others.

    Raises:
        DataError: a table lacks a column, or has another label or split than these.
    """
    found = []
    for kind, label in _KINDS.items():
        table = _table(path, kind)
        if table:
            found += _listed(table, path / f"{kind}-data", label)
    return found


def _table(path: Path, kind: str) -> Path | None:
    names = (f"{kind}-metadata-publish.csv", f"{kind}-metadata-publish-with-links.csv")
    return next((path / name for name in names if (path / name).is_file()), None)


def _listed(table: Path, folder: Path, label_column: str) -> list[Sample]:
    columns = ("Filename", label_column, "Finetuning Set")
    require_columns(table, columns, "Deepfake-Eval-2024")
    found, unknown = [], 0
    for number, row in enumerate(read_rows(table), start=2):
        name, label, split = (row[column].strip() for column in columns)
        if label.lower() in _UNKNOWN:
            unknown += 1
            continue
        if label.lower() not in _LABELS or split.lower() not in _SPLITS or not name:
            raise DataError(
                f"line {number} of {table} has the file {name!r}, the {label_column} {label!r} and the Finetuning Set "
                f"{split!r}; needed are a name, Real, Fake or Unknown, and train or test"
            )
        found.append(
            Sample(
                path=folder / name,
                fake=_LABELS[label.lower()],
                split=split.lower(),
                clip=f"{folder.name}/{Path(name).stem}" if is_video(name) else "",
            )
        )
    if unknown:
        _LOGGER.warning("%s: %s called neither real nor fake, left out", table, counted(unknown, "file"))
    return those_there(found, table)
