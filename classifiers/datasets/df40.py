"""DF40, face crops of forty methods (Yan et al., NeurIPS 2024, https://github.com/YZY-stack/DF40).

    DF40/simswap/ff/frames/001_870/000.png            for testing, made from FaceForensics++
    DF40/simswap/cdf/frames/id0_id16_0003/000.png     for testing, made from Celeb-DF
    DF40/StyleGAN2/ff/001/seed0188.png                some methods lack frames/
    DF40/MidJourney/fake/1.png, MidJourney/real/1.png some bring real pictures of their own
    DF40_train/simswap/frames/071_054/000.png         for training, made from FaceForensics++ alone
    FaceForensics++/original_sequences/youtube/c23/frames/071/000.png     the real part, which is published apart
    Celeb-DF-v2/Celeb-real/frames/id0_0003/000.png, Celeb-DF-v2/YouTube-real/frames/...

A folder that was unpacked into one of its own name (simswap/simswap/ff) does no harm. Where the lists of frames that
come with the data set (`dataset_json`) are there, `deepfake_bench` reads them instead.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from classifiers.datasets.clip_files import clips_of, pictures_in
from classifiers.datasets.clip_names import origins
from classifiers.datasets.forgery_methods import FAMILY_OF
from classifiers.datasets.sample import Sample
from classifiers.errors import DataError

LOOKS_FOR = "the folders DF40 and DF40_train of DF40, or the folders of methods in one of them"

_SPLITS = {"DF40_train": "train", "DF40": "test"}
_LISTS = "dataset_json"
_FACEFORENSICS = "FaceForensics++/original_sequences/youtube/c23"
_CELEB_DF = ("Celeb-DF-v2/Celeb-real", "Celeb-DF-v2/YouTube-real")
_BESIDE_FRAMES = {"landmarks", "masks"}
# Folders that sort what a method made, and are no clips.
_SORTING = {"ff", "cdf", "frames", "fake", "real", "inversions", "heygen_new", "celeb-real", "youtube-real"}
_SORTING |= {"fake_from_celeb-real", "fake_from_youtube-real"}


def recognises(path: Path) -> bool:
    """Tell whether a folder is one of the two parts or holds one, and has no lists of frames."""
    return bool(_parts(path)) and not (path / _LISTS).is_dir()


def samples(path: Path) -> list[Sample]:
    """List the frames and pictures.

    A fake shares `source` with the video that it was made from. The originals go where what was made from them goes;
    those of Celeb-DF are for testing only, as all of their domain.

    Raises:
        DataError: a folder is not named after a method of DF40, or a method has no pictures.
    """
    found = []
    for part in _parts(path):
        methods = [folder for folder in sorted(part.glob("*")) if folder.is_dir() and folder.name[0] not in "._"]
        for method in methods:
            found += _made_by(method, _SPLITS[part.absolute().name])
    found += _originals(path)
    known = origins(Path(s.clip).name for s in found if not s.source)
    found = [s if s.source else _with_origin(s, *known[Path(s.clip).name]) for s in found]
    tested = {s.source for s in found if s.split == "test"}
    trained = {s.source for s in found if s.split == "train"} - tested
    return [s if s.split else replace(s, split=_split(s.source, trained, tested)) for s in found]


def _parts(path: Path) -> list[Path]:
    within = [path / name for name in _SPLITS if (path / name).is_dir()]
    parts = within or ([path] if path.absolute().name in _SPLITS else [])
    return [part for part in parts if any(folder.name.lower() in FAMILY_OF for folder in part.glob("*"))]


def _made_by(method: Path, split: str) -> list[Sample]:
    name = method.name.lower()
    if name not in FAMILY_OF:
        raise DataError(f"{method} is not named after a method of DF40; move it out of {method.parent.name}")
    found = []
    for place in sorted(Path(folder) for folder, _, _ in os.walk(method)):
        inside = [part.lower() for part in place.relative_to(method).parts]
        if _BESIDE_FRAMES & {*inside}:
            continue
        fake = "real" not in inside
        sorts = not inside or inside[-1] in _SORTING | {name}
        clip = "" if sorts else f"{method.absolute().parent.name}/{place.relative_to(method.parent).as_posix()}"
        # What was made neither of FaceForensics++ nor of Celeb-DF says nothing of these by its name.
        has_own = bool({"fake", "real"} & {*inside})
        for file in pictures_in(place):
            found.append(
                Sample(
                    path=file,
                    fake=fake,
                    split=split,
                    family=FAMILY_OF[name] if fake else "",
                    source=f"{method.name}/{file.stem if sorts else place.name}" if sorts or has_own else "",
                    clip=clip,
                )
            )
    if not found:
        raise DataError(f"{method} holds no pictures of DF40")
    return found


def _originals(path: Path) -> list[Sample]:
    places = {_FACEFORENSICS: "", **dict.fromkeys(_CELEB_DF, "test")}
    return [
        Sample(path=file, fake=False, split=split, clip=f"{place}/{name}")
        for place, split in places.items()
        for name, files in clips_of(path / place).items()
        for file in files
    ]


def _with_origin(sample: Sample, source: str, person: str) -> Sample:
    # Whose face it is that others than swaps show is not told by the name.
    seen = person if not sample.fake or sample.family == "faceswap" else ""
    return replace(sample, source=source, person=seen)


def _split(source: str, trained: set[str], tested: set[str]) -> str:
    return "test" if source in tested else "train" if source in trained else ""
