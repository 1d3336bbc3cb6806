"""How far a face can be relied on, from its size and pose, and what can be no face."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors import Face
from extractors.align import LANDMARK_TEMPLATE
from extractors.quality import face_quality, is_plausible


def face(size: float, nose_shift: float = 0.0, angle: float = 0.0) -> Face:
    """A face whose nose lies `nose_shift` eye distances from the middle; turned in the picture by `angle`."""
    points = np.array(LANDMARK_TEMPLATE) - 0.5
    points[2, 0] += nose_shift * (points[1, 0] - points[0, 0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = size * (points @ turn.T + 0.5) + (30, 40)
    return Face(np.float32([30, 40, size, size]), np.float32(landmarks), 1.0)


sizes, shifts, angles = st.floats(1, 2000), st.floats(-3, 3), st.floats(-3.2, 3.2)


@given(sizes, shifts, angles)
def test_quality_is_a_share(size, shift, angle):
    assert 0 <= face_quality(face(size, shift, angle)) <= 1


def test_large_frontal_face_is_of_full_quality():
    assert face_quality(face(96)) == pytest.approx(1)
    assert face_quality(face(1000)) == pytest.approx(1)


def test_quality_falls_with_the_size():
    assert face_quality(face(48)) == pytest.approx(0.5)
    assert face_quality(face(24)) == pytest.approx(0.25)


@given(st.floats(0, 1.5), st.floats(0, 1.5))
def test_quality_never_rises_as_the_head_turns_away(first, second):
    less, more = sorted((first, second))
    assert face_quality(face(120, more)) <= face_quality(face(120, less)) + 1e-6


def test_profile_is_of_low_quality_and_a_slight_turn_is_not():
    assert face_quality(face(120, 0.1)) == pytest.approx(1)
    assert face_quality(face(120, 0.5)) == pytest.approx(0.2)
    assert face_quality(face(120, 2.0)) == pytest.approx(0.2)


@given(sizes, shifts, angles)
def test_tilted_or_mirrored_head_is_rated_alike(size, shift, angle):
    upright = face_quality(face(size, shift))
    assert face_quality(face(size, shift, angle)) == pytest.approx(upright, abs=1e-3)
    assert face_quality(face(size, -shift)) == pytest.approx(upright, abs=1e-3)


def test_landmarks_in_one_point_are_of_low_quality():
    point = Face(np.float32([0, 0, 120, 120]), np.full((5, 2), 60, np.float32), 1.0)
    assert face_quality(point) == pytest.approx(0.2)


def test_box_without_area_is_of_no_quality():
    empty = Face(np.float32([0, 0, 0, 120]), face(120).landmarks, 1.0)
    assert face_quality(empty) == 0


def seen(points: object, box: object = (0, 0, 100, 120)) -> Face:
    """A face whose landmarks are given in the order of `LANDMARK_NAMES`."""
    return Face(np.float32(box), np.float32(points), 1.0)


# As MTCNN found them in photographs and videos: x, y, width and height of the box, and the landmarks.
FACES = {
    "frontal": seen([[98, 122], [149, 123], [107, 158], [106, 184], [145, 184]], [78, 50, 134, 170]),
    "profile": seen([[125, 51], [174, 39], [168, 76], [145, 118], [180, 107]], [78, 0, 116, 160]),
    "full profile": seen([[153, 144], [158, 147], [140, 166], [159, 193], [162, 195]], [120, 90, 110, 148]),
    "tilted by 45 degrees": seen([[80, 60], [106, 86], [78, 88], [52, 90], [76, 112]], [20, 20, 110, 112]),
    "lies on its side": seen([[60, 20], [60, 50], [40, 34], [24, 22], [24, 48]], [0, 0, 105, 80]),
    "in the box of dlib": seen([[60, 60], [110, 60], [85, 90], [65, 120], [105, 120]], [20, 20, 134, 134]),
}

NO_FACES = {
    "eyes 19 px apart in a box of 92": seen(
        [[376, 206], [395, 205], [386, 219], [379, 225], [394, 224]], [337, 171, 92, 93]
    ),
    "mouth above the eyes": seen([[36, 78], [64, 78], [50, 60], [38, 42], [62, 42]]),
    "mirrored": seen([[64, 42], [36, 42], [50, 60], [62, 78], [38, 78]]),
    "mouth on the eyes": seen([[36, 42], [64, 42], [50, 50], [38, 43], [62, 43]]),
    "landmarks beside the box": seen([[136, 42], [164, 42], [150, 60], [138, 78], [162, 78]]),
    "landmarks in one point": seen(np.full((5, 2), 60)),
    "box without a size": seen([[36, 42], [64, 42], [50, 60], [38, 78], [62, 78]], [0, 0, 0, 0]),
}


@pytest.mark.parametrize("name", FACES)
def test_faces_in_any_pose_are_plausible(name):
    assert is_plausible(FACES[name])


@pytest.mark.parametrize("name", NO_FACES)
def test_what_has_impossible_landmarks_is_no_face(name):
    assert not is_plausible(NO_FACES[name])


@given(st.floats(10, 2000), st.floats(-0.9, 0.9), angles)
def test_a_face_is_as_plausible_in_any_size_and_turn(size, shift, angle):
    assert is_plausible(face(size, shift, angle))
