"""Batches of labelled faces."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("av", reason="degrading needs the extra 'train'")

from classifiers.datasets import DataError, PictureReader, Sample
from classifiers.training.batch import UNKNOWN
from classifiers.training.labelled_batches import LabelledBatches
from classifiers.training.taught_batches import ShrunkBatches
from extractors.align import CropGeometry, align_face
from tests.tiny_shards import FACE, FACE_LANDMARKS

ALIGN = partial(align_face, geometry=CropGeometry(48))


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> list[Sample]:
    """Nine real faces and three fake ones, each of a brightness of its own."""
    folder = tmp_path_factory.mktemp("faces")
    found = []
    for number in range(12):
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), np.uint8(FACE[..., ::-1] * ((number + 4) / 16)))
        family = "" if number < 9 else "gan" if number == 9 else "faceswap"
        found.append(Sample(path, number >= 9, split="train", family=family, landmarks=FACE_LANDMARKS))
    return found


def make(samples: list[Sample], batch_size: int = 6, strength: float = 0.0, **settings) -> LabelledBatches:
    return LabelledBatches(PictureReader(), samples, ALIGN, batch_size, 3, 1, strength=strength, **settings)


def counts(batches: LabelledBatches, numbers: range) -> Counter[int]:
    """How often each sample came: its brightness tells which it is."""
    found: Counter[int] = Counter()
    for number in numbers:
        for crop in batches.batch(number).crops:
            found[round(float(crop.mean()) / float(ALIGN(FACE, FACE_LANDMARKS).mean()) * 16) - 4] += 1
    return found


def test_targets_follow_the_kind_of_forgery(samples):
    batch = make(samples, 12, balance="none").batch(0)
    assert batch.crops.shape == (12, 48, 48, 3) and batch.crops.dtype == np.uint8
    rows = sorted(tuple(row) for row in batch.logits.tolist())
    assert rows == sorted([(0.0, 0.0)] * 9 + [(UNKNOWN, 1.0)] + [(1.0, UNKNOWN)] * 2)
    assert (batch.masks == UNKNOWN).all() and batch.masks.shape == (12, 3, 3)
    assert (batch.weights == 1).all()


def test_crops_that_shrink_on_the_way_to_a_student_are_those_of_scanning(samples):
    larger = partial(align_face, geometry=CropGeometry(112))
    drawn = LabelledBatches(PictureReader(), samples, larger, 6, 3, 1, strength=0.0)
    scanned = [align_face(PictureReader().read(s), FACE_LANDMARKS, CropGeometry(48, cut_size=112)) for s in samples]
    for crop in ShrunkBatches(drawn, 48, 2).batch(0).crops:
        # Half of the faces are mirrored before they shrink.
        mirrored = crop[:, ::-1].astype(int)
        assert min(np.abs(seen - each).max() for each in scanned for seen in (crop.astype(int), mirrored)) <= 1


def test_every_sample_comes_once_an_epoch_in_another_order_each(samples):
    batches = make(samples, balance="none")
    assert counts(batches, range(2)) == counts(batches, range(2, 4)) == Counter(range(12))
    orders = [tuple(map(tuple, batches.batch(number).logits)) for number in range(0, 8, 2)]
    assert len(set(orders)) > 1


def test_sampling_fills_half_of_every_batch_with_each_class(samples):
    batches = make(samples, balance="sampling")
    for number in range(4):
        fakes = [any(target == 1) for target in batches.batch(number).logits]
        assert sum(fakes) == 3
    found = counts(batches, range(3))
    assert all(found[number] == 1 for number in range(9)) and all(found[number] == 3 for number in range(9, 12))


def test_weights_let_both_classes_count_alike(samples):
    batch = make(samples, 12, balance="weights").batch(0)
    fake = (batch.logits == 1).any(axis=1)
    assert batch.weights[fake].sum() == pytest.approx(batch.weights[~fake].sum())
    assert batch.weights.mean() == pytest.approx(1)


def test_undersampling_drops_what_the_larger_class_has_too_many(samples):
    found = counts(make(samples, balance="undersample"), range(4))
    assert sum(number < 9 for number in found) == 3 and set(found.values()) == {4}


def test_batches_follow_from_seed_and_number_alone(samples):
    batches = make(samples, strength=1.0)
    alone = [batches.batch(number).crops for number in range(6)]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(make(samples, strength=1.0).batch, reversed(range(6))))
    for first, second in zip(alone, reversed(together), strict=True):
        np.testing.assert_array_equal(first, second.crops)
    other = LabelledBatches(PictureReader(), samples, ALIGN, 6, 3, 2, strength=1.0)
    assert (other.batch(0).crops != alone[0]).any()


def test_strength_says_how_far_pictures_are_changed(samples):
    plain, strong = (make(samples, 12, strength=strength, balance="none").batch(0).crops for strength in (0.0, 1.0))
    aligned = {ALIGN(cv2.imread(str(s.path))[..., ::-1], FACE_LANDMARKS).tobytes() for s in samples}
    kept = [crop for crop in plain if crop.tobytes() in aligned]
    assert 2 <= len(kept) <= 10, "at strength 0 a picture is at most mirrored"
    assert not any(crop.tobytes() in aligned for crop in strong)


def test_class_that_is_missing(samples):
    with pytest.raises(DataError, match="no fake samples"):
        make(samples[:9])


def test_picture_that_is_missing():
    samples = [Sample(Path("nowhere.png"), fake, landmarks=FACE_LANDMARKS) for fake in (False, True)]
    with pytest.raises(DataError, match=r"nowhere\.png"):
        make(samples).batch(0)
