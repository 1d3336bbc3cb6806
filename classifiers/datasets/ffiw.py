"""FFIW-10K, videos of several people (Zhou et al., CVPR 2021, https://arxiv.org/abs/2103.16076).

    source/train/train_00000000.mp4                 as filmed
    target/train/train_00000000.mp4                 with one or some of the faces swapped
    target_mask/train/train_00000000_mask.mp4       where; not read
    source/val, target/val                          the same, and source/test, target/test of the release for testing

The label is that of the video: in a fake some faces are as filmed.
"""

from __future__ import annotations

from pathlib import Path

from classifiers.datasets.clip_files import clips_of
from classifiers.datasets.sample import Sample
from classifiers.errors import DataError

LOOKS_FOR = "the folders source/{train,val,test} and target/{train,val,test} of FFIW-10K"

_LABELS = {"source": False, "target": True}
_SPLITS = ("train", "val", "test")


def recognises(path: Path) -> bool:
    """Tell whether a folder has both folders of a split, and videos in one of them."""
    both = [split for split in _SPLITS if all((path / folder / split).is_dir() for folder in _LABELS)]
    return any(clips_of(path / folder / split) for split in both for folder in _LABELS)


def samples(path: Path) -> list[Sample]:
    """List the videos; a fake shares `source` with the video that it was made from, which has the same name.

    Raises:
        DataError: a split lacks one of its two folders, or one of these is empty.
    """
    found = []
    for split in _SPLITS:
        if not any((path / folder / split).is_dir() for folder in _LABELS):
            continue
        for folder, fake in _LABELS.items():
            clips = clips_of(path / folder / split)
            if not clips:
                raise DataError(f"{path / folder / split} holds no videos of FFIW-10K")
            found += [
                Sample(
                    path=file,
                    fake=fake,
                    split=split,
                    family="faceswap" if fake else "",
                    source=f"{split}/{name}",
                    clip=f"{folder}/{split}/{name}",
                )
                for name, files in clips.items()
                for file in files
            ]
    return found
