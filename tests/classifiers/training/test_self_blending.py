"""Forgeries made from real faces."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from classifiers.training.self_blending import TEMPLATE, Blend, landmark_shape, self_blend, swap_blend
from extractors.align import LANDMARK_TEMPLATE, CropGeometry, warp_crop
from tests.tiny_shards import FACE, FACE_LANDMARKS

DONOR = cv2.resize(FACE[:, ::-1], (301, 270))
DONOR_LANDMARKS = (FACE_LANDMARKS[[1, 0, 2, 4, 3]] * (-1, 1) + (len(FACE) - 1, 0)) * (301 / 184, 270 / 184)
SEEDS = range(40)


def blend_itself(seed: int) -> Blend:
    return self_blend(FACE, FACE_LANDMARKS, np.random.default_rng(seed))


def blend_donor(seed: int) -> Blend:
    return swap_blend(DONOR, DONOR_LANDMARKS, FACE, FACE_LANDMARKS, np.random.default_rng(seed))


def difference(blend: Blend, where: np.ndarray) -> float:
    """Mean difference from the real face, in grey levels."""
    return float(np.abs(blend.image.astype(float) - FACE)[where].mean())


forgeries = pytest.mark.parametrize("forge", [blend_itself, blend_donor])


@forgeries
def test_blend_is_a_picture_of_the_same_size_and_a_share_for_each_pixel(forge):
    for seed in SEEDS:
        blend = forge(seed)
        assert blend.image.shape == FACE.shape and blend.image.dtype == np.uint8
        assert blend.mask.shape == FACE.shape[:2] and blend.mask.dtype == np.float32
        assert blend.mask.min() >= 0 and 0.45 < blend.mask.max() <= 1


@forgeries
def test_seed_decides(forge):
    first, again, other = forge(1), forge(1), forge(2)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.mask, again.mask)
    assert (first.mask != other.mask).any() and (first.image != other.image).any()


@forgeries
def test_real_picture_is_left_alone(forge):
    before, donor_before = FACE.copy(), DONOR.copy()
    forge(3)
    np.testing.assert_array_equal(FACE, before)
    np.testing.assert_array_equal(DONOR, donor_before)


@forgeries
def test_forged_part_lies_in_the_face(forge):
    geometry = CropGeometry(64)
    transform = geometry.transform(FACE_LANDMARKS)
    for seed in SEEDS:
        mask = forge(seed).mask
        area_scale = np.linalg.det(transform[:, :2])
        in_crop = warp_crop(mask, transform, geometry.size).sum() / area_scale
        assert in_crop > 0.93 * mask.sum()
        y, x = np.unravel_index(mask.argmax(), mask.shape)
        # The landmarks, with a margin of half their extent around them.
        low, high = FACE_LANDMARKS.min(axis=0), FACE_LANDMARKS.max(axis=0)
        assert (np.abs((x, y) - (low + high) / 2) < high - low).all()


def test_forged_parts_are_of_all_sizes_and_often_the_whole_face():
    areas = np.array([(blend_itself(seed).mask > 0.25).sum() for seed in range(150)]) / FACE[..., 0].size
    assert (areas > 0.1).mean() > 0.6
    assert areas.min() < 0.04


def test_donor_face_changes_nothing_outside_of_its_mask():
    for seed in SEEDS:
        blend = blend_donor(seed)
        outside = blend.mask < 0.5 / 255
        assert outside.mean() > 0.1
        assert np.abs(blend.image.astype(int) - FACE)[outside].max() <= 1


def test_self_blend_changes_little_or_nothing_outside_of_its_mask():
    changes = []
    for seed in SEEDS:
        blend = blend_itself(seed)
        changes.append(difference(blend, blend.mask == 0))
    # Where the copy is what was changed, the rest stays as it was.
    assert np.mean(np.array(changes) == 0) > 0.3
    assert max(changes) < 40


@forgeries
def test_picture_is_changed_inside_of_the_mask(forge):
    changes = []
    for seed in SEEDS:
        blend = forge(seed)
        changes.append(difference(blend, blend.mask > 0.4))
    assert np.median(changes) > 2
    assert max(changes) < 100, "a face is still a face"


def test_donor_face_is_fitted_to_the_landmarks():
    larger = cv2.resize(FACE, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)

    def change(landmarks: np.ndarray) -> float:
        changes = []
        for seed in SEEDS:
            blend = swap_blend(larger, landmarks, FACE, FACE_LANDMARKS, np.random.default_rng(seed))
            changes.append(difference(blend, blend.mask > 0.4))
        return float(np.quantile(changes, 0.25))

    fitted = change(FACE_LANDMARKS * 2 + 0.5)
    assert fitted < 4, "a face put in its own place is hardly seen"
    assert change(FACE_LANDMARKS * 2 + (20, 0)) > 2 * fitted


def test_donor_face_takes_on_the_colour_of_the_picture():
    dark = (DONOR * 0.4).astype(np.uint8)
    inside = [
        swap_blend(dark, DONOR_LANDMARKS, FACE, FACE_LANDMARKS, np.random.default_rng(seed)) for seed in range(20)
    ]
    offsets = [blend.image[blend.mask > 0.4].mean() - FACE[blend.mask > 0.4].mean() for blend in inside]
    assert np.abs(np.median(offsets)) < 12
    assert np.abs(dark.mean() - DONOR.mean()) > 50


def test_picture_shows_where_the_donor_ends():
    forehead_to_nose = DONOR[: int(DONOR_LANDMARKS[2, 1])]
    below = np.zeros(FACE.shape[:2], bool)
    below[int(FACE_LANDMARKS[2, 1]) + 6 :] = True
    changes = []
    for seed in SEEDS:
        blend = swap_blend(forehead_to_nose, DONOR_LANDMARKS, FACE, FACE_LANDMARKS, np.random.default_rng(seed))
        where = below & (blend.mask > 0.3)
        if where.sum() > 50:
            changes.append(difference(blend, where))
    # Half of the faces are given another style, and what shows below them with them.
    assert np.quantile(changes, 0.4) < 2


def test_shape_of_landmarks_leaves_out_place_and_size_but_not_pose():
    shape = landmark_shape(FACE_LANDMARKS)
    assert shape.shape == (10,) and shape.dtype == np.float32
    assert np.linalg.norm(shape) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(landmark_shape(FACE_LANDMARKS * 3.5 + (100, -40)), shape, atol=1e-5)
    turned = FACE_LANDMARKS.copy()
    turned[2, 0] += 15
    assert np.linalg.norm(landmark_shape(turned) - shape) > 0.1


def test_outlines_are_drawn_for_the_crop_that_scanning_cuts():
    np.testing.assert_allclose(TEMPLATE, LANDMARK_TEMPLATE, atol=1e-6)
