"""How far a face can be relied on, from its size and pose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors import Face
from extractors.align import LANDMARK_TEMPLATE
from extractors.quality import face_quality


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
