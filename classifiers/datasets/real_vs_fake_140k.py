"""140k Real and Fake Faces: FFHQ photographs and StyleGAN pictures (Kaggle, xhlulu).

    real_vs_fake/real-vs-fake/{train,valid,test}/{real,fake}/*.jpg
    train.csv, valid.csv, test.csv    ,original_path,id,label,label_str,path (label 1 is real, path "train/real/1.jpg")

The folder is read by its folders. A CSV file that is named by itself is read as a list of its pictures, beside which
real_vs_fake/real-vs-fake or the folders of the splits lie.
"""

from __future__ import annotations

from pathlib import Path

from classifiers.datasets.index_files import read_columns, read_rows, those_there
from classifiers.datasets.media_types import is_picture
from classifiers.datasets.sample import Sample
from classifiers.errors import DataError

LOOKS_FOR = "real_vs_fake/real-vs-fake/{train,valid,test}/{real,fake} of 140k Real and Fake Faces, or its CSV files"

_SPLITS = {"train": "train", "valid": "val", "test": "test"}
_CLASSES = {"real": False, "fake": True}
_COLUMNS = {"original_path", "id", "label", "label_str", "path"}
_INSIDE = ("real_vs_fake/real-vs-fake", "real-vs-fake")


def recognises(path: Path) -> bool:
    """Tell whether a path is this data set, a folder in it that holds all pictures, or one of its CSV files."""
    if path.is_file():
        return path.suffix.lower() == ".csv" and set(read_columns(path)) >= _COLUMNS
    return _pictures(path) != path or (path.name == "real-vs-fake" and (path / "train").is_dir())


def samples(path: Path) -> list[Sample]:
    """List the pictures.

    Raises:
        DataError: a folder of a class is empty or missing, or a CSV file contradicts itself.
    """
    if path.is_file():
        return _listed(path)
    root = _pictures(path)
    found = []
    for folder in _SPLITS:
        if not (root / folder).is_dir():
            raise DataError(f"{root} lacks the folder {folder} of 140k Real and Fake Faces")
        for name, fake in _CLASSES.items():
            names = sorted(file.name for file in (root / folder / name).glob("*") if is_picture(file))
            if not names:
                raise DataError(f"{root / folder / name} holds no pictures")
            found += [_sample(root / folder / name / file, folder, fake) for file in names]
    return found


def _pictures(path: Path) -> Path:
    """Give the folder that holds the folders of the splits."""
    return next((path / inside for inside in _INSIDE if (path / inside / "train").is_dir()), path)


def _listed(index: Path) -> list[Sample]:
    root = _pictures(index.parent)
    found = []
    for number, row in enumerate(read_rows(index), start=2):
        label = row["label_str"].strip().lower()
        if label not in _CLASSES or _CLASSES[label] is not {"1": False, "0": True}.get(row["label"].strip()):
            raise DataError(
                f"{index} calls {row['path']} {row['label']!r} and {row['label_str']!r}, not 1 and real or 0 and fake"
            )
        parts = Path(row["path"]).parts
        if not parts:
            raise DataError(f"{index} has no path in line {number}; it may be cut off")
        found.append(_sample(root / row["path"], parts[0], _CLASSES[label]))
    return those_there(found, index)


def _sample(path: Path, folder: str, fake: bool) -> Sample:
    return Sample(path=path, fake=fake, split=_SPLITS.get(folder, ""), family="gan" if fake else "")
