"""The layout of 140k Real and Fake Faces."""

from __future__ import annotations

import pytest

from classifiers.datasets import DataError, open_dataset

_PICTURES = (
    *("train/real/31355.jpg", "train/real/05884.jpg", "train/fake/0TSV0TO4TW.jpg"),
    *("valid/real/00118.jpg", "valid/fake/YN1U1ZWRYR.jpg"),
    *("test/real/68834.jpg", "test/fake/L4HXGPCFXK.jpg"),
)
_INSIDE = "real_vs_fake/real-vs-fake"
_HEADER = ",original_path,id,label,label_str,path"
_VALID = f"""{_HEADER}
0,/kaggle/input/flickrfaceshq-dataset-nvidia-resized-256px/resized/00118.jpg,118,1,real,valid/real/00118.jpg
1,/kaggle/input/1-million-fake-faces/1m_faces_00/YN1U1ZWRYR.jpg,YN1U1ZWRYR,0,fake,valid/fake/YN1U1ZWRYR.jpg
"""


@pytest.fixture
def root(tree):
    return tree(*(f"{_INSIDE}/{name}" for name in _PICTURES), **{"valid.csv": _VALID})


@pytest.mark.parametrize("inside", ["", "real_vs_fake", _INSIDE])
def test_folders(root, inside):
    samples = open_dataset(root / inside)
    assert [(s.path.name, s.fake, s.split, s.family) for s in samples] == [
        ("05884.jpg", False, "train", ""),
        ("31355.jpg", False, "train", ""),
        ("0TSV0TO4TW.jpg", True, "train", "gan"),
        ("00118.jpg", False, "val", ""),
        ("YN1U1ZWRYR.jpg", True, "val", "gan"),
        ("68834.jpg", False, "test", ""),
        ("L4HXGPCFXK.jpg", True, "test", "gan"),
    ]
    assert all(s.path.is_file() for s in samples)


def test_csv_in_which_1_is_real(root):
    samples = open_dataset(root / "valid.csv")
    assert [(s.path.name, s.fake, s.split, s.family) for s in samples] == [
        ("00118.jpg", False, "val", ""),
        ("YN1U1ZWRYR.jpg", True, "val", "gan"),
    ]
    assert all(s.path.is_file() for s in samples)


def test_csv_that_contradicts_itself(root):
    (root / "valid.csv").write_text(_VALID.replace(",1,real,", ",0,real,"))
    with pytest.raises(DataError, match=r"calls valid/real/00118\.jpg '0' and 'real'"):
        open_dataset(root / "valid.csv")


def test_csv_that_is_cut_off(root):
    (root / "valid.csv").write_text(_VALID.removesuffix("valid/fake/YN1U1ZWRYR.jpg\n"))
    with pytest.raises(DataError, match="has no path in line 3"):
        open_dataset(root / "valid.csv")


def test_empty_class(root):
    (root / _INSIDE / "test/fake/L4HXGPCFXK.jpg").unlink()
    with pytest.raises(DataError, match=r"test/fake holds no pictures"):
        open_dataset(root)
