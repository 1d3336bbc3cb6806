"""The lists and folders of DeepfakeBench."""

from __future__ import annotations

import json

import pytest

from classifiers.datasets import DataError, open_dataset

_THEIRS = "/home/them/DeepfakeBench/datasets/rgb"
_REAL = "FaceForensics++/original_sequences/youtube/c23/frames"
_SWAP = "FaceForensics++/manipulated_sequences/Deepfakes/c23/frames"
_MOVED = "FaceForensics++/manipulated_sequences/Face2Face/c23/frames"
_CELEB = "Celeb-DF-v2/Celeb-synthesis/frames"


def _clip(label, *frames):
    return {"label": label, "frames": [f"{_THEIRS}/{frame}" for frame in frames]}


def _compressed(label, clips, split="train"):
    return {label: {split: {"c23": {name: _clip(label, *frames) for name, frames in clips.items()}}}}


_FF_DF = {
    **_compressed("FF-real", {"071": [f"{_REAL}/071/000.png", f"{_REAL}/071/009.png"]}),
    **_compressed("FF-DF", {"071_054": [f"{_SWAP}/071_054/000.png"]}),
}
_FRAMES = (f"{_REAL}/071/000.png", f"{_REAL}/071/009.png", f"{_SWAP}/071_054/000.png")


def _write(tree, frames, folder="preprocessing/dataset_json", **lists):
    texts = {f"{folder}/{name}.json": json.dumps({name: content}) for name, content in lists.items()}
    return tree(*(f"datasets/rgb/{frame}" for frame in frames), **texts)


def test_list(tree):
    root = _write(tree, _FRAMES, **{"FF-DF": _FF_DF})
    samples = open_dataset(root)
    found = [(s.path.relative_to(root / "datasets/rgb").as_posix(), s.fake, s.split, s.family, s.clip) for s in samples]
    assert found == [
        (f"{_REAL}/071/000.png", False, "train", "", "FF-real/c23/071"),
        (f"{_REAL}/071/009.png", False, "train", "", "FF-real/c23/071"),
        (f"{_SWAP}/071_054/000.png", True, "train", "faceswap", "FF-DF/c23/071_054"),
    ]
    assert {s.source for s in samples} == {"054_071"}, "a fake and its original must stay together"


def test_clip_at_the_top_is_no_list(tree):
    root = tree(**{"dataset_json/a.json": json.dumps({"label": "FF-DF", "frames": ["a/b/000.png"]})})
    with pytest.raises(DataError, match=r"a\.json is no list of DeepfakeBench: all of it is no table of clips"):
        open_dataset(root)


def test_folder_in_which_the_user_is(tree, monkeypatch):
    monkeypatch.chdir(_write(tree, _FRAMES, **{"FF-DF": _FF_DF}) / "preprocessing/dataset_json")
    assert len(open_dataset(".")) == len(open_dataset("FF-DF.json")) == 3


@pytest.mark.parametrize("inside", ["preprocessing/dataset_json", "preprocessing/dataset_json/FF-DF.json"])
def test_the_lists_or_one_of_them_may_be_named(tree, inside):
    root = _write(tree, _FRAMES, **{"FF-DF": _FF_DF})
    assert [s.path for s in open_dataset(root / inside)] == [s.path for s in open_dataset(root)]


def test_frames_that_stand_in_several_lists_are_listed_once(tree):
    both = {**_FF_DF, **_compressed("FF-F2F", {"071_054": [f"{_MOVED}/071_054/000.png"]})}
    root = _write(tree, (*_FRAMES, f"{_MOVED}/071_054/000.png"), **{"FF-DF": _FF_DF, "FaceForensics++": both})
    samples = open_dataset(root)
    assert len(samples) == len({s.path for s in samples}) == 4
    assert {s.clip: s.family for s in samples if s.fake} == {
        "FF-DF/c23/071_054": "faceswap",
        "FF-F2F/c23/071_054": "expression_swap",
    }


