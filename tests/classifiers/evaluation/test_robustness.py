"""Worse copies of pictures."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import pytest

pytest.importorskip("av", reason="re-encoding needs the extra 'train'")

from classifiers.datasets import PictureReader
from classifiers.evaluation.predictions import predict
from classifiers.evaluation.robustness import CHANGES
from extractors.align import CropGeometry, align_face
from tests.bright_faces import BrightnessEngine, pictures
from tests.tiny_shards import FACE, FACE_LANDMARKS

ALIGN = partial(align_face, geometry=CropGeometry(64))
READER = PictureReader()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("shape", [FACE.shape, (151, 97, 3)])
def test_change_is_repeatable_and_keeps_the_face_where_it_is(change, shape):
    image = cv2.resize(FACE, shape[1::-1])
    changed = change(image, 1)
    np.testing.assert_array_equal(changed, change(image, 1))
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, image)
    back = cv2.resize(changed, shape[1::-1]).astype(float)
    assert np.abs(back - image).mean() < 20


@pytest.mark.parametrize("series", ["jpeg", "h264", "scale", "blur", "noise"])
def test_changes_of_a_series_grow_stronger(series):
    def loss(change) -> float:
        return float(((cv2.resize(change(FACE, 1), FACE.shape[1::-1]).astype(float) - FACE) ** 2).mean())

    losses = [loss(change) for name, change in CHANGES.items() if name.startswith(series)]
    assert len(losses) >= 2
    assert losses == sorted(losses)


def test_noise_is_not_the_same_in_all_pictures():
    assert not np.array_equal(CHANGES["noise 10"](FACE, 1), CHANGES["noise 10"](FACE, 2))


def test_landmarks_follow_a_picture_that_shrinks(tmp_path):
    samples = pictures(tmp_path, 2)
    seen = []

    def align(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        seen.append((image.shape[:2], landmarks))
        return ALIGN(image, landmarks)

    predict(BrightnessEngine(), samples, READER, align, change=CHANGES["scale 1/2"])
    for shape, landmarks in seen:
        assert shape == (92, 92)
        np.testing.assert_allclose(landmarks, FACE_LANDMARKS / 2)
