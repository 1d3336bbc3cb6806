"""Splits that keep together what belongs together."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from classifiers.datasets import DataError, Sample
from classifiers.datasets.splitting import split_by_group
from classifiers.errors import SettingsError

_VALUES = st.sampled_from(["", "", "a", "b", "c", "d", "e", "f"])
_FACTS = st.tuples(st.booleans(), _VALUES, _VALUES, _VALUES, st.sampled_from(["", "train", "val", "test", "dev"]))


def _samples(facts, *, official: bool) -> list[Sample]:
    return [
        Sample(Path(f"{n}.jpg"), fake, clip=clip, person=person, source=source, split=split if official else "")
        for n, (fake, clip, person, source, split) in enumerate(facts)
    ]


def _stills(reals: int, fakes: int, **facts) -> list[Sample]:
    return [Sample(Path(f"{n}.jpg"), fake=n >= reals, **facts) for n in range(reals + fakes)]


@given(facts=st.lists(_FACTS, min_size=6, max_size=60), seed=st.integers(0, 3), data=st.data())
def test_no_group_crosses_and_every_split_has_both_classes(facts, seed, data):
    by = tuple(data.draw(st.sets(st.sampled_from(["clip", "person", "source"])), label="by"))
    samples = _samples(facts, official=False)
    try:
        chosen = split_by_group(samples, by=by, seed=seed)
    except DataError:
        event("no split")
        return
    event("split")
    assert [replace(sample, split="").name for sample in chosen] == [sample.name for sample in samples]
    assert {(s.split, s.fake) for s in chosen} == {(p, f) for p in ("train", "val", "test") for f in (True, False)}
    for name in by:
        splits = {}
        for sample in chosen:
            if getattr(sample, name):
                splits.setdefault(getattr(sample, name), set()).add(sample.split)
        assert all(len(found) == 1 for found in splits.values()), name
    assert [s.split for s in split_by_group(samples, by=by, seed=seed)] == [s.split for s in chosen]


@given(facts=st.lists(_FACTS, min_size=6, max_size=60))
def test_official_splits_stay(facts):
    samples = _samples(facts, official=True)
    official = {s.split for s in samples if s.split}
    try:
        chosen = split_by_group(samples)
    except DataError:
        assert "val" not in official, "only what is taken from train can be impossible"
        return
    for before, after in zip(samples, chosen, strict=True):
        assert after.split in ("train", "val", "test")
        if before.split in ("val", "test") or (before.split == "train" and "val" in official):
            assert after.split == before.split
        if before.split == "dev":
            assert after.split == "test"
        if before.split == "train" and official != {"train"}:
            assert after.split in ("train", "val")


@given(reals=st.integers(1, 40), fakes=st.integers(1, 40), mixed=st.integers(0, 5), seed=st.integers(0, 5))
def test_a_split_is_found_wherever_there_is_one(reals, fakes, mixed, seed):
    """Groups of one class each have to be paired, and a mixed one is enough for a split."""
    samples = [
        Sample(Path(f"{g} {n}"), fake, source=f"{fake}{g}")
        for fake in (False, True)
        for g in range(reals if not fake else fakes)
        for n in range(1 + 7 * fake)
    ]
    samples += [Sample(Path(f"m{g} {n}"), bool(n), source=f"mixed{g}") for g in range(mixed) for n in range(2)]
    if mixed + min(reals, fakes) >= 3:
        assert len({(s.split, s.fake) for s in split_by_group(samples, seed=seed)}) == 6
    else:
        with pytest.raises(DataError):
            split_by_group(samples, seed=seed)


def test_shares_are_met_for_both_classes():
    chosen = split_by_group(_stills(700, 300))
    counts = Counter((s.split, s.fake) for s in chosen)
    for split, share in (("train", 0.7), ("val", 0.15), ("test", 0.15)):
        assert counts[split, False] == pytest.approx(700 * share, abs=2)
        assert counts[split, True] == pytest.approx(300 * share, abs=2)


def test_shares_are_met_with_groups_of_many_sizes():
    samples = [
        Sample(Path(f"{clip} {frame}"), fake=bool(clip % 2), clip=str(clip))
        for clip in range(200)
        for frame in range(1 + clip % 17)
    ]
    counts = Counter((s.split, s.fake) for s in split_by_group(samples))
    for split, share in (("train", 0.7), ("val", 0.15), ("test", 0.15)):
        for fake in (False, True):
            assert counts[split, fake] / (counts["train", fake] + counts["val", fake] + counts["test", fake]) == (
                pytest.approx(share, abs=0.02)
            )


def test_another_seed_gives_another_split():
    samples = _stills(30, 30)
    assert [s.split for s in split_by_group(samples, seed=1)] != [s.split for s in split_by_group(samples, seed=2)]


def test_links_reach_over_other_samples():
    """A fake shows one person in the footage of another: both people's videos stay with it."""
    chain = [
        Sample(Path("anna.mp4"), False, person="anna", source="anna 1"),
        Sample(Path("swap.mp4"), True, person="ben", source="anna 1"),
        Sample(Path("ben.mp4"), False, person="ben", source="ben 1"),
    ]
    for seed in range(5):
        chosen = split_by_group(chain + _stills(9, 9), seed=seed)
        assert len({s.split for s in chosen[:3]}) == 1


