"""The crop of a face: where it lies, and that shrinking it leaves no false patterns."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from extractors.align import LANDMARK_TEMPLATE, CropGeometry, align_face, warp_crop

GEOMETRY = CropGeometry(64)
TEMPLATE_PX = np.array(LANDMARK_TEMPLATE) * GEOMETRY.size - 0.5

# Landmarks of the portrait, in the order of the template.
PORTRAIT = data.astronaut()
PORTRAIT_LANDMARKS = np.array([[203.5, 100.0], [245.5, 102.0], [224.0, 126.5], [202.0, 138.5], [244.5, 140.5]])


def similarity(angle: float, scale: float, x: float, y: float) -> np.ndarray:
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]])


def apply(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ transform[:2, :2].T + transform[:2, 2]


def crop_difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(float) - second.astype(float)).mean())


similarities = st.builds(
    similarity,
    angle=st.floats(-np.pi, np.pi),
    scale=st.floats(0.05, 50),
    x=st.floats(-2000, 2000),
    y=st.floats(-2000, 2000),
)
points = st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
any_landmarks = (
    st.lists(points, min_size=5, max_size=5).map(np.array).filter(lambda landmarks: landmarks.std(axis=0).max() > 0.01)
)


@given(similarities)
def test_transform_undoes_any_turn_scale_and_shift(moved):
    transform = GEOMETRY.transform(apply(moved, TEMPLATE_PX))
    np.testing.assert_allclose(transform, np.linalg.inv(moved)[:2], rtol=1e-6, atol=1e-6)


def test_landmarks_in_their_place_stay_there():
    np.testing.assert_allclose(GEOMETRY.transform(TEMPLATE_PX), np.eye(3)[:2], atol=1e-12)


@given(any_landmarks)
def test_transform_is_the_best_similarity_in_the_sense_of_least_squares(landmarks):
    # x' = a x - b y + c and y' = b x + a y + d, solved for a, b, c, d.
    x, y, one, zero = *landmarks.T, np.ones(5), np.zeros(5)
    design = np.vstack([np.column_stack([x, -y, one, zero]), np.column_stack([y, x, zero, one])])
    a, b, c, d = np.linalg.lstsq(design, TEMPLATE_PX.T.ravel(), rcond=None)[0]
    np.testing.assert_allclose(GEOMETRY.transform(landmarks), [[a, -b, c], [b, a, d]], rtol=1e-5, atol=1e-5)


@given(any_landmarks)
def test_transform_never_mirrors(landmarks):
    assert np.linalg.det(GEOMETRY.transform(landmarks)[:, :2]) >= 0


def test_mirrored_face_is_not_mirrored_back():
    transform = GEOMETRY.transform(TEMPLATE_PX * (-1, 1))
    assert np.linalg.det(transform[:, :2]) > 0


def test_landmarks_in_one_point_have_no_crop():
    with pytest.raises(ValueError, match="coincide"):
        GEOMETRY.transform(np.full((5, 2), 17.0))


@pytest.mark.parametrize("arguments", [(0,), (-1,), (64, LANDMARK_TEMPLATE[:4]), (64, LANDMARK_TEMPLATE, 63)])
def test_impossible_geometry_is_refused(arguments):
    with pytest.raises(ValueError, match=r"five landmarks and a positive size|cannot be cut at 63"):
        CropGeometry(*arguments)


def test_geometry_read_from_lists_equals_the_one_written():
    assert CropGeometry(64, [list(point) for point in LANDMARK_TEMPLATE]) == GEOMETRY


def test_crop_shows_the_face_where_the_template_says():
    image = np.zeros((512, 512, 3), np.uint8)
    for x, y in PORTRAIT_LANDMARKS.astype(int):
        cv2.circle(image, (int(x), int(y)), 2, (255, 255, 255), -1)
    geometry = CropGeometry(128)
    crop = align_face(image, PORTRAIT_LANDMARKS, geometry)
    for x, y in np.rint(apply(geometry.transform(PORTRAIT_LANDMARKS), PORTRAIT_LANDMARKS)).astype(int):
        assert crop[y, x].min() > 200
    assert crop[5:30].max() == 0


def test_crop_that_is_cut_larger_is_averaged_down():
    cut_at_twice = align_face(PORTRAIT, PORTRAIT_LANDMARKS, CropGeometry(128))
    averaged = np.float32(cut_at_twice).reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    crop = align_face(PORTRAIT, PORTRAIT_LANDMARKS, CropGeometry(64, cut_size=128))
    assert np.abs(crop - averaged).max() <= 0.5
    # The face lies where it lies in a crop that is cut at its own size.
    assert crop_difference(crop, align_face(PORTRAIT, PORTRAIT_LANDMARKS, GEOMETRY)) < 6


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_crop_is_the_same_however_the_picture_is_turned(quarters):
    landmarks = PORTRAIT_LANDMARKS
    for _ in range(quarters):
        landmarks = np.column_stack([landmarks[:, 1], PORTRAIT.shape[1] - 1 - landmarks[:, 0]])
    turned = np.ascontiguousarray(np.rot90(PORTRAIT, quarters))
    for size in (20, 64, 200):
        expected = align_face(PORTRAIT, PORTRAIT_LANDMARKS, CropGeometry(size))
        difference = crop_difference(align_face(turned, landmarks, CropGeometry(size)), expected)
        # Bilinear warping counts in 1/32 px, and the averaged region is laid out along the picture's axes.
        assert difference < 2


@pytest.mark.parametrize("scale", [1.7, 3.0])
@pytest.mark.parametrize("angle", [0.0, 0.3, -1.2])
def test_crop_is_the_same_from_a_larger_turned_picture(angle, scale):
    moved = similarity(angle, scale, 0, 0)
    moved[:2, 2] = 900 - apply(moved, PORTRAIT_LANDMARKS.mean(axis=0))
    larger = cv2.warpAffine(PORTRAIT, moved[:2], (1800, 1800), flags=cv2.INTER_CUBIC)
    expected = align_face(PORTRAIT, PORTRAIT_LANDMARKS, GEOMETRY)
    difference = crop_difference(align_face(larger, apply(moved, PORTRAIT_LANDMARKS), GEOMETRY), expected)
    assert difference < 3
    half_a_pixel_off = align_face(PORTRAIT, PORTRAIT_LANDMARKS + 0.5, GEOMETRY)
    assert difference < crop_difference(half_a_pixel_off, expected)


@pytest.mark.parametrize("scale", [2.0, 1.0, 0.76, 0.74, 0.5, 0.31, 0.11])
@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0])
def test_crop_is_exact_to_a_fraction_of_a_pixel(angle, scale):
    x, y = np.meshgrid(np.arange(700.0), np.arange(600.0))
    ramps = {"x": x.astype(np.float32), "y": y.astype(np.float32)}
    centred = similarity(angle, scale, 0, 0)
    centred[:2, 2] = 20 - apply(centred, np.array([345.3, 302.8]))
    column, row = np.meshgrid(np.arange(40), np.arange(40))
    expected = apply(np.linalg.inv(centred), np.column_stack([column.ravel(), row.ravel()]))
    for axis, ramp in enumerate(ramps.values()):
        error = np.abs(warp_crop(ramp, centred[:2], 40).ravel() - expected[:, axis]) * scale
        assert error.max() < 0.08, "in pixels of the crop"


def test_fine_pattern_becomes_grey_and_not_another_pattern():
    checkerboard = (np.indices((600, 600)).sum(axis=0) % 2 * 255).astype(np.uint8)
    for angle in (0.0, 0.2):
        crop = warp_crop(checkerboard, similarity(angle, 0.25, -30, -30)[:2], 64)
        assert abs(crop[8:-8, 8:-8].mean() - 127.5) < 2
        assert crop[8:-8, 8:-8].std() < 12
    # What would be left of it without smoothing.
    assert cv2.warpAffine(checkerboard, similarity(0.2, 0.25, -30, -30)[:2], (64, 64))[8:-8, 8:-8].std() > 40


@pytest.mark.parametrize("scale", [1.5, 0.3])
def test_beyond_the_picture_its_border_is_repeated(scale):
    image = np.zeros((90, 120), np.uint8)
    image[:, 60:] = 200
    to_the_right, to_the_left = similarity(0, scale, -110 * scale, 10), similarity(0, scale, 40, 10)
    assert (warp_crop(image, to_the_right[:2], 40) == 200).all()
    assert (warp_crop(image, to_the_left[:2], 40)[:, :40] == 0).all()
    far_outside = similarity(0, scale, -5000 * scale, -7000 * scale)
    assert (warp_crop(image, far_outside[:2], 40) == 200).all()


@pytest.mark.parametrize("scale", [1.5, 0.3])
@pytest.mark.parametrize(
    "image", [PORTRAIT, PORTRAIT[..., 0], np.float32(PORTRAIT[..., 0]) / 255], ids=["RGB", "grey", "float"]
)
def test_crop_has_the_type_of_the_picture(image, scale):
    before = image.copy()
    crop = warp_crop(image, similarity(0.1, scale, 0, 0)[:2], 33)
    assert crop.shape == (33, 33, *image.shape[2:]) and crop.dtype == image.dtype
    assert crop.min() >= image.min() and crop.max() <= image.max()
    np.testing.assert_array_equal(image, before)


def test_picture_may_be_wider_than_opencv_can_warp():
    panorama = np.zeros((64, 40_000, 3), np.uint8)
    panorama[:, 39_000:] = 90
    crop = warp_crop(panorama, similarity(0, 1, -39_500, 0)[:2], 64)
    assert (crop == 90).all()
