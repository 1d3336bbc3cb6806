"""DeepfakeBench, face crops of many data sets and lists of them (Yan et al., NeurIPS 2023,
https://github.com/SCLBD/DeepfakeBench).

    preprocessing/dataset_json/FF-DF.json    {"FF-DF": {"FF-real": {"train": {"c23": {"071": {"label": "FF-real",
                                             "frames": ["/their/disk/rgb/FaceForensics++/.../frames/071/000.png"]}}},
                                             "val": ..., "test": ...}, "FF-DF": ...}}
    datasets/rgb/FaceForensics++/original_sequences/youtube/c23/frames/071/000.png
    datasets/rgb/Celeb-DF-v2/Celeb-synthesis/frames/id0_id1_0000/000.png

The lists may lie in `dataset_json` as well; one list can be named by itself. The compression is left out for most data
sets. Those of DF40 are built alike. Frames are looked for below the folder that holds the lists, in `datasets` and
`rgb`, by the ends of the paths that are written there; in Windows' spelling too.

Without lists `rgb` is read by its folders, those of FaceForensics++, Celeb-DF and DeeperForensics-1.0; the log names
the others.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from classifiers.datasets import celeb_df, deeper_forensics, df40, faceforensics
from classifiers.datasets.adapter import DatasetAdapter
from classifiers.datasets.clip_names import origins
from classifiers.datasets.forgery_methods import FAMILY_OF
from classifiers.datasets.index_files import read_json, those_there
from classifiers.datasets.sample import Sample
from classifiers.errors import DataError

LOOKS_FOR = "the lists dataset_json/*.json of DeepfakeBench, or its folder rgb"

_LOGGER = logging.getLogger(__name__)
_LISTS = "dataset_json"
_HEAD_BYTES = 1 << 16
_A_CLIP = re.compile(rb'"label": *"[^"]*", *"frames": *\[')
_SETS: dict[str, DatasetAdapter] = {
    "FaceForensics++": faceforensics,
    "Celeb-DF-v1": celeb_df,
    "Celeb-DF-v2": celeb_df,
    "DeeperForensics-1.0": deeper_forensics,
}
_FACEFORENSICS = {"DF": "deepfakes", "F2F": "face2face", "FS": "faceswap", "NT": "neuraltextures"}
_FACEFORENSICS |= dict.fromkeys(("FH", "SH"), "faceshifter")
_LABEL = re.compile(r"(.+)_(real|fake)([AB]?)", re.IGNORECASE)
_SWAPS = ("celebdf", "df", "dfd", "dfdc", "dfdcp", "uadfv")
_SPLITS = ("test", "val", "train")
_FEWEST_LEVELS, _MOST_LEVELS = 3, 5


@dataclass(frozen=True, slots=True)
class _Clip:
    """A clip of a list; `key` is how the list calls it, with label and compression, and `name` tells what it is of."""

    key: str
    name: str
    fake: bool
    family: str
    split: str
    frames: list[Path]


def recognises(path: Path) -> bool:
    """Tell whether a path is or holds lists, or is or holds the folder rgb with a data set that is known."""
    return bool(_lists(path)) or (bool(_known_sets(path)) and not df40.recognises(path))


def samples(path: Path) -> list[Sample]:
    """List the frames.

    Some lists have a clip in several splits, as all of Celeb-DF is for training. What shares `source` is put where it
    was meant to be tested, else where it was meant to choose by, so that nothing is trained on and tested on.

    Raises:
        DataError: a list is damaged, or calls a clip something that is none of the labels of DeepfakeBench.
    """
    lists = _lists(path)
    if not lists:
        return _by_folders(path)
    found: dict[Path, Sample] = {}
    places = _Places(_root(lists[0]))
    clips = {index: list(_clips(index, places)) for index in lists}
    known = origins(clip.name for listed in clips.values() for clip in listed)
    splits: dict[str, set[str]] = {}
    for clip in (clip for listed in clips.values() for clip in listed):
        splits.setdefault(known[clip.name][0], set()).add(clip.split)
    for index, listed in clips.items():
        of_list = [_sample(frame, clip, *known[clip.name], splits) for clip in listed for frame in clip.frames]
        for sample in those_there(of_list, index):
            # A frame stands in several lists, above all those of originals.
            if found.setdefault(sample.path, sample).fake is not sample.fake:
                raise DataError(f"{index} and another list call {sample.path} real and fake")
    return [*found.values()]


def _lists(path: Path) -> list[Path]:
    if path.suffix.lower() == ".json" and path.is_file():
        try:
            with path.open("rb") as file:
                return [path] if _A_CLIP.search(file.read(_HEAD_BYTES)) else []
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
    folders = (path, path / _LISTS, path / "preprocessing" / _LISTS)
    return [index for folder in folders if folder.absolute().name == _LISTS for index in sorted(folder.glob("*.json"))]


def _root(index: Path) -> Path:
    folder = index.parent.absolute()
    above = folder.parent if folder.name == _LISTS else folder
    return above.parent if above.name == "preprocessing" else above


def _clips(index: Path, places: _Places) -> Iterator[_Clip]:
    for keys, facts in _entries(read_json(index), (), index):
        label, frames = facts.get("label"), facts["frames"]
        if not isinstance(label, str) or not all(isinstance(frame, str) and frame for frame in frames):
            raise DataError(f"{index} has no label or no paths of frames at {'/'.join(keys)}")
        if not frames:
            continue
        fake, family = _meaning(label, keys, index)
        split = next((key for key in keys if key in _SPLITS), "")
        paths = [places.of(frame) for frame in frames]
        # The list of DFDC has one clip of its "val" without a name.
        name = paths[0].parent.name if keys[-1] == split else keys[-1]
        key = "/".join((label, *(key for key in keys[2:-1] if key != split), name))
        # Lists of one method or data set alone have numbers of their own; others have those of FaceForensics++.
        alone = label.lower().startswith(f"{keys[0].lower()}_")
        yield _Clip(key, f"{keys[0]}/{name}" if alone else name, fake, family, split, paths)


def _entries(node: object, keys: tuple[str, ...], index: Path) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    is_clip = isinstance(node, dict) and isinstance(node.get("frames"), list)
    if not isinstance(node, dict) or not (_FEWEST_LEVELS if is_clip else 0) <= len(keys) <= _MOST_LEVELS:
        raise DataError(f"{index} is no list of DeepfakeBench: {'/'.join(keys) or 'all of it'} is no table of clips")
    if is_clip:
        yield keys, node
        return
    for key, inner in node.items():
        yield from _entries(inner, (*keys, key), index)


def _meaning(label: str, keys: tuple[str, ...], index: Path) -> tuple[bool, str]:
    """Tell from a label whether a clip is fake, and of which family."""
    if label == "FF-real":
        return False, ""
    if label.startswith("FF-") and label[3:] in _FACEFORENSICS:
        return True, FAMILY_OF[_FACEFORENSICS[label[3:]]]
    match = _LABEL.fullmatch(label)
    if not match:
        raise DataError(f"{index} calls {'/'.join(keys)} {label!r}, which is no label of DeepfakeBench")
    method = re.sub(r"v[12]$", "", match[1].lower()) if match[1].lower().startswith("celebdf") else match[1].lower()
    family = "faceswap" if method in _SWAPS else FAMILY_OF.get(method, "")
    return match[2].lower() == "fake", family if match[2].lower() == "fake" else ""


def _sample(frame: Path, clip: _Clip, source: str, person: str, splits: dict[str, set[str]]) -> Sample:
    return Sample(
        path=frame,
        fake=clip.fake,
        split=next((split for split in _SPLITS if split in splits[source]), ""),
        family=clip.family,
        source=source,
        clip=clip.key,
        # Whose face it is that others than swaps show is not told by the name.
        person=person if not clip.fake or clip.family == "faceswap" else "",
    )


class _Places:
    """Finds the folders of frames, which lists name as they lay on another machine."""

    def __init__(self, root: Path) -> None:
        folders = (root / below for below in ("", "datasets", "datasets/rgb", "rgb"))
        self._roots = [folder for folder in folders if folder.is_dir()]
        self._found: dict[tuple[str, ...], Path] = {}

    def of(self, frame: str) -> Path:
        """Give the path of a frame here; one where nothing is, if its folder is not there."""
        *folder, name = frame.replace("\\", "/").split("/")
        parts = tuple(part for part in folder if part not in ("", ".", ".."))
        if parts not in self._found:
            # The last two folders at least must agree: many clips are called 000.
            tails = [parts[cut:] for cut in range(max(1, len(parts) - 1))]
            here = (root.joinpath(*tail) for tail in tails for root in self._roots)
            self._found[parts] = next((place for place in here if _is_folder(place)), self._roots[0].joinpath(*parts))
        return self._found[parts] / name


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long, before Python 3.14
        return False


def _known_sets(path: Path) -> list[Path]:
    folders = (path, path / "rgb", path / "datasets" / "rgb")
    root = next((folder for folder in folders if folder.absolute().name == "rgb" and folder.is_dir()), None)
    return [root / name for name in _SETS if (root / name).is_dir()] if root else []


def _by_folders(path: Path) -> list[Sample]:
    sets = _known_sets(path)
    others = sorted(folder.name for folder in sets[0].parent.iterdir() if folder.is_dir() and folder not in sets)
    if others:
        said = "%s: %s cannot be read without the lists of DeepfakeBench and are left out"
        _LOGGER.warning(said, sets[0].parent, ", ".join(others))
    found = []
    for folder in sets:
        if not _SETS[folder.name].recognises(folder):
            raise DataError(f"{folder} holds no frames of {folder.name} as DeepfakeBench sorts them")
        # Both versions of Celeb-DF show the same people, and share videos.
        kind = folder.name.partition("-v")[0]
        found += [
            replace(
                sample,
                source=sample.source and f"{kind}/{sample.source}",
                person=sample.person and f"{kind}/{sample.person}",
                clip=f"{folder.name}/{sample.clip}",
            )
            for sample in _SETS[folder.name].samples(folder)
        ]
    return found
