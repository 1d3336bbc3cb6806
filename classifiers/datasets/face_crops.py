"""Loose face crops with landmarks, as `facewitness faces` writes them.

    faces.csv     file,label,split,family,source,clip,person,time_s,box,landmarks,...
    faces.json    how the crops were made; "complete" is false until all are
    .../*.png     what `file` names, relative to this folder

`label` is real or fake; fields of what is not known are empty.
"""

from __future__ import annotations

from pathlib import Path

from classifiers.datasets.index_files import parse_landmarks, read_columns, read_json, read_rows, require_files
from classifiers.datasets.sample import DataError, Sample

LOOKS_FOR = "faces.csv and faces.json of `facewitness faces`"

_COLUMNS = {"file", "label", "split", "family", "source", "clip", "person", "landmarks"}


def recognises(path: Path) -> bool:
    """Tell whether a path is such a folder, or its faces.csv."""
    folder = _folder(path)
    return (folder / "faces.csv").is_file() and (folder / "faces.json").is_file()


def samples(path: Path) -> list[Sample]:
    """List the crops in the order of the index.

    Raises:
        DataError: the crops were not finished, or the index lacks a column, names a crop that is missing or says
            something else than real or fake.
    """
    index = _folder(path) / "faces.csv"
    record = read_json(index.with_suffix(".json"))
    if isinstance(record, dict) and record.get("complete") is False:
        raise DataError(
            f"the crops in {index.parent} are not all there; run the same `facewitness faces` again to go on"
        )
    lacking = sorted(_COLUMNS - set(read_columns(index)))
    if lacking:
        raise DataError(f"{index} lacks the columns {', '.join(lacking)}; run `facewitness faces` again")
    return require_files([_sample(row, index) for row in read_rows(index)], index)


def _folder(path: Path) -> Path:
    return path.parent if path.name == "faces.csv" else path


def _sample(row: dict[str, str], index: Path) -> Sample:
    if row["label"] not in ("real", "fake"):
        raise DataError(f"{index} calls {row['file']} {row['label']!r}, which is neither real nor fake")
    return Sample(
        path=index.parent / row["file"],
        fake=row["label"] == "fake",
        split=row["split"],
        family=row["family"],
        source=row["source"],
        clip=row["clip"],
        person=row["person"],
        landmarks=parse_landmarks(row["landmarks"], index),
    )
