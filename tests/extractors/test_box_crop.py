"""Crops around boxes: which pixels they show, and what stands beyond the frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.crop_box import CropBox
from extractors.align import LANDMARK_TEMPLATE
from extractors.box_crop import BoxCrop
from extractors.face import Face

HEIGHT, WIDTH = 60, 80
# Every pixel says where it lies, and none is black.
FRAME = np.stack([*np.mgrid[1 : HEIGHT + 1, 1 : WIDTH + 1], np.full((HEIGHT, WIDTH), 200)], axis=-1).astype(np.uint8)


def face(x: float, y: float, width: float, height: float) -> Face:
    landmarks = np.array(LANDMARK_TEMPLATE) * (width, height) + (x, y)
    return Face(np.array([x, y, width, height], np.float32), landmarks.astype(np.float32), 1.0)


def shown(crop: np.ndarray) -> tuple[int, int, int, int]:
    """Give left, top, right and bottom of what a crop shows of the frame."""
    rows, columns = crop[..., 0], crop[..., 1]
    seen = rows > 0
    return columns[seen].min() - 1, rows[seen].min() - 1, columns.max(), rows.max()


def cut(size: int, box: Face, **rule: object) -> np.ndarray:
    return BoxCrop(size, CropBox(**rule)).cut(FRAME, box)  # type: ignore[arg-type] # of these tests


def test_a_crop_of_its_own_size_is_the_box():
    np.testing.assert_array_equal(cut(20, face(10, 5, 20, 20)), FRAME[5:25, 10:30])


@pytest.mark.parametrize(
    ("rule", "edges"),
    [
        # The box goes from 10.6 to 40.3 and from 7.5 to 30.2.
        ({}, (10, 7, 40, 30)),
        ({"rounding": "cover"}, (10, 7, 41, 31)),
        ({"rounding": "box"}, (10, 7, 40, 30)),
        # A tenth of 29.7 and of 22.7.
        ({"margins": (0.1, 0.1, 0.1, 0.1)}, (7, 5, 43, 32)),
        ({"margins": (0.1, 0.1, 0.1, 0.1), "rounding": "cover"}, (7, 5, 44, 33)),
        # A tenth of 30 and of 23.
        ({"margins": (0.1, 0.1, 0.1, 0.1), "rounding": "box"}, (7, 5, 43, 32)),
        # 3 and 2, and twice 2 above.
        ({"margins": (0.1, 0.2, 0.1, 0.1), "rounding": "margin"}, (7, 3, 43, 32)),
        # 2, and twice 2 above.
        ({"margins": (0.1, 0.2, 0.1, 0.1), "rounding": "margin", "shares_of": "height"}, (8, 3, 42, 32)),
        ({"margins": (0.1, 0.2, 0.3, 0.4)}, (7, 2, 49, 39)),
        ({"margins": (-0.1, 0, 0, 0)}, (13, 7, 40, 30)),
        # 29.7 on both sides, about 18.85.
        ({"square": "longer"}, (10, 4, 40, 33)),
    ],
    ids=str,
)
def test_edges(rule, edges):
    # Pixels are neither mixed nor left out where the crop is enlarged by a whole number.
    left, top, right, bottom = edges
    crop = cut((right - left) * (bottom - top), face(10.6, 7.5, 29.7, 22.7), shrink="area", enlarge="area", **rule)
    assert shown(crop) == edges


def test_beyond_the_frame():
    beyond = face(-10, -5, 40, 40)
    assert cut(40, beyond).min() > 0
    black, edge = cut(40, beyond, beyond="black"), cut(40, beyond, beyond="edge")
    assert not black[:5].any() and not black[:, :10].any()
    np.testing.assert_array_equal(black[5:, 10:], FRAME[:35, :30])
    np.testing.assert_array_equal(edge[5:, 10:], FRAME[:35, :30])
    np.testing.assert_array_equal(edge[:5, 10:], np.broadcast_to(FRAME[0, :30], (5, 30, 3)))


@pytest.mark.parametrize(
    ("box", "edge"),
    [((200, 5, 20, 20), np.s_[5:25, -1:]), ((-60, 5, 20, 20), np.s_[5:25, :1]), ((5, -60, 20, 20), np.s_[:1, 5:25])],
    ids=["right", "left", "above"],
)
def test_of_a_box_outside_of_the_frame_the_nearest_pixels_are_shown(box, edge):
    np.testing.assert_array_equal(cut(20, face(*box)), np.broadcast_to(FRAME[edge], (20, 20, 3)))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_turned_face_is_put_upright(quarters):
    height, width = FRAME.shape[:2]
    upright = face(20, 10, 24, 24)
    turned = upright.turned(quarters, (width, height))
    crop = BoxCrop(24, CropBox()).cut(np.ascontiguousarray(np.rot90(FRAME, -quarters)), turned)
    np.testing.assert_array_equal(crop, cut(24, upright))


def test_a_long_box_is_padded_with_black_on_both_sides():
    crop = cut(40, face(10, 5, 10, 20), fit="pad", enlarge="area")
    assert not crop[:, :10].any() and not crop[:, 30:].any()
    np.testing.assert_array_equal(crop[:, 10:30], FRAME[5:25, 10:20].repeat(2, axis=0).repeat(2, axis=1))


def test_a_side_that_is_too_short_is_padded_and_not_enlarged():
    crop = cut(20, face(10, 5, 15, 40), fit="pad_small", shrink="area")
    # An odd line goes to the right.
    assert not crop[:, :2].any() and not crop[:, 17:].any()
    assert shown(crop)[::2] == (10, 25)
    np.testing.assert_array_equal(crop[0, 2:17, 1], FRAME[5, 10:25, 1])


@given(
    box=st.tuples(st.floats(-40, 70), st.floats(-40, 50), st.floats(0, 200), st.floats(0, 200)),
    square=st.sampled_from(["no", "longer"]),
    rounding=st.sampled_from(["down", "cover", "box", "margin"]),
    beyond=st.sampled_from(["clip", "black", "edge"]),
    fit=st.sampled_from(["stretch", "pad", "pad_small"]),
    way=st.sampled_from(["linear", "area", "cubic", "antialiased_linear", "antialiased_cubic"]),
)
def test_any_box_in_the_frame_gives_a_crop(box, square, rounding, beyond, fit, way):
    margins = (0.125, 0.25, 0.125, 0.125)
    rule = CropBox(margins, "sides", square, rounding, beyond, fit, way, way)
    crop = BoxCrop(16, rule).cut(FRAME, face(*box))
    assert (crop.shape, crop.dtype) == ((16, 16, 3), np.uint8)
