"""What holds of any face and box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.face import Face, overlap

# Of whole pixels, so that areas are exact.
boxes = st.builds(
    lambda x, y, side: np.float64([x, y, side, side]), st.integers(-50, 320), st.integers(-50, 180), st.integers(1, 200)
)


@given(boxes, boxes)
def test_overlap_is_a_symmetric_share(a, b):
    assert 0 <= overlap(a, b) <= 1
    assert overlap(a, b) == overlap(b, a)
    assert overlap(a, a) == 1


def test_overlap_of_known_boxes():
    a = np.array([0.0, 0, 10, 10])
    assert overlap(a, np.array([5.0, 0, 10, 10])) == pytest.approx(1 / 3)
    assert overlap(a, np.array([10.0, 0, 10, 10])) == 0
    assert overlap(np.zeros(4), np.zeros(4)) == 0


def test_a_face_in_another_copy_of_its_image():
    face = Face(np.float32([10, 20, 30, 40]), np.float32([[12, 24]] * 5), 0.9)
    there = face.scaled(np.array([2.0, 3.0]))
    assert there.box.tolist() == [20, 60, 60, 120]
    assert there.landmarks.tolist() == [[24, 72]] * 5
    assert there.confidence == 0.9
    assert there.box.dtype == there.landmarks.dtype == np.float32


def test_a_face_in_the_turned_image():
    face = Face(np.float32([2, 1, 3, 4]), np.float32([[2, 1], [4, 1], [3, 3], [2, 4], [4, 4]]), 0.9)
    image = np.zeros((10, 7), np.uint8)
    image[1:5, 2:5] = 1
    for x, y in face.landmarks.astype(int):
        image[y, x] = 2
    for quarters in range(-1, 4):
        turned = face.turned(quarters, (7, 10))
        there = np.rot90(image, -quarters)
        left, top, width, height = turned.box.astype(int)
        assert there[top : top + height, left : left + width].all()
        assert (there > 0).sum() == width * height
        assert all(there[y, x] == 2 for x, y in turned.landmarks.astype(int))
        assert turned.confidence == 0.9
        assert turned.box.dtype == turned.landmarks.dtype == np.float32


@given(boxes, st.integers(-4, 4))
def test_a_face_that_is_turned_back_is_as_it_was(box, quarters):
    face = Face(box.astype(np.float32), np.float32([[12, 24]] * 5), 0.9)
    size, turned_size = ((320, 180), (180, 320)) if quarters % 2 else ((320, 180), (320, 180))
    back = face.turned(quarters, size).turned(-quarters, turned_size)
    assert back.box.tolist() == face.box.tolist()
    assert back.landmarks.tolist() == face.landmarks.tolist()
