"""Crops that are aligned in ways of others: where landmarks come to lie, and at which size they are cut."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from classifiers.crop_align import CropAlign
from extractors.align import CropGeometry
from extractors.aligned_crop import AlignedCrop
from extractors.face import Face

TEMPLATE = ((0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75))
PORTRAIT = data.astronaut()
LANDMARKS = np.array([[203.5, 100.0], [245.5, 102.0], [224.0, 126.5], [202.0, 138.5], [244.5, 140.5]])


def face(landmarks: np.ndarray) -> Face:
    return Face(np.zeros(4, np.float32), np.asarray(landmarks, np.float32), 1.0)


def test_a_face_that_lies_as_the_template_is_cut_out_as_it_is():
    landmarks = np.array(TEMPLATE) * 100 + (150, 60)
    for cut in (None, "native"):
        crop = AlignedCrop(100, CropAlign(TEMPLATE, cut=cut)).cut(PORTRAIT, face(landmarks))
        np.testing.assert_array_equal(crop, PORTRAIT[60:160, 150:250])


def test_least_squares_without_shrinking_is_our_own_crop():
    # Ours counts from the edge of the first pixel, half a pixel before its centre.
    ours = CropGeometry(128, tuple((x + 0.5 / 128, y + 0.5 / 128) for x, y in TEMPLATE))
    crop = AlignedCrop(128, CropAlign(TEMPLATE, beyond="edge")).cut(PORTRAIT, face(LANDMARKS))
    difference = np.abs(crop.astype(int) - ours.cut(PORTRAIT, face(LANDMARKS)))
    assert difference.mean() < 0.01


def test_least_median_leaves_out_a_landmark_that_lies_beside_its_place():
    landmarks = np.array(TEMPLATE) * 100 + (150, 60)
    landmarks[2] += (25, 5)
    usual, robust = (
        AlignedCrop(100, CropAlign(TEMPLATE, fit=fit)).cut(PORTRAIT, face(landmarks)).astype(int)
        for fit in ("least_squares", "least_median")
    )
    wanted = PORTRAIT[60:160, 150:250]
    assert np.abs(robust - wanted).mean() < 0.5
    assert np.abs(usual - wanted).mean() > 5


@pytest.mark.parametrize("way", ["linear", "area", "cubic"])
def test_a_crop_may_be_cut_at_one_size_and_resized_to_another(way):
    found = AlignedCrop(96, CropAlign(TEMPLATE, cut=128, resize=way)).cut(PORTRAIT, face(LANDMARKS))
    larger = AlignedCrop(128, CropAlign(TEMPLATE)).cut(PORTRAIT, face(LANDMARKS))
    flag = {"linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC}[way]
    np.testing.assert_array_equal(found, cv2.resize(larger, (96, 96), interpolation=flag))


def test_antialiasing_averages_where_a_face_becomes_much_smaller():
    stripes = np.zeros((400, 400, 3), np.uint8)
    # Two of ten pixels, those that are not skipped.
    stripes[:, 4::10] = stripes[:, 5::10] = 255
    landmarks = face(np.array(TEMPLATE) * 400)
    skipped, averaged = (
        AlignedCrop(40, CropAlign(TEMPLATE, cut="native", resize=way)).cut(stripes, landmarks)
        for way in ("linear", "antialiased_linear")
    )
    assert (skipped == 255).all()
    assert np.abs(averaged[:, 1:-1] - 51.0).max() < 10


def test_beyond_the_frame():
    bright = np.full((60, 60, 3), 90, np.uint8)
    landmarks = face(np.array(TEMPLATE) * 100 - (50, 50))
    black, edge = (
        AlignedCrop(100, CropAlign(TEMPLATE, beyond=beyond)).cut(bright, landmarks) for beyond in ("black", "edge")
    )
    assert (edge == 90).all()
    assert not black[:50].any() and not black[:, :50].any() and (black[51:, 51:] == 90).all()


@pytest.mark.parametrize("fit", ["least_squares", "least_median"])
@pytest.mark.parametrize("cut", [None, "native"])
def test_landmarks_in_one_point(fit, cut):
    with pytest.raises(ValueError, match="the five landmarks of a face must not coincide"):
        AlignedCrop(100, CropAlign(TEMPLATE, fit=fit, cut=cut)).cut(PORTRAIT, face(np.full((5, 2), 80.0)))
