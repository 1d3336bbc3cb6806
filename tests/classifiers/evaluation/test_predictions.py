"""The logits of a data set's face crops."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from classifiers.datasets import DataError, PictureReader, face_shards
from classifiers.evaluation.predictions import predict
from extractors.align import CropGeometry, align_face
from tests.bright_faces import BrightnessEngine, pictures, sample
from tests.tiny_shards import write_shards

ALIGN = partial(align_face, geometry=CropGeometry(64))
READER = PictureReader()


def test_every_crop_gets_its_logits_in_batches(tmp_path):
    samples = pictures(tmp_path, 70)
    engine = BrightnessEngine()
    predictions = predict(engine, samples, READER, ALIGN)
    assert predictions.samples == samples
    assert engine.batches == [64, 6]
    expected = [BrightnessEngine().predict(ALIGN(READER.read(s), s.landmarks)[None])[0] for s in samples]
    np.testing.assert_array_equal(predictions.logits, expected)
    assert list(np.argsort(-predictions.logits[:, 0])) == list(range(70))


def test_crops_in_shards_are_read(tmp_path):
    samples = face_shards.samples(write_shards(tmp_path))
    predictions = predict(BrightnessEngine(), samples, READER, ALIGN)
    assert len(predictions.logits) == len(samples) == 20
    assert len(predictions.groups()) == 5 + 5


def test_unreadable_pictures_are_left_out_and_told(tmp_path):
    samples = pictures(tmp_path, 10)
    samples[3].path.write_bytes(samples[3].path.read_bytes()[:30])
    samples[8].path.unlink()
    predictions = predict(BrightnessEngine(), samples, READER, ALIGN, max_unreadable=0.2)
    assert predictions.samples == [s for place, s in enumerate(samples) if place not in (3, 8)]
    assert [(item.sample, item.status) for item in predictions.unscored] == [
        (samples[3], "unreadable"),
        (samples[8], "unreadable"),
    ]
    assert "8.png" in predictions.unscored[1].message


def test_too_many_unreadable_pictures_are_an_error_that_names_one(tmp_path):
    samples = pictures(tmp_path, 10)
    samples[3].path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"more than 5\.0% of 10 pictures .*3\.png.* --max-unreadable"):
        predict(BrightnessEngine(), samples, READER, ALIGN, max_unreadable=0.05)


def test_a_face_without_landmarks_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="facewitness faces"):
        predict(BrightnessEngine(), [sample("video.mp4", landmarks=None)], READER, ALIGN)


def test_landmarks_in_one_point_make_a_crop_unusable_not_the_run(tmp_path):
    samples = pictures(tmp_path, 4)
    samples[0] = replace(samples[0], landmarks=np.zeros((5, 2), np.float32))
    predictions = predict(BrightnessEngine(), samples, READER, ALIGN, max_unreadable=0.5)
    assert [item.sample for item in predictions.unscored] == samples[:1]
