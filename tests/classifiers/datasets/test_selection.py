"""Which samples are measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifiers.datasets import DataError, Sample
from classifiers.datasets.selection import choose_split, select_samples
from classifiers.datasets.splitting import split_by_group


def sample(name: str, split: str, fake: bool = False, clip: str = "") -> Sample:
    return Sample(Path(name), fake, split=split, clip=clip)


def without_splits(split: str = "") -> list[Sample]:
    return [sample(f"{number}.jpg", split, fake=number % 2 == 1, clip=f"{number // 2}") for number in range(80)]


@pytest.mark.parametrize("split", ["", "train"])
def test_split_that_is_lacking_is_the_one_that_training_leaves(split):
    samples = without_splits(split)
    selection = select_samples(samples, None, "test", ())
    expected = [s.name for s in split_by_group(samples) if s.split == "test"]
    assert [s.name for s in selection.samples] == expected and 0 < len(expected) < 40
    assert selection.made_by == ("clip", "person", "source")
    assert select_samples(samples, None, "test", ("clip",)).made_by == ("clip",)


def test_splits_of_the_data_set_are_kept():
    samples = [sample("a", "train"), sample("b", "test", True), sample("c", "test")]
    selection = select_samples(samples, None, "test")
    assert (selection.samples, selection.made_by) == (samples[1:], ())
    assert select_samples(samples, "all", "test").samples == samples


def test_split_that_cannot_be_made():
    samples = [sample("a", ""), sample("b", "", True)]
    with pytest.raises(DataError, match=r"no part test can be split off: 2 samples are too few .*; --split all takes"):
        select_samples(samples, None, "test")
    with pytest.raises(DataError, match="no part val can be split off: samples are held together by clip, person"):
        select_samples(samples, "val", "test", ("camera",))


@pytest.mark.parametrize(
    "splits, wanted, expected",
    [
        (["train", "test", "test"], None, ["test", "test"]),
        (["train", "test"], "train", ["train"]),
        (["train", "test"], "all", ["train", "test"]),
        (["", ""], None, ["", ""]),
        (["dev", "dev"], None, ["dev", "dev"]),
    ],
)
def test_split_that_is_taken(splits, wanted, expected):
    chosen = choose_split([sample(str(n), name) for n, name in enumerate(splits)], wanted, "test")
    assert [s.split for s in chosen] == expected


@pytest.mark.parametrize("splits, wanted", [(["train", "val"], None), (["train", "test"], "val"), ([""], "test")])
def test_split_that_is_not_there(splits, wanted):
    with pytest.raises(DataError, match=r"has no split '(test|val)', only .*--split"):
        choose_split([sample(str(n), name) for n, name in enumerate(splits)], wanted, "test")


def test_empty_data_set():
    with pytest.raises(DataError, match="empty"):
        choose_split([], None, "test")
