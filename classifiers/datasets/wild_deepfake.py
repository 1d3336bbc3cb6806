"""WildDeepfake, face crops from videos of the internet (Zi et al., ACM MM 2020, https://arxiv.org/abs/2101.01456).

    real_train/0.tar.gz                 as published; unpack each where it lies
    real_train/0/real/12/345.png        archive 0, sequence 12, frame 345
    real_test, fake_train, fake_test    the same

The split and the label are in the names of the four folders, which may have a blank in place of the underscore. How a
fake was made is not known.
"""

from __future__ import annotations

import os
from pathlib import Path

from classifiers.datasets.clip_files import pictures_in
from classifiers.datasets.sample import Sample
from classifiers.errors import DataError

LOOKS_FOR = "the folders real_train, real_test, fake_train and fake_test of WildDeepfake"

_LABELS = {"real": False, "fake": True}
_SPLITS = ("train", "test")


def recognises(path: Path) -> bool:
    """Tell whether a folder has a real and a fake one of the four folders."""
    return {label for label, _, _ in _parts(path)} == {*_LABELS}


def samples(path: Path) -> list[Sample]:
    """List the frames; each sequence is a clip.

    Which sequences were cut from one video is not told. `source` is the archive, so that none is divided.

    Raises:
        DataError: a folder holds no frames, as before its archives are unpacked.
    """
    found = []
    for label, split, part in _parts(path):
        sequences = sorted(Path(folder) for folder, _, _ in os.walk(part))
        of_part = [
            Sample(
                path=file,
                fake=_LABELS[label],
                split=split,
                source=f"{label}_{split}/{sequence.relative_to(part).parts[0]}",
                clip=f"{label}_{split}/{sequence.relative_to(part).as_posix()}",
            )
            for sequence in sequences
            if sequence != part
            for file in pictures_in(sequence)
        ]
        if not of_part:
            packed = "; unpack its archives" if any(part.glob("*.tar*")) else ""
            raise DataError(f"{part} holds no sequences of face crops of WildDeepfake{packed}")
        found += of_part
    return found


def _parts(path: Path) -> list[tuple[str, str, Path]]:
    """Give label, split and path of those of the four folders that are there."""
    names = [(label, split, f"{label}{gap}{split}") for label in _LABELS for split in _SPLITS for gap in "_ "]
    return [(label, split, path / name) for label, split, name in names if (path / name).is_dir()]
