"""Any tree of folders whose names say what is real and what is fake; names of splits may stand above or below.

    Dataset/{Train,Validation,Test}/{Real,Fake}/*.jpg      Deepfake and Real Images
    training_real/*.jpg, training_fake/*.jpg               Real and Fake Face Detection
    {train,val}/{0_real,1_fake}/*.png                      CNNDetection, ForenSynths
    {train,val}/{nature,ai}/*.png                          GenImage
    real/*.jpg, fake/stable_diffusion/*.png                sets of pictures by generator
    original/*.mp4, deepfake/*.mp4                         videos
    real/talk one/*.png, fake/talk two/*.png               frames of videos

Upper and lower case are the same. Folders are read, file names never; a name that speaks of both classes
("real_and_fake") says nothing. The words are those of `classifiers.datasets.words`; a folder that is named after a kind
of forgery (faceswap, face2face, reenactment, lipsync, gan, stylegan, diffusion) gives that as `family`, and is fake.
Several pictures in a folder below that of their class are one clip, unless its name speaks of a class, split or family.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from classifiers.datasets.media_types import is_picture, is_video
from classifiers.datasets.sample import Sample
from classifiers.datasets.words import fakes_of, families_of, splits_of
from classifiers.errors import DataError

LOOKS_FOR = "folders named real, fake or the like, such as Train/Real and Train/Fake"

_LOGGER = logging.getLogger(__name__)
_DEPTH = 6

Said = TypeVar("Said", bool, str)


def recognises(path: Path) -> bool:
    """Tell whether a folder within a folder says that its files are real or fake."""
    return path.is_dir() and any(len(fakes_of(name)) == 1 for folder, _, _ in _walk(path) for name in folder.parts)


def samples(path: Path) -> list[Sample]:
    """List the pictures and videos under folders of a class, in order of their paths.

    Files under no such folder are left out; the log counts them.

    Raises:
        DataError: a folder of a class holds nothing, the folders above a file contradict each other, or one is locked.
    """
    found, left_out = [], []
    for folder, subfolders, names in _walk(path, _refuse):
        labels = _said(folder, path, _label_of)
        splits, families = _said(folder, path, _split_of), _said(folder, path, families_of)
        media = [name for name in names if is_picture(name) or is_video(name)]
        if not labels:
            left_out += [path / folder / name for name in media]
            continue
        if not media and not subfolders and _label_of(folder.name):
            raise DataError(f"{path / folder} holds no pictures and no videos")
        are_frames = not _speaks(folder.name) and sum(map(is_picture, media)) > 1
        clip_of_pictures = folder.as_posix() if are_frames else ""
        for name in media:
            found.append(
                Sample(
                    path=path / folder / name,
                    fake=labels[0],
                    split=splits[0] if splits else "",
                    family=families[0] if families and labels[0] else "",
                    clip=(folder / name).with_suffix("").as_posix() if is_video(name) else clip_of_pictures,
                )
            )
    if left_out:
        _LOGGER.warning(
            "%s: %d files lie under no folder named real or fake and are left out, the first is %s",
            path,
            len(left_out),
            left_out[0],
        )
    return found


def _refuse(error: OSError) -> None:
    raise DataError(f"cannot read the folder {error.filename}: {error.strerror}") from error


def _walk(path: Path, onerror: Callable[[OSError], None] | None = None) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Give every folder, relative to the path, with its sub-folders and files, without hidden ones, in order.

    Links are followed, but no folder is entered twice. `onerror` is called with the error where one cannot be read.
    """
    entered: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(path, onerror=onerror, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in entered:
            subfolders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        relative = Path(folder).relative_to(path)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        if len(relative.parts) >= _DEPTH:
            subfolders.clear()
        yield relative, subfolders, sorted(name for name in names if not name.startswith("."))


def _speaks(name: str) -> bool:
    return bool(fakes_of(name) or splits_of(name) or families_of(name))


def _label_of(name: str) -> set[bool]:
    labels = fakes_of(name)
    return labels if len(labels) == 1 else set()


def _split_of(name: str) -> set[str]:
    splits = splits_of(name)
    return splits if len(splits) == 1 else set()


def _said(folder: Path, root: Path, reading: Callable[[str], set[Said]]) -> list[Said]:
    """Give the one thing that the names of a folder and those above it say, or nothing."""
    said: set[Said] = set().union(*(reading(name) for name in folder.parts))
    if len(said) > 1:
        raise DataError(f"the names of the folders of {root / folder} contradict each other; rename one of them")
    return list(said)
