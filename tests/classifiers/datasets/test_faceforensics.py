"""The layout of FaceForensics++."""

from __future__ import annotations

import json

import pytest

from classifiers.datasets import GENERATED_FAMILIES, DataError, open_dataset

_ACTOR = "original_sequences/actors/c23/videos/01__exit_phone_room.mp4"
_ACTOR_SWAP = "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__exit_phone_room__YVGY8LOK.mp4"
_METHODS = ("Deepfakes", "Face2Face", "FaceShifter", "FaceSwap", "NeuralTextures")
_FILES = (
    *(f"original_sequences/youtube/c23/videos/{video}.mp4" for video in ("000", "003", "071", "054", "953", "974")),
    "original_sequences/youtube/c40/videos/000.mp4",
    *(f"manipulated_sequences/{method}/c23/videos/000_003.mp4" for method in _METHODS),
    "manipulated_sequences/Deepfakes/c23/videos/003_000.mp4",
    "manipulated_sequences/Deepfakes/raw/videos/974_953.mp4",
    "manipulated_sequences/FaceSwap/c40/videos/071_054.mp4",
    _ACTOR,
    _ACTOR_SWAP,
    # Not part of the data set: masks come beside the videos.
    "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4",
)
_SPLITS = {"train": [["071", "054"]], "val": [["000", "003"]], "test": [["953", "974"]]}


@pytest.mark.parametrize("folder", ["", "splits/"])
def test_official_splits(tree, folder):
    texts = {f"{folder}{split}.json": json.dumps(pairs) for split, pairs in _SPLITS.items()}
    samples = open_dataset(tree(*_FILES, **texts))
    assert len(samples) == len(_FILES) - 1
    splits = {s.clip: s.split for s in samples}
    assert splits["youtube/c23/000"] == splits["youtube/c40/000"] == splits["Deepfakes/c23/003_000"] == "val"
    assert splits["youtube/c23/974"] == splits["Deepfakes/raw/974_953"] == "test"
    assert splits["FaceSwap/c40/071_054"] == "train"
    assert splits["actors/c23/01__exit_phone_room"] == "", "there is no official split of the actors"


def test_source_joins_a_pair_with_all_that_was_made_from_it(tree):
    samples = open_dataset(tree(*_FILES))
    pair = [s for s in samples if {"000", "003"} & {*s.path.stem.split("_")}]
    assert len(pair) == 9
    assert {s.source for s in pair} == {"000_003"}
    assert {s.source for s in samples} == {"000_003", "054_071", "953_974", "01__exit_phone_room"}
    assert {s.split for s in samples} == {""}, "without split files there is no split"


def test_families(tree):
    samples = open_dataset(tree(*_FILES))
    assert {s.clip.split("/")[0]: s.family for s in samples} == {
        "youtube": "",
        "actors": "",
        "Deepfakes": "faceswap",
        "FaceShifter": "faceswap",
        "FaceSwap": "faceswap",
        "DeepFakeDetection": "faceswap",
        "Face2Face": "expression_swap",
        "NeuralTextures": "expression_swap",
    }
    assert "expression_swap" not in GENERATED_FAMILIES, "the face is a real one"


def test_actors(tree):
    samples = {s.path.name: s for s in open_dataset(tree(*_FILES))}
    original, swap = samples["01__exit_phone_room.mp4"], samples["01_02__exit_phone_room__YVGY8LOK.mp4"]
    assert (original.fake, original.person, original.source) == (False, "actor 01", "01__exit_phone_room")
    assert (swap.fake, swap.person, swap.source) == (True, "actor 02", "01__exit_phone_room")


@pytest.mark.parametrize("name", ["original_sequences/youtube/c23/videos/000_003.mp4", _FILES[7][:-11] + "clip.mp4"])
def test_video_with_a_strange_name(tree, name):
    with pytest.raises(DataError, match="is not named as the videos of FaceForensics"):
        open_dataset(tree(*_FILES, name))


def test_damaged_split_file(tree):
    with pytest.raises(DataError, match=r"val\.json is no list of pairs"):
        open_dataset(tree(*_FILES, **{"val.json": '["000", "003"]'}))


def test_split_file_that_is_nested_beyond_reading(tree):
    with pytest.raises(DataError, match=r"val\.json is no JSON file"):
        open_dataset(tree(*_FILES, **{"val.json": "[" * 100_000}))


def test_frames_where_there_are_no_videos(tree):
    frames = (
        "original_sequences/youtube/c23/frames/000/000.png",
        "manipulated_sequences/Deepfakes/c23/frames/000_003/0.png",
    )
    masks = (
        "manipulated_sequences/Deepfakes/c23/masks/000_003/0.png",
        "manipulated_sequences/Deepfakes/c23/frames/1.png",
    )
    found = [
        (s.clip, s.fake, s.split, s.source)
        for s in open_dataset(tree(*frames, *masks, **{"val.json": '[["000", "003"]]'}))
    ]
    assert found == [("youtube/c23/000", False, "val", "000_003"), ("Deepfakes/c23/000_003", True, "val", "000_003")]
