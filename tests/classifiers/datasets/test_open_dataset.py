"""Opening a data set without saying what it is."""

from __future__ import annotations

import pytest

from classifiers.datasets import DataError, open_dataset
from classifiers.errors import SettingsError
from tests.tiny_shards import write_shards


def test_shards_are_not_taken_for_tables(tmp_path):
    samples = open_dataset(write_shards(tmp_path))
    assert len(samples) == 20 and all(s.member and s.landmarks is not None for s in samples)


def test_table_goes_before_the_names_of_folders(tree):
    text = "path,label,person\nreal/1.jpg,real,anna\nfake/1.jpg,fake,anna\n"
    root = tree("real/1.jpg", "fake/1.jpg", **{"table.csv": text})
    assert {s.person for s in open_dataset(root)} == {"anna"}
    assert {s.person for s in open_dataset(root, layout="class_folders")} == {""}


def test_unknown_layout_says_what_was_looked_for(tree):
    with pytest.raises(DataError) as failure:
        open_dataset(tree("holiday/1.jpg"))
    for sign in (
        "metadata.json",
        "original_sequences",
        "Celeb-real",
        "real-vs-fake",
        "faces.csv",
        "shard",
        "Train/Real",
    ):
        assert sign in str(failure.value)


def test_layout_that_the_path_does_not_have(tree):
    with pytest.raises(
        DataError, match=r"looked for metadata\.json of DFDC parts or dataset\.json of the DFDC preview$"
    ):
        open_dataset(tree("real/1.jpg", "fake/1.jpg"), layout="dfdc")


def test_name_of_no_layout(tree):
    with pytest.raises(SettingsError, match="'imagenet'; choose from: auto, face_crops, "):
        open_dataset(tree("real/1.jpg"), layout="imagenet")


def test_no_such_path(tmp_path):
    with pytest.raises(DataError, match=r"there is no file and no folder .*nowhere"):
        open_dataset(tmp_path / "nowhere")


def test_empty_folder_and_empty_index(tree):
    root = tree(**{"table.csv": "path,label\n"})
    with pytest.raises(DataError, match="is an empty data set"):
        open_dataset(root)
    (root / "table.csv").unlink()
    with pytest.raises(DataError, match="is no data set whose layout is known"):
        open_dataset(root)
