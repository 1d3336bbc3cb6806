"""What cameras, editors and hosts do to pictures."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("av", reason="degrading needs the extra 'train'")

from classifiers.degradation import degrade, jpeg, overlay, video_frame, webp
from tests.tiny_shards import FACE


def error(image: np.ndarray) -> float:
    height, width = image.shape[:2]
    return float(np.abs(image.astype(int) - FACE[:height, :width]).mean())


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_video_codecs_lose_more_at_a_higher_crf(codec):
    errors = [error(video_frame([FACE] * 3, 2, crf, codec)) for crf in (18, 30, 42)]
    assert errors == sorted(errors) and 0 < errors[0] < 4 < errors[2]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("at", [0, 1, 4])
def test_video_gives_the_frame_that_was_asked_for(codec, at):
    clip = [np.full((64, 96, 3), level, np.uint8) for level in (20, 70, 120, 170, 220)]
    assert video_frame(clip, at, 20, codec).mean() == pytest.approx(clip[at].mean(), abs=3)


def test_odd_sizes_lose_their_last_row_and_column():
    assert video_frame([FACE[:63, :45]], 0, 20).shape == (62, 44, 3)


def test_colour_order_is_kept():
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 200
    for made in (jpeg(red, 90), webp(red, 90), video_frame([red], 0, 20)):
        assert made[..., 0].mean() > 150 and made[..., 2].mean() < 60


def test_history_follows_from_the_generator_alone():
    for seed in range(40):
        first, second = (degrade(FACE, np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(first, second)


def test_two_pictures_share_a_history_draw_for_draw():
    """The number of draws must not depend on the picture, or a pair would part ways."""
    for seed in range(40):
        after = []
        for picture in (FACE, FACE[:120, :100]):
            rng = np.random.default_rng(seed)
            degrade(picture, rng)
            after.append(rng.random())
        assert after[0] == after[1]


def test_overlay_covers_a_part():
    for seed in range(20):
        covered = overlay(FACE, np.random.default_rng(seed))
        changed = (covered != FACE).any(axis=2).mean()
        assert covered.shape == FACE.shape and 0 < changed < 0.3
