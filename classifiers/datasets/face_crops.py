"""Loose face crops with landmarks, as `facewitness faces` writes them.

    faces.csv     one row a crop, with `COLUMNS`
    faces.json    how the crops were made; "complete" is false until all are
    no_face.csv   one row an input that gave no crop, with `NO_FACE_COLUMNS`
    .../*.jpg     what `file` names, relative to this folder

`label` is real or fake; fields of what is not known are empty.
"""

from __future__ import annotations

from pathlib import Path

from classifiers.csv_cells import unguarded
from classifiers.datasets.index_files import (
    parse_label,
    parse_landmarks,
    read_columns,
    read_json,
    read_rows,
    those_there,
)
from classifiers.datasets.sample import Sample
from classifiers.errors import DataError

LOOKS_FOR = "faces.csv and faces.json of `facewitness faces`"

# fmt: off
COLUMNS = (
    "file", "label", "split", "family", "source", "clip", "person", "time_s", "width", "height",
    "face_width_original", "box", "landmarks", "origin",
)
# fmt: on
"""Of `faces.csv`. The box is "x y w h" and the landmarks are five "x,y", both in pixels of the crop."""

NO_FACE_COLUMNS = ("file", "label", "split", "status", "message")
"""Of `no_face.csv`."""

_REQUIRED = {"file", "label", "split", "family", "source", "clip", "person", "landmarks"}


def recognises(path: Path) -> bool:
    """Tell whether a path is such a folder, or its faces.csv."""
    folder = _folder(path)
    return (folder / "faces.csv").is_file() and (folder / "faces.json").is_file()


def samples(path: Path) -> list[Sample]:
    """List the crops in the order of the index.

    Raises:
        DataError: the crops were not finished, or the index lacks a column or says something else than real or fake.
    """
    index = _folder(path) / "faces.csv"
    record = read_json(index.with_suffix(".json"))
    if isinstance(record, dict) and record.get("complete") is False:
        raise DataError(
            f"the crops in {index.parent} are not all there; run the same `facewitness faces` again to go on"
        )
    lacking = sorted(_REQUIRED - set(read_columns(index)))
    if lacking:
        raise DataError(f"{index} lacks the columns {', '.join(lacking)}; run `facewitness faces` again")
    return those_there([_sample(row, index) for row in _rows(index)], index)


def inputs_without_crops(path: Path) -> list[tuple[Sample, str, str]]:
    """List the inputs that gave no crop, with the status and the message of each; none where that was not written down.

    Raises:
        DataError: the list lacks a column, or calls an input something else than real or fake.
    """
    index = _folder(path) / "no_face.csv"
    if not index.is_file():
        return []
    lacking = sorted(set(NO_FACE_COLUMNS) - set(read_columns(index)))
    if lacking:
        raise DataError(f"{index} lacks the columns {', '.join(lacking)}; run `facewitness faces` again")
    return [
        (Sample(Path(row["file"]), parse_label(row, index), split=row["split"]), row["status"], row["message"])
        for row in _rows(index)
    ]


def _rows(index: Path) -> list[dict[str, str]]:
    return [
        {column: unguarded(text) for column, text in row.items() if isinstance(text, str)} for row in read_rows(index)
    ]


def _folder(path: Path) -> Path:
    return path.parent if path.name == "faces.csv" else path


def _sample(row: dict[str, str], index: Path) -> Sample:
    return Sample(
        path=index.parent / row["file"],
        fake=parse_label(row, index),
        split=row["split"],
        family=row["family"],
        source=row["source"],
        clip=row["clip"],
        person=row["person"],
        landmarks=parse_landmarks(row["landmarks"], index),
    )