def test_paths_of_windows(tree):
    swap = {"label": "FF-DF", "frames": [rf"T:\My Thesis\datasets\rgb\{_SWAP}\071_054\000.png".replace("/", "\\")]}
    lists = {"FF-DF": {**_compressed("FF-real", {"071": _FRAMES[:1]}), "FF-DF": {"test": {"c23": {"071_054": swap}}}}}
    root = _write(tree, _FRAMES, **lists)
    assert {s.path.relative_to(root / "datasets/rgb").as_posix() for s in open_dataset(root)} == {
        _FRAMES[0],
        _FRAMES[2],
    }


def test_what_is_listed_for_training_and_for_testing_is_for_testing(tree):
    """All of Celeb-DF is listed for training, the test videos once more, and these to choose by as well."""
    clips = {name: _clip("CelebDFv2_fake", f"{_CELEB}/{name}/000.png") for name in ("id0_id1_0000", "id2_id1_0001")}
    real = {"id0_0000": _clip("CelebDFv2_real", "Celeb-DF-v2/Celeb-real/frames/id0_0000/000.png")}
    some = {"id0_id1_0000": clips["id0_id1_0000"]}
    lists = {
        "Celeb-DF-v2": {
            "CelebDFv2_real": {"train": real},
            "CelebDFv2_fake": {"train": clips, "val": some, "test": some},
        }
    }
    frames = (*(f"{_CELEB}/{name}/000.png" for name in clips), "Celeb-DF-v2/Celeb-real/frames/id0_0000/000.png")
    samples = {s.clip: s for s in open_dataset(_write(tree, frames, **lists))}
    assert {clip: (s.split, s.source, s.person) for clip, s in samples.items()} == {
        "CelebDFv2_real/id0_0000": ("test", "id0_0000", "id0"),
        "CelebDFv2_fake/id0_id1_0000": ("test", "id0_0000", "id1"),
        "CelebDFv2_fake/id2_id1_0001": ("train", "id2_0001", "id1"),
    }


def test_clip_without_a_name(tree):
    """So the list of DFDC has it, which DeepfakeBench makes."""
    lists = {
        "DFDC": {
            "DFDC_Real": {"test": {"aa": _clip("DFDC_Real", "DFDC/test/frames/aa/000.png")}},
            "DFDC_Fake": {"test": {}, "val": _clip("DFDC_Fake", "DFDC/test/frames/bb/000.png")},
        }
    }
    samples = open_dataset(_write(tree, ("DFDC/test/frames/aa/000.png", "DFDC/test/frames/bb/000.png"), **lists))
    assert [(s.clip, s.split, s.family) for s in samples] == [
        ("DFDC_Real/aa", "test", ""),
        ("DFDC_Fake/bb", "val", "faceswap"),
    ]


def test_lists_of_df40(tree):
    """They name no compression, and the method in the label."""
    lists = {
        "sadtalker_ff": {
            "sadtalker_Real": {"train": {"071": _clip("sadtalker_Real", f"{_REAL}/071/000.png")}},
            "sadtalker_Fake": {"train": {"071": _clip("sadtalker_Fake", "DF40_train/sadtalker/frames/071/000.png")}},
        }
    }
    root = _write(tree, (f"{_REAL}/071/000.png", "DF40_train/sadtalker/frames/071/000.png"), "dataset_json", **lists)
    assert [(s.fake, s.family, s.source) for s in open_dataset(root)] == [
        (False, "", "071"),
        (True, "reenactment", "071"),
    ]


