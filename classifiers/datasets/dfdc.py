"""Deepfake Detection Challenge: the training parts, and the preview that came before.

A part, or a folder of parts (https://ai.meta.com/datasets/dfdc):

    dfdc_train_part_0/
        metadata.json    {"owxbbpjpch.mp4": {"label": "FAKE", "split": "train", "original": "wynotylpnm.mp4"}, ...}
        owxbbpjpch.mp4

The preview:

    dataset.json         {"method_A/1000/1000_A/2000_1000_A_001.mp4": {"label": "fake", "target_id": 1000,
                          "swapped_id": 2000, "set": "train", "augmentations": []}, ...}
    method_A/1000/1000_A/2000_1000_A_001.mp4
    original_videos/1000/1000_A_001.mp4
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from classifiers.datasets.index_files import read_json, those_there
from classifiers.datasets.sample import Sample
from classifiers.datasets.words import known
from classifiers.errors import DataError

LOOKS_FOR = "metadata.json of DFDC parts or dataset.json of the DFDC preview"

_PARTS, _PREVIEW = "metadata.json", "dataset.json"
_LABELS = {"real": False, "fake": True}


def recognises(path: Path) -> bool:
    """Tell whether a path is a part, a folder of parts, or the preview."""
    if (path / _PREVIEW).is_file() and _is_index(path / _PREVIEW, {"label", "set"}):
        return True
    return any(_is_index(index, {"label", "split"}) for index in _part_indexes(path)[:1])


def samples(path: Path) -> list[Sample]:
    """List the videos.

    A fake shares `source` with its original: in the parts the original's name, in the preview the number of the actor
    in whose footage a face was swapped. In the preview `person` is the actor who is seen: for a fake, whose face it is.

    Raises:
        DataError: an index is damaged.
    """
    if (path / _PREVIEW).is_file():
        return _preview(path / _PREVIEW)
    found = []
    for index in _part_indexes(path):
        found += _part(index)
    return found


def _is_index(file: Path, keys: set[str]) -> bool:
    """Tell an index of DFDC from another file of that name, which may hold anything, also no JSON.

    Raises:
        DataError: the file is damaged, and videos lie beside or below it as they do in DFDC.
    """
    try:
        return _lists(read_json(file), keys)
    except DataError:
        if any(file.parent.glob("*.mp4")) or any(file.parent.glob("original_videos/*/*.mp4")):
            raise
        return False


def _part_indexes(path: Path) -> list[Path]:
    own = path / _PARTS
    return [own] if own.is_file() else sorted(path.glob(f"*/{_PARTS}"), key=_natural)


def _natural(index: Path) -> tuple[int, str]:
    """Order part 2 before part 10."""
    number = index.parent.name.rpartition("_")[2]
    return int(number) if number.isdecimal() else -1, index.parent.name


def _lists(content: object, fields: set[str]) -> bool:
    """Tell whether this is a table of videos with certain fields."""
    first = next(iter(content.values()), None) if isinstance(content, dict) else None
    return isinstance(first, dict) and fields <= first.keys()


def _part(index: Path) -> list[Sample]:
    found = []
    for name, facts in _entries(index):
        fake = _fake(name, facts, index)
        original = known(_text(facts.get("original"))) if fake else name
        if not original:
            raise DataError(f"{index} does not say what {name} was made from")
        found.append(
            Sample(
                path=index.parent / name,
                fake=fake,
                split=_split(facts.get("split")),
                family="faceswap" if fake else "",
                source=PurePosixPath(original).stem,
                clip=PurePosixPath(name).stem,
            )
        )
    return those_there(found, index)


def _preview(index: Path) -> list[Sample]:
    found = []
    for name, facts in _entries(index):
        fake = _fake(name, facts, index)
        seen = facts.get("swapped_id") if fake else facts.get("target_id")
        found.append(
            Sample(
                path=index.parent / name,
                fake=fake,
                split=_split(facts.get("set")),
                family="faceswap" if fake else "",
                source=_text(facts.get("target_id")),
                clip=str(PurePosixPath(name).with_suffix("")),
                person=_text(seen),
            )
        )
    return those_there(found, index)


def _entries(index: Path) -> list[tuple[str, dict[str, Any]]]:
    content = read_json(index)
    if not isinstance(content, dict) or not all(isinstance(facts, dict) for facts in content.values()):
        raise DataError(f"{index} is no table of videos and their labels")
    return list(content.items())


def _fake(name: str, facts: dict[str, Any], index: Path) -> bool:
    label = str(facts.get("label")).lower()
    if label not in _LABELS:
        raise DataError(f"{index} calls {name} {facts.get('label')!r}, which is neither REAL nor FAKE")
    return _LABELS[label]


def _split(text: object) -> str:
    name = str(text or "").lower()
    return {"validation": "val"}.get(name, name)


def _text(value: object) -> str:
    return "" if value is None else str(value)
