"""Face crops in zip shards."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from classifiers.datasets import FaceShards
from tests.tiny_shards import FACE, FACE_LANDMARKS, write_shards


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> FaceShards:
    return FaceShards(write_shards(tmp_path_factory.mktemp("shards")))


def test_stills(shards):
    first, second, _ = shards.index("real")
    assert (first.split, first.fake, first.family, first.source) == ("train", False, "", "portraits")
    assert not first.video
    assert first.group == first.file != second.group, "every still stands for itself"
    assert first.landmarks.dtype == np.float32
    np.testing.assert_allclose(first.landmarks, FACE_LANDMARKS, atol=0.06)


def test_generated_stills(shards):
    samples = shards.index("generated")
    assert [(s.fake, s.family, s.video) for s in samples] == [(True, "gan", False), (True, "diffusion", False)]


def test_frames_of_a_clip_are_one_group(shards):
    samples = shards.index("video_faces")
    assert all(sample.video for sample in samples)
    groups = [sample.group for sample in samples]
    assert groups == [clip for clip in ("talk one", "talk two", "news", "swap", "puppet") for _ in range(3)]
    assert [sample.fake for sample in samples] == [False] * 9 + [True] * 6


def test_picture_is_rgb_and_the_one_that_the_index_names(shards):
    # The first picture is the face as it is; the others have other colours and sizes.
    first, second, _ = shards.index("real")
    picture = shards.read(first)
    assert picture.shape == FACE.shape and picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - FACE).mean() < 4
    assert shards.read(second).shape == (150, 150, 3)


def test_copy_for_another_process_reads_the_same(shards):
    sample = shards.index("generated")[0]
    picture = shards.read(sample)
    copy = pickle.loads(pickle.dumps(shards))
    np.testing.assert_array_equal(copy.read(sample), picture)


def test_group_that_is_not_there(shards):
    with pytest.raises(FileNotFoundError):
        shards.index("other")
