"""A data set of face crops on disk, which survives a kill at any moment.

    faces.json                   how the crops were cut, and how many there are
    faces.csv                    one row a crop
    no_face.csv                  one row an input that gave none, and why
    train/fake/clip-1f0c9a52d7-003.jpg

The crops of an input are written first, then its rows. Only the last rows can be cut off, so the last input of a run
that did not finish is done again; crops that no row names are removed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from classifiers.atomic_file import write_whole
from classifiers.csv_cells import guarded, unguarded
from classifiers.datasets import DataError, Sample
from classifiers.datasets.face_crops import COLUMNS, NO_FACE_COLUMNS
from classifiers.errors import OutputError
from pipeline.results.parts import FAILURES, Status
from pipeline.version import __version__
from pipeline.workbench.face_crops import FaceCrop

SCHEMA = "facewitness/faces/1"

_CROP_NAME = re.compile(r"-[0-9a-f]{10}-\d{3}\.jpg$")

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class FaceCounts:
    """How many crops there are, and of how many inputs; as in `faces.json`.

    Attributes:
        crops: number of crops.
        crops_by_split_and_label: the same for each folder, such as "train/fake".
        inputs_with_faces: number of inputs that gave crops.
        inputs_without: number of those that gave none, by the status that says why.
    """

    crops: int
    crops_by_split_and_label: dict[str, int]
    inputs_with_faces: int
    inputs_without: dict[str, int]

    @property
    def failed(self) -> int:
        """Number of inputs that could not be read."""
        return sum(number for status, number in self.inputs_without.items() if status in FAILURES)


class FaceIndex:
    """Writes crops and their index; what an earlier run left is repaired and kept. Use it in a `with`.

    Args:
        folder: where; made if it is not there.
        settings: how the crops are cut and from what, as plain JSON data; stored in `faces.json`.
        overwrite: whether to remove the crops of an earlier run and begin anew.

    Attributes:
        finished: origins of the inputs that need not be looked at again. Inputs that could not be read are not among
            them: they are tried again.

    Raises:
        DataError: the folder holds something else, or crops that were cut in another way, or cannot be used.
        OutputError: it cannot be written to.
    """

    def __init__(self, folder: Path, settings: dict[str, object], *, overwrite: bool = False) -> None:
        self.folder = folder
        # As they come back from the file.
        self._settings = json.loads(json.dumps(settings))
        record = self._earlier_record()
        if record is not None and not overwrite:
            self._check(record)
        faces, missing = _read(folder / "faces.csv", COLUMNS), _read(folder / "no_face.csv", NO_FACE_COLUMNS)
        if overwrite:
            faces, missing = [], []
        elif record is not None and not record.get("complete"):
            faces = _without_last(faces)
        faces = self._with_all_crops(faces)
        missing = [row for row in missing if row["status"] not in FAILURES]
        self._remove_orphans({row["file"] for row in faces})
        self.finished = {row["origin"] for row in faces} | {row["file"] for row in missing}
        self._faces, self._missing = _Count(faces, "origin"), _Count(missing, "file")
        _replace(folder / "faces.csv", _csv(COLUMNS, faces, header=True))
        _replace(folder / "no_face.csv", _csv(NO_FACE_COLUMNS, missing, header=True))
        self._write_record(complete=False)

    def __enter__(self) -> FaceIndex:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        if kind is None:
            self._write_record(complete=True)

    def add(self, origin: str, sample: Sample, crops: Sequence[FaceCrop]) -> None:
        """Write the crops of one input; they are on disk when this returns.

        Args:
            origin: name of the input.
            sample: what the data set says of it.
            crops: at least one, in order of time.

        Raises:
            OutputError: they cannot be written.
        """
        place = Path(_folder_name(sample.split)) / _label(sample)
        digest = hashlib.sha256(origin.encode()).hexdigest()[:10]
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(origin).stem)[:60]
        rows = []
        try:
            (self.folder / place).mkdir(parents=True, exist_ok=True)
            for number, crop in enumerate(crops):
                file = place / f"{stem}-{digest}-{number:03d}.jpg"
                (self.folder / file).write_bytes(crop.jpeg)
                rows.append(_row(file.as_posix(), origin, sample, crop))
        except OSError as error:
            raise OutputError(f"cannot write crops to {self.folder / place}: {error.strerror}") from error
        _append(self.folder / "faces.csv", _csv(COLUMNS, rows))
        self.finished.add(origin)
        self._faces.add(rows)

    def add_failure(self, origin: str, sample: Sample, status: Status, message: str) -> None:
        """Note that an input gave no crops, and why.

        Raises:
            OutputError: it cannot be written.
        """
        values = (origin, _label(sample), sample.split, status, message)
        row = dict(zip(NO_FACE_COLUMNS, values, strict=True))
        _append(self.folder / "no_face.csv", _csv(NO_FACE_COLUMNS, [row]))
        self.finished.add(origin)
        self._missing.add([row])

    def counts(self) -> FaceCounts:
        """Count crops and inputs."""
        return FaceCounts(
            crops=sum(self._faces.rows.values()),
            crops_by_split_and_label=dict(sorted(self._faces.rows.items())),
            inputs_with_faces=len(self._faces.inputs),
            inputs_without=dict(sorted(self._missing.statuses.items())),
        )

    def _earlier_record(self) -> dict[str, object] | None:
        """Read `faces.json`; None if the folder is new."""
        path = self.folder / "faces.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                if any(not entry.name.startswith(".") for entry in self.folder.iterdir()):
                    raise DataError(f"{self.folder} holds other files and no face crops: name a new folder")
                return None
            record = json.loads(path.read_bytes())
        except OSError as error:
            raise DataError(f"cannot use the folder {self.folder}: {error.strerror}") from error
        except ValueError:
            record = None
        if not isinstance(record, dict) or record.get("schema") != SCHEMA:
            raise DataError(f"{path} is not a record of face crops: name a new folder")
        return record

    def _check(self, record: dict[str, object]) -> None:
        earlier = record.get("settings")
        earlier = earlier if isinstance(earlier, dict) else {}
        other = [name for name, value in self._settings.items() if earlier.get(name) != value]
        if other:
            changes = (
                f"{name} {_short(earlier.get(name))} instead of {_short(self._settings[name])}" for name in other
            )
            raise DataError(
                f"{self.folder} holds crops with {', '.join(changes)}: "
                "name another folder, or begin anew with --overwrite"
            )

    def _with_all_crops(self, rows: list[Row]) -> list[Row]:
        """Leave out the inputs of which a crop is missing."""
        broken = {row["origin"] for row in rows if not _has_content(self.folder / row["file"])}
        return [row for row in rows if row["origin"] not in broken]

    def _remove_orphans(self, known: set[str]) -> None:
        for label in ("real", "fake"):
            for path in self.folder.glob(f"*/{label}/*.jpg"):
                if _CROP_NAME.search(path.name) and path.relative_to(self.folder).as_posix() not in known:
                    path.unlink()

    def _write_record(self, complete: bool) -> None:
        record = {
            "schema": SCHEMA,
            "tool": {"name": "facewitness", "version": __version__},
            "settings": self._settings,
            "complete": complete,
            "counts": asdict(self.counts()),
        }
        _replace(self.folder / "faces.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")


class _Count:
    """Counts rows as they are added, so that they need not be kept."""

    def __init__(self, rows: Iterable[Row], input_column: str) -> None:
        self._input_column = input_column
        self.inputs: set[str] = set()
        self.rows: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.add(rows)

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.inputs.add(row[self._input_column])
            self.rows[f"{_folder_name(row['split'])}/{row['label']}"] += 1
            self.statuses[row.get("status", "ok")] += 1


def _row(file: str, origin: str, sample: Sample, crop: FaceCrop) -> Row:
    values = (
        file,
        _label(sample),
        sample.split,
        sample.family,
        sample.source,
        sample.clip or ("" if crop.time_s is None else origin),
        sample.person,
        "" if crop.time_s is None else f"{crop.time_s:.3f}",
        crop.width,
        crop.height,
        round(crop.face_width_original),
        " ".join(f"{value:.1f}" for value in crop.box),
        " ".join(f"{x:.1f},{y:.1f}" for x, y in crop.landmarks),
        origin,
    )
    return {column: str(value) for column, value in zip(COLUMNS, values, strict=True)}


def _label(sample: Sample) -> str:
    return "fake" if sample.fake else "real"


def _folder_name(split: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", split) or "all"


def _short(value: object) -> str:
    return "unknown" if value is None else value if isinstance(value, str) else json.dumps(value)


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _without_last(rows: list[Row]) -> list[Row]:
    """Leave out the last input: its rows may be cut off between two crops."""
    return [row for row in rows if row["origin"] != rows[-1]["origin"]]


def _read(path: Path, columns: Sequence[str]) -> list[Row]:
    """Read the whole rows of an index; a last row that was cut off when its writer was killed is left out."""
    try:
        # A character may be cut off too.
        text = path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if rows and not text.endswith("\n"):
        rows.pop()
    return [dict(zip(columns, map(unguarded, row), strict=True)) for row in rows[1:] if len(row) == len(columns)]


def _csv(columns: Sequence[str], rows: Iterable[Row], header: bool = False) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    if header:
        writer.writeheader()
    # What is measured is no text of others, and may begin with a minus.
    measured = ("box", "landmarks")
    for row in rows:
        writer.writerow({column: cell if column in measured else guarded(cell) for column, cell in row.items()})
    return text.getvalue()


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _replace(path: Path, text: str) -> None:
    try:
        # File names may hold bytes that are no text.
        write_whole(path, text.encode(errors="backslashreplace"))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
