"""The layout of DeeperForensics-1.0."""

from __future__ import annotations

import pytest

from classifiers.datasets import DataError, open_dataset

_FAKES = (
    "manipulated_videos/end_to_end/000_M101.mp4",
    "manipulated_videos/end_to_end_level_3/000_M101.mp4",
    "manipulated_videos/reenact_postprocess/001_W102.mp4",
)
_REALS = (
    "source_videos/M101/light_down/angry/camera_up/M101_light_down_angry_camera_up.mp4",
    "source_videos/W102/BlendShape/camera_front/W102_BlendShape_camera_front.mp4",
    "source_videos/W103/BlendShape/camera_front/W103_BlendShape_camera_front.mp4",
)
_LISTS = {
    "lists/splits/train.txt": "000_M101.mp4\n",
    "lists/splits/val.txt": "\n",
    "lists/splits/test.txt": "001_W102.mp4\n",
}


def test_official_splits(tree, caplog):
    samples = open_dataset(tree(*_FAKES, *_REALS, **_LISTS))
    assert [(s.clip, s.fake, s.split, s.source, s.person) for s in samples] == [
        ("end_to_end/000_M101", True, "train", "000", "M101"),
        ("end_to_end_level_3/000_M101", True, "train", "000", "M101"),
        ("reenact_postprocess/001_W102", True, "test", "001", "W102"),
        ("source_videos/M101_light_down_angry_camera_up", False, "train", "", "M101"),
        ("source_videos/W102_BlendShape_camera_front", False, "test", "", "W102"),
        ("source_videos/W103_BlendShape_camera_front", False, "", "", "W103"),
    ], "an actor is in the split of the fakes with that face"
    assert {s.family for s in samples if s.fake} == {"faceswap"}
    assert "filmed in a studio, unlike the fakes" in caplog.text


def test_without_lists_no_split_is_given(tree):
    assert {s.split for s in open_dataset(tree(*_FAKES, *_REALS))} == {""}


def test_frames_of_deepfake_bench(tree):
    frames = ("manipulated_videos/end_to_end/frames/000_M101/000.png", "source_videos/M101/frames/M101_x/000.png")
    samples = open_dataset(tree(*frames, "source_videos/M101/landmarks/M101_x/000.png", **_LISTS))
    assert [(s.clip, s.split) for s in samples] == [("end_to_end/000_M101", "train"), ("source_videos/M101_x", "train")]


@pytest.mark.parametrize("lacking", _LISTS)
def test_missing_list(tree, lacking):
    lists = {name: text for name, text in _LISTS.items() if name != lacking}
    with pytest.raises(DataError, match=rf"{lacking} is missing, though there are other lists"):
        open_dataset(tree(*_FAKES, *_REALS, **lists))


def test_strange_names_in_a_list_and_of_a_video(tree):
    with pytest.raises(DataError, match=r"'M101' in .*val\.txt is not named as the fakes"):
        open_dataset(tree(*_FAKES, *_REALS, **{**_LISTS, "lists/splits/val.txt": "M101.mp4\n"}))
    with pytest.raises(DataError, match=r"'clip' in .*clip\.mp4 is not named as the fakes"):
        open_dataset(tree("manipulated_videos/end_to_end/clip.mp4", **_LISTS))


def test_fakes_alone(tree):
    with pytest.raises(DataError, match="holds fake samples only"):
        open_dataset(tree(*_FAKES, **_LISTS))