def test_number_that_a_method_gives_itself(tree):
    """071 of HeyGen is not the 071 of FaceForensics++, which is for training."""
    lists = {
        "FF-DF": _FF_DF,
        "heygen": {"heygen_Fake": {"test": {"071": _clip("heygen_Fake", "DF40/heygen/fake/frames/071/000.png")}}},
    }
    samples = open_dataset(_write(tree, (*_FRAMES, "DF40/heygen/fake/frames/071/000.png"), **lists))
    assert {(s.split, s.source) for s in samples} == {("train", "054_071"), ("test", "heygen/071")}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"label": "FF-DF"', '"label": "FF-XY"', r"calls FF-DF/FF-DF/train/c23/071_054 'FF-XY', which is no label"),
        ('"label": "FF-DF"', '"label": 1', r"has no label or no paths of frames at FF-DF/FF-DF/train/c23/071_054"),
        ('"071_054": {', '"071_054": 5, "x": {', r"071_054 is no table of clips"),
        ("]}}}}}", "", r"FF-DF\.json is no JSON file"),
        (f'"{_THEIRS}/{_SWAP}/071_054/000.png"', "[]", "has no label or no paths of frames"),
        (f"{_SWAP}/071_054/000.png", f"{_REAL}/071/000.png", r"071/000\.png real and fake"),
    ],
)
def test_damaged_list(tree, old, new, message):
    root = _write(tree, _FRAMES, **{"FF-DF": _FF_DF})
    index = root / "preprocessing/dataset_json/FF-DF.json"
    text = index.read_text()
    assert old in text
    index.write_text(text.replace(old, new))
    with pytest.raises(DataError, match=message):
        open_dataset(root)


def test_frames_that_are_not_there_are_counted(tree, caplog):
    more = _compressed("FF-DF", {"071_054": [f"{_SWAP}/071_054/000.png"], "9" * 300: [f"{_SWAP}/{'9' * 300}/000.png"]})
    root = _write(tree, _FRAMES[1:], **{"FF-DF": {**_FF_DF, **more}})
    assert len(open_dataset(root)) == 2
    assert "FF-DF.json: 2 of 4 files missing" in caplog.text


def test_no_frames_and_no_lists(tree):
    with pytest.raises(DataError, match="is an empty data set"):
        open_dataset(_write(tree, ("notes.txt",), **{"FF-DF": _FF_DF}))


@pytest.mark.parametrize("inside", ["", "rgb"])
def test_folders_without_lists(tree, caplog, inside):
    """As the data sets themselves divide them, and only what is known."""
    frames = (f"{_REAL}/071/000.png", f"{_SWAP}/071_054/000.png", f"{_CELEB}/id0_id1_0000/000.png")
    more = (f"{_SWAP.replace('frames', 'masks')}/071_054/000.png", "Celeb-DF-v2/Celeb-real/frames/id0_0000/000.png")
    names = (*frames, *more, "DFDC/test/frames/bb/000.png")
    texts = {"rgb/FaceForensics++/train.json": '[["071", "054"]]'}
    texts["rgb/Celeb-DF-v2/List_of_testing_videos.txt"] = "0 Celeb-synthesis/id0_id1_0000.mp4\n"
    samples = open_dataset(tree(*(f"rgb/{name}" for name in names), **texts) / inside)
    assert [(s.fake, s.split, s.source, s.clip) for s in samples] == [
        (False, "train", "FaceForensics++/054_071", "FaceForensics++/youtube/c23/071"),
        (True, "train", "FaceForensics++/054_071", "FaceForensics++/Deepfakes/c23/071_054"),
        (False, "train", "Celeb-DF/id0_0000", "Celeb-DF-v2/Celeb-real/id0_0000"),
        (True, "test", "Celeb-DF/id0_0000", "Celeb-DF-v2/Celeb-synthesis/id0_id1_0000"),
    ]
    assert "DFDC cannot be read without the lists" in caplog.text


def test_folder_that_is_no_such_data_set(tree):
    with pytest.raises(DataError, match=r"rgb/Celeb-DF-v2 holds no frames of Celeb-DF-v2"):
        open_dataset(tree("rgb/Celeb-DF-v2/readme.txt"))
