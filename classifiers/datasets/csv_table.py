"""Any CSV file with a header, a column of paths and a column of labels.

    path,label,split,family,source,clip,person
    clips/0001.mp4,fake,train,faceswap,studio,0001,anna

Columns, in upper or lower case; the first name of each that is there counts:

    paths       path, file, filepath, file_path, filename, file_name, image, image_path, img, img_path, video,
                video_path; relative to the folder of the CSV file
    labels      label, class, target, category, label_str: words such as real and fake, or 1 for fake and 0 for real;
                fake, is_fake: 1 for fake;  real, is_real: 1 for real
    further     split (train, val, test, dev and the like), family, source, origin, clip or video, person or
                identity, landmarks ("x,y x,y x,y x,y x,y")

Several columns of labels must agree, and so must numbers and folders that are named real or fake: many tables have
1 for real. A folder with one such CSV file, or with several that are named after splits (train.csv, test.csv), is read
too.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from classifiers.datasets.index_files import parse_landmarks, read_columns, read_rows, those_there
from classifiers.datasets.media_types import is_video
from classifiers.datasets.sample import Sample
from classifiers.datasets.words import fakes_of, families_of, known, splits_of
from classifiers.errors import DataError

LOOKS_FOR = "a CSV file with columns of paths (path, file, filename, ...) and labels (label, is_fake, is_real, ...)"

_PATHS = (
    *("path", "file", "filepath", "file_path", "filename", "file_name"),
    *("image", "image_path", "img", "img_path", "video", "video_path"),
)
_LABELS = ("label", "class", "target", "category", "label_str", "fake", "is_fake", "real", "is_real")
_CLIPS = ("clip", "video", "video_id")
_PERSONS = ("person", "identity", "person_id")
_TRUTHS = {"1": True, "1.0": True, "0": False, "0.0": False}
_WORDS_OF_TRUTH = {**_TRUTHS, "true": True, "yes": True, "false": False, "no": False}


def recognises(path: Path) -> bool:
    """Tell whether a path is such a CSV file, or a folder that holds one."""
    return bool(_tables(path))


def samples(path: Path) -> list[Sample]:
    """List the rows.

    Raises:
        DataError: it cannot be told which table or what a label means.
    """
    tables = _tables(path)
    if len(tables) > 1 and not all(len(splits_of(table.stem)) == 1 for table in tables):
        names = ", ".join(table.name for table in tables)
        raise DataError(f"{path} holds several tables ({names}); name the one to read")
    found = []
    for table in tables:
        # One table says nothing by its name: data.csv may as well be called test.csv.
        split = next(iter(splits_of(table.stem))) if len(tables) > 1 else ""
        found += _read(table, split)
    return found


def _tables(path: Path) -> list[Path]:
    candidates = sorted(path.glob("*.csv")) if path.is_dir() else [path] if path.suffix.lower() == ".csv" else []
    headers = ((table, read_columns(table)) for table in candidates)
    return [table for table, columns in headers if _named(columns, _PATHS) and _named(columns, _LABELS)]


def _named(columns: list[str], names: tuple[str, ...]) -> list[str]:
    """Give those columns that have one of the names, in the order of the names."""
    lower = {column.strip().lower(): column for column in reversed(columns)}
    return [lower[name] for name in names if name in lower]


def _read(table: Path, split: str) -> list[Sample]:
    columns = read_columns(table)
    path_column = _named(columns, _PATHS)[0]
    label_columns = _named(columns, _LABELS)

    def reader(*names: str) -> Callable[[dict[str, str]], str]:
        column = next((column for column in _named(columns, names) if column != path_column), None)
        return lambda row: known(row[column]) if column else ""

    split_of, family, source, origin = reader("split"), reader("family"), reader("source"), reader("origin")
    clip, person, landmarks = reader(*_CLIPS), reader(*_PERSONS), reader("landmarks")
    found = []
    for number, row in enumerate(read_rows(table), start=2):
        name = row[path_column].strip()
        if not name:
            raise DataError(f"{table} has no path in line {number}")
        fake = _fake({column: row[column] for column in label_columns}, name, f"line {number} of {table}")
        found.append(
            Sample(
                path=table.parent / name,
                fake=fake,
                split=_split(split_of(row), split, f"line {number} of {table}"),
                family=_family(family(row)) if fake else "",
                source=source(row),
                origin=origin(row),
                clip=clip(row) or (Path(name).with_suffix("").as_posix() if is_video(name) else ""),
                person=person(row),
                landmarks=parse_landmarks(landmarks(row), table),
            )
        )
    return those_there(found, table)


def _fake(labels: dict[str, str], name: str, where: str) -> bool:
    """Tell the class of a row from its columns of labels, and check it against the folders of its path."""
    said = {column: _meaning(column, text, where) for column, text in labels.items()}
    if len(set(said.values())) > 1:
        fields = ", ".join(f"{column} {text!r}" for column, text in labels.items())
        raise DataError(f"the labels in {where} contradict each other: {fields}")
    fake = next(iter(said.values()))
    if any(text.strip() in _TRUTHS for text in labels.values()):
        for folder in Path(name).parts[:-1]:
            if fakes_of(folder) == {not fake}:
                column, text = next(iter(labels.items()))
                raise DataError(
                    f"{where} has {column} {text!r} for {name}, so that it is unclear whether 1 means real or fake; "
                    "call the column is_real or is_fake"
                )
    return fake


def _meaning(column: str, text: str, where: str) -> bool:
    value = text.strip().lower()
    header = column.strip().lower()
    if header in ("real", "is_real", "fake", "is_fake"):
        if value in _WORDS_OF_TRUTH:
            return _WORDS_OF_TRUTH[value] is header.endswith("fake")
    elif value in _TRUTHS:
        return _TRUTHS[value]
    elif len(fakes_of(value)) == 1:
        return next(iter(fakes_of(value)))
    raise DataError(f"{where} has the {column} {text!r}, which means neither real nor fake")


def _split(text: str, of_table: str, where: str) -> str:
    if not text:
        return of_table
    splits = splits_of(text)
    if len(splits) != 1:
        raise DataError(f"{where} has the split {text!r}; use train, val, test or dev")
    return next(iter(splits))


def _family(text: str) -> str:
    """Call a family as other data sets do, where it is one of theirs."""
    families = families_of(text)
    return next(iter(families)) if len(families) == 1 else text
