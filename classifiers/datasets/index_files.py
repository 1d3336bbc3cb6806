"""Reads the index files of data sets, and looks which of the files that they name are there."""

from __future__ import annotations

import csv
import json
import logging
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifiers.datasets.sample import Sample
from classifiers.errors import DataError

_LOGGER = logging.getLogger(__name__)
_POINTS = 5


def read_columns(path: Path) -> list[str]:
    """Read the header of a CSV file; nothing if it is empty or no text.

    Raises:
        DataError: the file cannot be opened.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
            return next(csv.reader(file), [])
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except csv.Error:
        return []


def require_columns(path: Path, columns: Iterable[str], data_set: str) -> None:
    """Make sure that a CSV file has certain columns.

    Args:
        path: the file.
        columns: their names, as the header must spell them.
        data_set: whose file it is, for the message.

    Raises:
        DataError: the file cannot be opened, or lacks one.
    """
    there = read_columns(path)
    lacking = [column for column in columns if column not in there]
    if lacking:
        raise DataError(f"{path} lacks the columns {', '.join(lacking)} of {data_set}")


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file with a header, each row as column to text; rows that are cut short have "" at their end.

    Raises:
        DataError: the file cannot be read, or is no text in UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file, restval=""))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no CSV file in UTF-8: {error}") from error


def read_json(path: Path) -> object:
    """Read a JSON file.

    Raises:
        DataError: the file cannot be read or holds no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON file: {error}") from error


def parse_label(row: dict[str, str], index: Path) -> bool:
    """Tell whether a row with the columns "file" and "label" is fake.

    Raises:
        DataError: its label is neither "real" nor "fake".
    """
    if row["label"] not in ("real", "fake"):
        raise DataError(f"{index} calls {row['file']} {row['label']!r}, which is neither real nor fake")
    return row["label"] == "fake"


def parse_landmarks(text: str, index: Path) -> npt.NDArray[np.float32] | None:
    """Parse five points as "x,y x,y x,y x,y x,y".

    Args:
        text: the field; blank where no landmarks are known.
        index: the file that it stands in, for the message.

    Returns:
        float32 (5, 2), or None for a blank field.

    Raises:
        DataError: these are not five points.
    """
    if not text.strip():
        return None
    try:
        points = np.array([[float(value) for value in point.split(",")] for point in text.split()], np.float32)
    except ValueError:
        points = np.empty(0, np.float32)
    if points.shape != (_POINTS, 2) or not np.isfinite(points).all():
        raise DataError(f"{index} holds landmarks {text!r}, which are not five points such as 98.5,122.2")
    return points


def those_there(samples: Sequence[Sample], index: Path) -> list[Sample]:
    """Take the samples whose files are there: data sets are copied and downloaded in part. The log counts the others.

    Args:
        samples: what the index lists.
        index: the index, for the message.
    """
    there: dict[Path, frozenset[str] | bool] = {}
    found: list[Sample] = []
    missing: list[str] = []
    for sample in samples:
        if sample.path not in there:
            there[sample.path] = _members(sample.path) if sample.member else is_there(sample.path)
        place = there[sample.path]
        if sample.member in place if isinstance(place, frozenset) else place:
            found.append(sample)
        else:
            missing.append(sample.name)
    warn_of_missing(missing, len(samples), index)
    return found


def is_there(path: Path) -> bool:
    """Tell whether there is a file of a name that somebody wrote down, also if no file can have such a name."""
    try:
        return path.is_file()
    except OSError:  # before Python 3.14, where it is too long
        return False


def warn_of_missing(missing: Sequence[str], total: int, index: Path) -> None:
    """Log how many of the files that an index names are missing, and the first of them."""
    if missing:
        said = "%s: %d of %d files missing and left out, the first is %s"
        _LOGGER.warning(said, index, len(missing), total, missing[0])


def _members(archive: Path) -> frozenset[str]:
    try:
        with zipfile.ZipFile(archive) as file:
            return frozenset(file.namelist())
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot read {archive}: {error}") from error