def test_attribute_at_fault_is_named():
    """One source is a whole class, as where photographs are of one site and generated pictures of another."""
    samples = [replace(s, source="site" if not s.fake else "generator", person="") for s in _stills(20, 20)]
    with pytest.raises(DataError, match=r"one source must stay together.*\(--split-by clip,person\)") as failure:
        split_by_group(samples)
    assert "one person" not in str(failure.value)
    assert {s.split for s in split_by_group(samples, by=("clip", "person"))} == {"train", "val", "test"}


def test_two_attributes_at_fault():
    samples = [replace(s, source="site", person="anna", clip=s.name) for s in _stills(20, 20)]
    with pytest.raises(DataError, match=r"one person or one source must stay together.*\(--split-by clip\)"):
        split_by_group(samples)


def test_source_alone_at_fault_does_not_lead_to_splitting_clips():
    samples = [replace(s, source="site") for s in _stills(20, 20)]
    with pytest.raises(DataError, match=r"one source must stay together.*\(--split-by clip\)"):
        split_by_group(samples, by=("source",))


def test_too_few_clips():
    samples = [replace(s, clip=f"{s.fake} {n % 2}") for n, s in enumerate(_stills(10, 10))]
    with pytest.raises(DataError, match=r"one clip must stay together.*; add samples of other clips"):
        split_by_group(samples)


def test_too_few_samples_and_one_class():
    with pytest.raises(DataError, match="4 samples are too few"):
        split_by_group(_stills(2, 2))
    with pytest.raises(DataError, match="has no fake samples"):
        split_by_group(_stills(9, 0))


def test_test_set_alone_stays_what_it_is():
    assert {s.split for s in split_by_group(_stills(2, 1, split="dev"))} == {"test"}


def test_train_alone_is_split_in_three():
    counts = Counter(s.split for s in split_by_group(_stills(100, 100, split="train")))
    assert counts == {"train": 140, "val": 30, "test": 30}


def test_validation_is_taken_from_train_by_groups():
    train = [replace(s, clip=f"{n // 2}") for n, s in enumerate(_stills(40, 40, split="train"))]
    test = _stills(5, 5, split="test")
    chosen = split_by_group([*train, *test])
    assert [s.split for s in chosen[80:]] == ["test"] * 10
    counts = Counter(s.split for s in chosen[:80])
    assert counts["val"] == pytest.approx(80 * 0.15 / 0.85, abs=2) and set(counts) == {"train", "val"}
    assert all(len({s.split for s in chosen[:80] if s.clip == clip}) == 1 for clip in {s.clip for s in train})


def test_sample_without_split_joins_its_group():
    samples = [
        *_stills(3, 3, split="train"),
        *_stills(3, 3, split="val"),
        Sample(Path("known.mp4"), False, split="test", source="x"),
        Sample(Path("new.mp4"), True, source="x"),
    ]
    assert split_by_group(samples)[-1].split == "test"


def test_group_that_is_larger_than_its_share_is_told(caplog):
    samples = [*_stills(100, 100, source="one"), *_stills(3, 3)]
    with caplog.at_level(logging.WARNING):
        counts = Counter(s.split for s in split_by_group(samples))
    assert counts["train"] >= 200 and "train gets" in caplog.text


def test_unknown_attribute():
    with pytest.raises(SettingsError, match="held together by clip, person or source, not by camera"):
        split_by_group(_stills(9, 9), by=("clip", "camera"))


def test_every_split_needs_a_share():
    with pytest.raises(ValueError, match="a share above 0 each"):
        split_by_group(_stills(9, 9), shares=(0.8, 0.2, 0))


def test_unknown_split():
    with pytest.raises(DataError, match="not holdout"):
        split_by_group(_stills(3, 3, split="holdout"))
