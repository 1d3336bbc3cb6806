"""Face crops in stored zip shards, described by one index CSV per group.

    real.csv    shard,file,split,label,family,source,...,landmarks
    real-00.zip
    real-01.zip

A path is one index or a folder of several. What an index calls a re-enactment is an expression swap where its source
names a method that alters the expression of a filmed face, such as "FaceForensics++ Face2Face": no face was drawn.
"""

from __future__ import annotations

from pathlib import Path

from classifiers.datasets.index_files import parse_label, parse_landmarks, read_columns, read_rows, those_there
from classifiers.datasets.sample import Sample
from classifiers.datasets.words import families_of

LOOKS_FOR = "an index CSV of zip shards (columns shard, file, split, label, source, landmarks)"

_COLUMNS = {"shard", "file", "split", "label", "source", "landmarks"}


def recognises(path: Path) -> bool:
    """Tell whether a path is an index CSV of shards, or a folder of such."""
    return any(set(read_columns(index)) >= _COLUMNS for index in _indexes(path))


def samples(path: Path) -> list[Sample]:
    """List the samples of one index CSV, or of all in a folder, in the order of the files.

    Raises:
        DataError: a shard is damaged, or a row says something else than real or fake.
    """
    found = []
    for index in _indexes(path):
        if set(read_columns(index)) >= _COLUMNS:
            found += those_there([_sample(row, index) for row in read_rows(index)], index)
    return found


def _indexes(path: Path) -> list[Path]:
    return sorted(path.glob("*.csv")) if path.is_dir() else [path] if path.suffix.lower() == ".csv" else []


def _sample(row: dict[str, str], index: Path) -> Sample:
    fake = parse_label(row, index)
    return Sample(
        path=index.parent / row["shard"],
        member=row["file"],
        fake=fake,
        split=row["split"],
        family=_family(row) if fake else "",
        source=row["source"],
        origin=row.get("repository") or "",
        clip=row.get("clip") or "",
        scene=row.get("scene") or "",
        # Names are told apart within a source only.
        person=f"{row['source']}/{row['person']}" if row.get("person") and not fake else "",
        landmarks=parse_landmarks(row["landmarks"], index),
    )


def _family(row: dict[str, str]) -> str:
    return "expression_swap" if "expression_swap" in families_of(row["source"]) else row.get("family") or ""
