"""Celeb-DF, v2 and v1 (https://github.com/yuezunli/celeb-deepfakeforensics).

    Celeb-real/id0_0000.mp4             person 0, video 0
    Celeb-synthesis/id0_id1_0000.mp4    the face of person 1 in video 0 of person 0
    YouTube-real/00000.mp4
    Celeb-real/frames/id0_0000/000.png  where there are no videos, as DeepfakeBench has it
    List_of_testing_videos.txt          "1 YouTube-real/00170.mp4", "0 Celeb-synthesis/id1_id0_0007.mp4"

In the list 1 is real.
"""

from __future__ import annotations

from pathlib import Path

from classifiers.datasets.clip_files import clips_of
from classifiers.datasets.clip_names import CELEB
from classifiers.datasets.index_files import warn_of_missing
from classifiers.datasets.sample import Sample
from classifiers.errors import DataError

LOOKS_FOR = "the folders Celeb-real and Celeb-synthesis of Celeb-DF"

_TEST_LIST = "List_of_testing_videos.txt"
_FOLDERS = {"Celeb-real": False, "Celeb-synthesis": True, "YouTube-real": False}


def recognises(path: Path) -> bool:
    """Tell whether a folder has the two folders that every release has."""
    return (path / "Celeb-real").is_dir() and (path / "Celeb-synthesis").is_dir()


def samples(path: Path) -> list[Sample]:
    """List the videos, those of the test list as "test" and the others as "train"; without a list no split is given.

    A fake shares `source` with the video that it was made from; `person` is whose face is seen.

    Raises:
        DataError: the test list contradicts the folders, or a video has another name.
    """
    tests = _test_clips(path)
    found: list[Sample] = []
    for folder, fake in _FOLDERS.items():
        for name, files in clips_of(path / folder).items():
            clip = f"{folder}/{name}"
            source, person = _origin(files[0], clip)
            found += [
                Sample(
                    path=file,
                    fake=fake,
                    split="" if tests is None else "test" if clip in tests else "train",
                    family="faceswap" if fake else "",
                    source=source,
                    clip=clip,
                    person=person,
                )
                for file in files
            ]
    if tests:
        missing = tests - {sample.clip for sample in found}
        warn_of_missing(sorted(missing), len(tests), path / _TEST_LIST)
    return found


def _origin(file: Path, clip: str) -> tuple[str, str]:
    """Give source and person of a video."""
    folder, _, name = clip.partition("/")
    if folder == "YouTube-real":
        return clip, ""
    match = CELEB.fullmatch(name)
    if not match or bool(match[2]) is not _FOLDERS[folder]:
        raise DataError(f"{file} is not named as the videos of {folder} are, such as id0_0000.mp4 or id0_id1_0000.mp4")
    return f"{match[1]}_{match[3]}", match[2] or match[1]


def _test_clips(path: Path) -> set[str] | None:
    index = path / _TEST_LIST
    if not index.is_file():
        return None
    tests = set()
    for line in index.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        label, _, name = line.strip().partition(" ")
        if not label:
            continue
        fake = _FOLDERS.get(name.partition("/")[0])
        if fake is None or label not in ("0", "1"):
            raise DataError(f"{index} holds the line {line!r}, which is not a label (0 or 1) and a video of Celeb-DF")
        if fake is not (label == "0"):
            raise DataError(f"{index} gives {name} the label {label}, against its folder (1 is real in this list)")
        tests.add(name.removesuffix(".mp4"))
    return tests
