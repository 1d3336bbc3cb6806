"""The layout of FFIW-10K."""

from __future__ import annotations

import pytest

from classifiers.datasets import DataError, open_dataset

_VIDEOS = [
    f"{side}/{split}/{split}_00000000.mp4" for side in ("source", "target") for split in ("train", "val", "test")
]


def test_official_splits(tree):
    samples = open_dataset(tree(*_VIDEOS, "target_mask/train/train_00000000_mask.mp4"))
    assert [(s.clip, s.fake, s.split, s.family, s.source) for s in samples] == [
        ("source/train/train_00000000", False, "train", "", "train/train_00000000"),
        ("target/train/train_00000000", True, "train", "faceswap", "train/train_00000000"),
        ("source/val/val_00000000", False, "val", "", "val/val_00000000"),
        ("target/val/val_00000000", True, "val", "faceswap", "val/val_00000000"),
        ("source/test/test_00000000", False, "test", "", "test/test_00000000"),
        ("target/test/test_00000000", True, "test", "faceswap", "test/test_00000000"),
    ]


def test_release_for_testing(tree):
    assert {s.split for s in open_dataset(tree(*(name for name in _VIDEOS if "test" in name)))} == {"test"}


@pytest.mark.parametrize("lacking", ["source/val", "target/val"])
def test_empty_folder(tree, lacking):
    with pytest.raises(DataError, match=rf"{lacking} holds no videos of FFIW-10K"):
        open_dataset(tree(*(name for name in _VIDEOS if not name.startswith(lacking)), f"{lacking}/readme.txt"))


def test_pictures_of_that_layout_are_none(tree):
    with pytest.raises(DataError, match="is no data set whose layout is known"):
        open_dataset(tree("source/train/1.png", "target/train/1.png"))
