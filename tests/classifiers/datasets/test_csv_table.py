"""CSV files with paths and labels."""

from __future__ import annotations

import numpy as np
import pytest

from classifiers.datasets import DataError, open_dataset


def _labels(tree, text):
    return [s.fake for s in open_dataset(tree("a.jpg", "b.jpg", **{"table.csv": text}) / "table.csv")]


@pytest.mark.parametrize(
    "text",
    [
        "path,label\na.jpg,fake\nb.jpg,real\n",
        "Filename,Label\na.jpg,FAKE\nb.jpg,Real\n",
        "file,class\na.jpg,deepfake\nb.jpg,original\n",
        "image,target\na.jpg,1\nb.jpg,0\n",
        "image_path,is_fake\na.jpg,True\nb.jpg,False\n",
        "path,is_real\na.jpg,0\nb.jpg,1\n",
        "path,real\na.jpg,no\nb.jpg,yes\n",
        "\ufeffpath,label\na.jpg,1.0\nb.jpg,0.0\n",
        "path,label,is_real\na.jpg,1,0\nb.jpg,0,1\n",
    ],
)
def test_labels(tree, text):
    assert _labels(tree, text) == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na.jpg,maybe\nb.jpg,real\n", "line 2 of .* has the label 'maybe', which means neither"),
        ("path,label\na.jpg,2\nb.jpg,1\n", "'2', which means neither"),
        ("path,label\na.jpg,true\nb.jpg,false\n", "'true', which means neither"),
        ("path,label,label_str\na.jpg,1,real\nb.jpg,0,fake\n", "contradict each other: label '1', label_str 'real'"),
        ("path,label\n,fake\nb.jpg,real\n", "no path in line 2"),
        ("path,label,split\na.jpg,fake,third\nb.jpg,real,test\n", "line 2 of .* has the split 'third'"),
        ('path,label,landmarks\na.jpg,fake,"1,2 3,4"\nb.jpg,real,\n', "not five points"),
    ],
)
def test_what_cannot_be_understood(tree, text, message):
    with pytest.raises(DataError, match=message):
        _labels(tree, text)


def test_numbers_against_the_names_of_folders(tree):
    text = "path,label\ntrain/real/a.jpg,1\ntrain/fake/b.jpg,0\n"
    root = tree("train/real/a.jpg", "train/fake/b.jpg", **{"table.csv": text})
    with pytest.raises(DataError, match=r"unclear whether 1 means real or fake; call the column is_real or is_fake"):
        open_dataset(root / "table.csv")
    (root / "table.csv").write_text(text.replace("label", "is_real"))
    assert [s.fake for s in open_dataset(root / "table.csv")] == [False, True]


def test_all_columns(tree):
    text = (
        "file,label,Split,family,source,origin,clip,person,landmarks\n"
        'frames/1.jpg,fake,Validation,StyleGAN2,site,owner/name,clip 1,anna,"1,2 3,4 5,6 7,8 9,10.5"\n'
        "frames/2.jpg,real,,unknown,,,,,\n"
    )
    fake, real = open_dataset(tree("frames/1.jpg", "frames/2.jpg", **{"labels.csv": text}))
    assert (fake.split, fake.family, fake.source, fake.clip, fake.person) == ("val", "gan", "site", "clip 1", "anna")
    assert (fake.origin, real.origin) == ("owner/name", "")
    np.testing.assert_array_equal(fake.landmarks, np.float32([[1, 2], [3, 4], [5, 6], [7, 8], [9, 10.5]]))
    assert (real.split, real.family, real.source, real.clip, real.person) == ("", "", "", "", "")
    assert real.landmarks is None


def test_column_of_videos_is_the_clip_beside_one_of_pictures_and_else_the_path(tree):
    root = tree("1.jpg", "2.jpg", "v.mp4", "w.mp4")
    (root / "frames.csv").write_text("image,video,label\n1.jpg,v,fake\n2.jpg,w,real\n")
    assert [s.clip for s in open_dataset(root / "frames.csv")] == ["v", "w"]
    (root / "videos.csv").write_text("video,label\nv.mp4,fake\nw.mp4,real\n")
    samples = open_dataset(root / "videos.csv")
    assert [(s.path.name, s.clip) for s in samples] == [("v.mp4", "v"), ("w.mp4", "w")]


def test_tables_named_after_splits(tree):
    row = "path,label\na.jpg,fake\nb.jpg,real\n"
    samples = open_dataset(tree("a.jpg", "b.jpg", **{"train.csv": row, "test.csv": row}))
    assert [s.split for s in samples] == ["test", "test", "train", "train"]


def test_one_of_several_tables_must_be_named(tree):
    row = "path,label\na.jpg,fake\nb.jpg,real\n"
    root = tree("a.jpg", "b.jpg", **{"new.csv": row, "old.csv": row, "notes.csv": "day,note\n1,good\n"})
    with pytest.raises(DataError, match=r"several tables \(new\.csv, old\.csv\)"):
        open_dataset(root)
    assert [s.split for s in open_dataset(root / "new.csv")] == ["", ""]


def test_no_text(tree):
    root = tree("a.jpg")
    (root / "table.csv").write_bytes(b"path,label\na.jpg,f\xe4lschung\n")
    with pytest.raises(DataError, match=r"table\.csv is no CSV file in UTF-8"):
        open_dataset(root)


def test_name_that_no_file_can_have_is_of_none_that_is_there(tree):
    root = tree("a.jpg", "b.jpg")
    long = "x" * 5000
    (root / "table.csv").write_text(f"path,label\na.jpg,fake\n{long}.jpg,fake\nb.jpg,real\n")
    assert [s.path.name for s in open_dataset(root / "table.csv")] == ["a.jpg", "b.jpg"]
