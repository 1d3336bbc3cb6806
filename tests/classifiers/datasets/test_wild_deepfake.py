"""The layout of WildDeepfake."""

from __future__ import annotations

import pytest

from classifiers.datasets import DataError, open_dataset
from classifiers.datasets.splitting import split_by_group


def _parts(gap, archives=("0", "1")):
    kinds = [(label, split) for label in ("real", "fake") for split in ("train", "test")]
    frames = ("12/1.png", "12/20.png", "13/4.png")
    return [f"{label}{gap}{split}/{n}/{label}/{frame}" for label, split in kinds for n in archives for frame in frames]


@pytest.mark.parametrize("gap", ["_", " "])
def test_sequences(tree, gap):
    samples = open_dataset(tree(*_parts(gap)))
    assert len(samples) == 24
    assert {(s.fake, s.split, s.source, s.clip) for s in samples if s.split == "train" and s.source.endswith("0")} == {
        (False, "train", "real_train/0", "real_train/0/real/12"),
        (False, "train", "real_train/0", "real_train/0/real/13"),
        (True, "train", "fake_train/0", "fake_train/0/fake/12"),
        (True, "train", "fake_train/0", "fake_train/0/fake/13"),
    }, "a number is given anew in every folder"
    assert {s.family for s in samples} == {""}


def test_archives_are_not_divided_where_a_part_to_choose_by_is_split_off(tree):
    samples = split_by_group(open_dataset(tree(*_parts("_", "01234"))))
    assert {s.split for s in samples} == {"train", "val", "test"}
    splits = {source: {s.split for s in samples if s.source == source} for source in {s.source for s in samples}}
    assert all(len(found) == 1 for found in splits.values())


def test_archives_that_are_still_packed(tree):
    root = tree(*_parts("_")[:6], "fake_train/0.tar.gz")
    with pytest.raises(
        DataError, match=r"fake_train holds no sequences of face crops of WildDeepfake; unpack its archives"
    ):
        open_dataset(root)


def test_empty_folder(tree):
    with pytest.raises(DataError, match=r"real_train holds no sequences of face crops of WildDeepfake$"):
        open_dataset(tree("real_train/readme.txt", "fake_train/0/fake/1/1.png"))
