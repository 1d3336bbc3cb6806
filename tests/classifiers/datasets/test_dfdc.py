"""The layouts of the Deepfake Detection Challenge."""

from __future__ import annotations

import json

import pytest

from classifiers.datasets import DataError, open_dataset

_PART_0 = {
    "owxbbpjpch.mp4": {"label": "FAKE", "split": "train", "original": "wynotylpnm.mp4"},
    "vpmyeepbep.mp4": {"label": "FAKE", "split": "train", "original": "wynotylpnm.mp4"},
    "wynotylpnm.mp4": {"label": "REAL", "split": "train"},
}
_PART_10 = {
    "aagfhgtpmv.mp4": {"label": "FAKE", "split": "train", "original": "vudstovrck.mp4"},
    "vudstovrck.mp4": {"label": "REAL", "split": "train", "original": None},
}


def _part(tree, folder, entries):
    return tree(*(f"{folder}/{name}" for name in entries), **{f"{folder}/metadata.json": json.dumps(entries)})


def test_part(tree):
    samples = open_dataset(_part(tree, "dfdc_train_part_0", _PART_0) / "dfdc_train_part_0")
    assert [(s.path.name, s.fake, s.split, s.family) for s in samples] == [
        ("owxbbpjpch.mp4", True, "train", "faceswap"),
        ("vpmyeepbep.mp4", True, "train", "faceswap"),
        ("wynotylpnm.mp4", False, "train", ""),
    ]
    assert {s.source for s in samples} == {"wynotylpnm"}, "a fake and its original must stay together"
    assert [s.clip for s in samples] == ["owxbbpjpch", "vpmyeepbep", "wynotylpnm"]
    assert all(s.path.is_file() for s in samples)


def test_folder_of_parts_in_the_order_of_their_numbers(tree):
    _part(tree, "dfdc_train_part_10", _PART_10)
    samples = open_dataset(_part(tree, "dfdc_train_part_2", _PART_0), layout="dfdc")
    assert [s.path.parent.name for s in samples] == ["dfdc_train_part_2"] * 3 + ["dfdc_train_part_10"] * 2


def test_label_that_is_none(tree):
    root = _part(tree, "part", {**_PART_0, "wynotylpnm.mp4": {"label": "UNKNOWN", "split": "train"}})
    with pytest.raises(DataError, match=r"wynotylpnm\.mp4 'UNKNOWN'"):
        open_dataset(root)


def test_index_that_was_cut_short(tree):
    root = _part(tree, "part", _PART_0)
    index = root / "part" / "metadata.json"
    index.write_text(index.read_text()[:-20])
    with pytest.raises(DataError, match=r"metadata\.json is no JSON file"):
        open_dataset(root)


def test_preview(tree):
    swap = "method_A/1062400/1062400_A/768793_1062400_A_001.mp4"
    original = "original_videos/1062400/1062400_A_001.mp4"
    other = "original_videos/768793/768793_C_002.mp4"
    entries = {
        swap: {"label": "fake", "target_id": 1062400, "swapped_id": 768793, "set": "train", "augmentations": []},
        original: {"label": "real", "target_id": 1062400, "swapped_id": None, "set": "train", "augmentations": []},
        other: {"label": "real", "target_id": 768793, "swapped_id": None, "set": "test", "augmentations": []},
    }
    samples = open_dataset(tree(*entries, **{"dataset.json": json.dumps(entries)}))
    assert [(s.fake, s.split, s.source, s.person) for s in samples] == [
        (True, "train", "1062400", "768793"),
        (False, "train", "1062400", "1062400"),
        (False, "test", "768793", "768793"),
    ]
    assert samples[0].clip == "method_A/1062400/1062400_A/768793_1062400_A_001"


def test_original_that_is_no_name_is_one_that_is_not_there(tree):
    """Tables that pass through pandas have NaN in place of nothing."""
    root = _part(tree, "part", {**_PART_0, "owxbbpjpch.mp4": {**_PART_0["owxbbpjpch.mp4"], "original": float("nan")}})
    with pytest.raises(DataError, match=r"does not say what owxbbpjpch\.mp4 was made from"):
        open_dataset(root)
