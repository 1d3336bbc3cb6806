"""Batches of training crops."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="degrading needs the extra 'train'")

from classifiers.datasets import PictureReader, Sample, face_shards
from classifiers.training.augment import flip, jitter_landmarks
from classifiers.training.batch import UNKNOWN
from classifiers.training.blended_batches import BlendedBatches, Mixture, SourceBalanced
from extractors.align import CropGeometry, align_face
from tests.tiny_shards import FACE, FACE_LANDMARKS, write_shards

CROP = CropGeometry(64)
CELLS = 4
NOTHING = Mixture(pairs=0, reals=0, swaps=0, generated=0)


@pytest.fixture(scope="module")
def maker(tmp_path_factory):
    """Gives a batch maker for a mixture and a seed."""
    samples = face_shards.samples(write_shards(tmp_path_factory.mktemp("shards")))

    def make(mixture: Mixture, seed: int = 1, **options) -> BlendedBatches:
        align = partial(align_face, geometry=CROP)
        return BlendedBatches(PictureReader(), samples, align, mixture, CELLS, seed, **options)

    return make


def test_batch_holds_what_its_mixture_says(maker):
    mixture = Mixture(pairs=2, reals=1, swaps=1, generated=2)
    assert mixture.batch_size == 11
    batch = maker(mixture).batch(0)
    assert batch.crops.shape == (11, 64, 64, 3) and batch.crops.dtype == np.uint8
    assert batch.logits.shape == (11, 2) and batch.logits.dtype == np.float32
    assert batch.masks.shape == (11, CELLS, CELLS) and batch.masks.dtype == np.float32
    # A pair, a real face, a swap and its counterpart; what is known of the last four depends on their tiles.
    assert batch.logits[:7].tolist() == [[0, 0], [1, 0]] * 2 + [[0, 0]] + [[1, UNKNOWN], [0, 0]]
    assert batch.logits[7:, 1].tolist() == [1, 0] * 2 and (batch.logits[7::2, 0] == UNKNOWN).all()


@pytest.mark.parametrize("size", [8, 12, 32, 64])
def test_usual_mixture_fills_a_batch_of_any_size(maker, size):
    samples = [
        Sample(Path("a"), False),
        Sample(Path("b"), True, family="gan"),
        Sample(Path("c"), True, family="faceswap"),
    ]
    for chosen in (samples, samples[:2], samples[::2], samples[:1]):
        mixture = Mixture.of(chosen, size)
        assert mixture.batch_size == size and mixture.pairs >= 1 and mixture.reals >= 1
        assert bool(mixture.generated) == (samples[1] in chosen) and bool(mixture.swaps) == (samples[2] in chosen)


def test_number_and_seed_alone_decide_a_batch(maker):
    mixture = Mixture(pairs=2, reals=1, swaps=1, generated=1)
    batches = maker(mixture)
    batches.batch(0)
    fifth, again = batches.batch(5), maker(mixture).batch(5)
    for array in ("crops", "logits", "masks"):
        np.testing.assert_array_equal(getattr(fifth, array), getattr(again, array))
    assert (fifth.crops != batches.batch(6).crops).any()
    assert (fifth.crops != maker(mixture, seed=2).batch(5).crops).any()


def test_nothing_is_forged_in_a_real_face(maker):
    batch = maker(replace(NOTHING, reals=4)).batch(0)
    assert (batch.logits == 0).all() and (batch.masks == 0).all()


def test_real_face_swap_is_manipulated_and_no_more_is_known_of_it(maker):
    batch = maker(replace(NOTHING, swaps=4)).batch(0)
    assert (batch.logits[::2] == (1, UNKNOWN)).all() and (batch.masks[::2] == UNKNOWN).all()
    assert (batch.logits[1::2] == 0).all() and (batch.masks[1::2] == 0).all()


def test_no_more_is_known_of_a_generated_face(maker):
    batch = maker(replace(NOTHING, generated=6), shuffled_share=0).batch(0)
    assert (batch.logits[::2] == (UNKNOWN, 1)).all() and (batch.masks[::2] == UNKNOWN).all()
    assert (batch.logits[1::2] == 0).all() and (batch.masks[1::2] == 0).all()


def test_some_generated_faces_are_shuffled_as_their_counterparts_are(maker):
    mixture = replace(NOTHING, generated=20)
    batches = {share: maker(mixture, shuffled_share=share).batch(0) for share in (0, 0.35, 1)}
    orders = [
        [[_place(tile, whole) for tile in _tiles(crop)] for crop, whole in zip(shuffled, wholes, strict=True)]
        for shuffled, wholes in (
            (batches[1].crops[places], map(_tiles, batches[0].crops[places])) for places in (slice(0, 1), slice(1, 2))
        )
    ]
    assert orders[0] == orders[1] and sorted(orders[0][0]) == list(range(16)) != orders[0][0]
    assert (batches[1].logits[:, 0] == UNKNOWN).all() and (batches[1].masks == UNKNOWN).all()
    assert batches[1].logits[:, 1].tolist() == [1, 0] * 20
    some = (batches[0.35].logits[1::2, 0] == UNKNOWN).sum()
    assert 2 <= some <= 13


def _tiles(crop: np.ndarray) -> list[np.ndarray]:
    return [row for band in np.split(crop, 4) for row in np.split(band, 4, axis=1)]


def _place(tile: np.ndarray, tiles: list[np.ndarray]) -> int:
    return next(place for place, other in enumerate(tiles) if np.array_equal(tile, other))


def test_counterpart_of_a_forgery_was_mostly_published_with_it(maker, tmp_path):
    read = []

    class Recorder(PictureReader):
        def read(self, sample: Sample) -> np.ndarray:
            read.append(sample)
            return super().read(sample)

    found = face_shards.samples(write_shards(tmp_path))
    assert {sample.origin for sample in found} == {"", "owner/name"}
    elsewhere = [replace(s, origin="") if s.source == "talks" else s for s in found]
    align = partial(align_face, geometry=CROP)
    batches = BlendedBatches(Recorder(), elsewhere, align, replace(NOTHING, swaps=30, generated=30), CELLS, 1)
    batches.batch(0)
    pairs = list(zip(read[::2], read[1::2], strict=True))
    assert all(forgery.fake and not real.fake for forgery, real in pairs)
    assert all(bool(forgery.clip) is bool(real.clip) for forgery, real in pairs)
    sources = [real.source for forgery, real in pairs if forgery.clip]
    # "news" has the origin of the forgeries. Of the fifth that are drawn from all, some are of "talks".
    assert 0.75 < sources.count("news") / len(sources) < 1


def test_pair_is_a_real_face_and_a_blend_whose_mask_is_known(maker):
    batch = maker(replace(NOTHING, pairs=8)).batch(0)
    real, blended = batch.logits[:, 0] == 0, batch.logits[:, 0] == 1
    assert real.sum() == blended.sum() == 8 and (batch.logits[:, 1] == 0).all()
    assert (batch.masks[real] == 0).all()
    assert batch.masks[blended].min() >= 0 and batch.masks.max() <= 1
    assert (batch.masks[blended].max(axis=(1, 2)) > 0.05).all()


def test_faces_of_a_pair_share_their_history_and_their_crop(maker):
    batch = maker(replace(NOTHING, pairs=30)).batch(0)
    is_blend = batch.logits[:, 0] == 1
    real, blended = batch.crops[~is_blend].astype(float), batch.crops[is_blend].astype(float)
    untouched = np.kron(batch.masks[is_blend], np.ones((64 // CELLS, 64 // CELLS))) < 0.02
    strangers = np.roll(blended, 1, axis=0)
    of_pair, of_strangers = [
        np.array(
            [np.abs(a - b)[where].mean() for a, b, where in zip(real, other, untouched, strict=True) if where.any()]
        )
        for other in (blended, strangers)
    ]
    assert len(of_pair) > 10
    assert np.quantile(of_pair, 0.4) < 4
    assert np.median(of_strangers) > 5 * np.quantile(of_pair, 0.4)


def test_crop_shows_the_face(maker):
    """Degrading changes the size of a picture: landmarks must follow, or the crop would miss the face."""
    expected = align_face(FACE, FACE_LANDMARKS, CROP).astype(float).mean(axis=2)
    batch = maker(replace(NOTHING, reals=40)).batch(0)
    likeness = []
    for crop in batch.crops.astype(float).mean(axis=3):
        likeness.append(max(np.corrcoef(side.ravel(), expected.ravel())[0, 1] for side in (crop, crop[:, ::-1])))
    assert np.quantile(likeness, 0.1) > 0.7


def test_flip_twice_changes_nothing():
    image, landmarks = flip(*flip(FACE, FACE_LANDMARKS))
    np.testing.assert_array_equal(image, FACE)
    np.testing.assert_allclose(landmarks, FACE_LANDMARKS, atol=1e-4)


def test_crop_of_a_flipped_picture_is_the_flipped_crop():
    # The template is symmetric.
    crop = align_face(FACE, FACE_LANDMARKS, CROP).astype(int)
    flipped = align_face(*flip(FACE, FACE_LANDMARKS), CROP)[:, ::-1]
    assert np.abs(flipped - crop).mean() < 1


def test_landmarks_are_moved_a_little_and_in_no_direction():
    moved = np.stack([jitter_landmarks(FACE_LANDMARKS, np.random.default_rng(seed)) for seed in range(400)])
    size = np.linalg.norm(FACE_LANDMARKS - FACE_LANDMARKS.mean(axis=0), axis=1).mean()
    step = np.linalg.norm(moved - FACE_LANDMARKS, axis=2) / size
    assert 0.03 < np.median(step) < 0.15 and step.max() < 0.5
    np.testing.assert_allclose(moved.mean(axis=0), FACE_LANDMARKS, atol=0.02 * size)


def sample(source: str, group: str) -> Sample:
    return Sample(Path("shard.zip"), False, group, "train", "", source, group, landmarks=FACE_LANDMARKS)


def shares(samples: list[Sample], attribute: str) -> dict[str, float]:
    """How often each value of an attribute is drawn."""
    draw, rng = SourceBalanced(samples).draw, np.random.default_rng(0)
    values, counts = np.unique([getattr(draw(rng), attribute) for _ in range(4000)], return_counts=True)
    return dict(zip(values.tolist(), counts / counts.sum(), strict=True))


def test_source_counts_by_the_square_root_of_its_clips():
    samples = [sample("small", "only")] + [sample("large", f"clip {number}") for number in range(16)]
    assert shares(samples, "source") == pytest.approx({"small": 1 / 5, "large": 4 / 5}, abs=0.03)


def test_clip_counts_once_however_many_frames_it_has():
    samples = [sample("source", "short")] + [sample("source", "long")] * 50
    assert shares(samples, "group") == pytest.approx({"short": 0.5, "long": 0.5}, abs=0.03)
