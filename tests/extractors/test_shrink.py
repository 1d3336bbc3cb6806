"""Shrinking an image to the size at which faces are sought."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.shrink import shrink_to_side


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1920, 1080), (640, 360)), ((1079, 1917), (360, 640)), ((640, 640), (640, 640)), ((5000, 2), (640, 1))],
)
def test_shrink_to_side(size, expected):
    width, height = size
    shrunk, scale = shrink_to_side(np.zeros((height, width, 3), np.uint8), 640)
    assert shrunk.shape == (expected[1], expected[0], 3)
    np.testing.assert_allclose(scale, np.divide(expected, size))
