"""Scores by level, and the parts of a data set."""

from __future__ import annotations

import math

import numpy as np
import pytest

from classifiers.calibration import UNCALIBRATED, Scores
from classifiers.datasets import Sample
from classifiers.evaluation.predictions import Predictions
from classifiers.evaluation.scored import MOST_SOURCES, bootstrap_groups, score_clips, score_crops, subsets
from tests.bright_faces import sample

CLIPS = [
    sample("a1", clip="a"),
    sample("b1", True, clip="b", family="faceswap"),
    sample("a2", clip="a"),
    sample("still"),
    sample("b2", True, clip="b", family="faceswap"),
]


def test_crops_are_scored_as_frames_of_clips_and_as_stills():
    logits = np.float32([[0, 0], [1, 0], [2, 0], [3, 0], [4, 0]])
    image, frame = score_crops(Predictions(CLIPS, logits), UNCALIBRATED)
    assert (image.level, [s.path.name for s in image.samples]) == ("image", ["still"])
    assert (frame.level, [s.path.name for s in frame.samples]) == ("frame", ["a1", "b1", "a2", "b2"])
    assert frame.labels.tolist() == [False, True, False, True]
    assert frame.scores[2, 1] == pytest.approx(1 / (1 + math.exp(-2)))


def test_clips_are_scored_by_all_of_their_crops():
    logits = np.float32([[0, 0], [1, 0], [2, 0], [3, 0], [4, 0]])

    def mean(samples: list[Sample], logits: np.ndarray) -> Scores | None:
        if samples[0].clip == "b":
            return None
        assert [s.path.name for s in samples] == ["a1", "a2"]
        return Scores(float(logits[:, 0].mean()), 0.25, 0.125)

    table, unscored = score_clips(Predictions(CLIPS, logits), mean)
    assert table.scores.tolist() == [[1.0, 0.25, 0.125]]
    assert [(item.sample.clip, item.status) for item in unscored] == [("b", "insufficient_evidence")]


def test_parts_set_fakes_against_reals():
    samples = [
        sample("0", source="news"),
        sample("1", source="talks"),
        sample("2", True, source="talks", family="faceswap"),
        sample("3", True, source="puppets", family="reenactment"),
        sample("4", True, source="puppets"),
    ]
    rows = {subset.name: (subset.rows.tolist(), subset.against) for subset in subsets(samples, ["t*", "n*"])}
    assert rows == {
        "all": ([0, 1, 2, 3, 4], ""),
        "family:faceswap": ([0, 1, 2], "all reals"),
        "family:reenactment": ([0, 1, 3], "all reals"),
        "sources:t*,n*": ([0, 1, 2], ""),
        "source:news": ([0, 2, 3, 4], "all fakes"),
        "source:puppets": ([0, 1, 3, 4], "all reals"),
        "source:talks": ([1, 2], ""),
    }


def test_only_the_largest_sources_are_parts_of_their_own():
    samples = [sample(f"{n}", source=f"{n:03}") for n in range(MOST_SOURCES + 20)]
    samples += [sample("again", source=f"{MOST_SOURCES + 19:03}"), sample("fake", True, source="zz")]
    names = [subset.name for subset in subsets(samples)]
    assert len(names) == 1 + MOST_SOURCES
    assert f"source:{MOST_SOURCES + 19:03}" in names


def test_a_real_and_a_fake_clip_of_one_name_are_two():
    samples = [sample(f"{n}", n % 2 == 1, clip="a") for n in range(4)]
    rows = Predictions(samples, np.zeros((4, 2), np.float32)).groups()
    assert [found.tolist() for found in rows] == [[0, 2], [1, 3]]


def test_parts_without_samples_are_left_out():
    assert [s.name for s in subsets([sample("0", source="news")], ["x*"])] == ["all"]


def test_groups_are_sources_only_where_there_are_several_of_each_class():
    few = [sample(f"{n}", n % 2 == 1, source=f"{n % 4}", clip=f"clip {n // 2}") for n in range(8)]
    assert bootstrap_groups(few) == ("clip", [s.clip for s in few])
    many = [sample(f"{n}", n % 2 == 1, source=f"{n % 6}") for n in range(12)] + [sample("alone", person="someone")]
    assert bootstrap_groups(many) == ("source", [*(s.source for s in many[:-1]), "someone"])
