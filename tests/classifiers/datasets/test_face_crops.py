"""Loose face crops with landmarks."""

from __future__ import annotations

import numpy as np
import pytest

from classifiers.datasets import DataError, open_dataset

_INDEX = """file,label,split,family,source,clip,person,time_s,box,landmarks,quality
real/a.png,real,train,,studio,,anna,,"10.0 10.0 80.0 80.0","71.5,80.0 113.5,82.0 92.0,106.5 70.0,118.5 112.5,120.5",0.9
fake/b.png,fake,,faceswap,studio,b.mp4,,1.5,"10.0 10.0 80.0 80.0",,0.8
"""


def test_crops(tree):
    root = tree("real/a.png", "fake/b.png", **{"faces.csv": _INDEX, "faces.json": '{"complete": true}'})
    for path in (root, root / "faces.csv"):
        real, fake = open_dataset(path)
        assert (real.path, real.fake, real.split, real.source) == (root / "real/a.png", False, "train", "studio")
        assert (real.person, real.clip, real.family) == ("anna", "", "")
        assert real.landmarks.dtype == np.float32
        np.testing.assert_array_equal(real.landmarks[[0, 4]], np.float32([[71.5, 80], [112.5, 120.5]]))
        assert (fake.fake, fake.family, fake.clip, fake.landmarks) == (True, "faceswap", "b.mp4", None)


def test_interrupted_run(tree):
    root = tree("real/a.png", "fake/b.png", **{"faces.csv": _INDEX, "faces.json": '{"complete": false}'})
    with pytest.raises(DataError, match="not all there; run the same `facewitness faces` again"):
        open_dataset(root)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",landmarks", ",points", "lacks the columns landmarks; run `facewitness faces` again"),
        (",fake,", ",1,", "calls fake/b.png '1', which is neither real nor fake"),
        ("71.5,80.0 ", "", "which are not five points"),
        ("71.5,80.0", "nan,80.0", "which are not five points"),
    ],
)
def test_damaged_index(tree, old, new, message):
    text = _INDEX.replace(old, new, 1)
    assert text != _INDEX
    with pytest.raises(DataError, match=message):
        open_dataset(tree("real/a.png", "fake/b.png", **{"faces.csv": text, "faces.json": "{}"}))
