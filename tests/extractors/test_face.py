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
