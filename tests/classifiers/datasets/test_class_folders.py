"""Trees of folders that are named after what is in them."""

from __future__ import annotations

import logging
import os

import pytest

from classifiers.datasets import DataError, open_dataset
from classifiers.datasets.media_types import is_picture, is_video
from pipeline.batch.folders import MEDIA_EXTENSIONS

_TREES = {
    "Deepfake and Real Images": (
        {
            "Dataset/Train/Real/real_0.jpg": (False, "train"),
            "Dataset/Train/Fake/fake_0.jpg": (True, "train"),
            "Dataset/Validation/Real/real_1.jpg": (False, "val"),
            "Dataset/Validation/Fake/fake_1.jpg": (True, "val"),
            "Dataset/Test/Real/real_2.jpg": (False, "test"),
            "Dataset/Test/Fake/fake_2.jpg": (True, "test"),
        }
    ),
    "Real and Fake Face Detection": {
        "real_and_fake_face/training_real/real_00001.jpg": (False, "train"),
        "real_and_fake_face/training_fake/easy_1_1110.jpg": (True, "train"),
    },
    "ForenSynths": {
        "val/person/0_real/00001.png": (False, "val"),
        "val/person/1_fake/00001.png": (True, "val"),
    },
    "GenImage": {"train/nature/n01.JPEG": (False, "train"), "train/ai/001_sdv4.PNG": (True, "train")},
    "class above split": {"REAL/train/a.webp": (False, "train"), "FAKE/train/b.webp": (True, "train")},
    "pictures without splits": {"real/1.jpg": (False, ""), "fake/1.jpg": (True, "")},
    "videos": {"original/actor one.mp4": (False, ""), "deepfake/actor one.MOV": (True, "")},
}


@pytest.mark.parametrize("name", _TREES)
def test_labels_and_splits(tree, name):
    expected = _TREES[name]
    root = tree(*expected)
    found = {s.path.relative_to(root).as_posix(): (s.fake, s.split) for s in open_dataset(root)}
    assert found == expected


def test_video_is_a_clip_and_a_picture_is_none(tree):
    samples = open_dataset(tree("real/a.mp4", "fake/a.mp4", "real/b.jpg", "fake/b.jpg"))
    assert [s.clip for s in samples] == ["fake/a", "", "real/a", ""], "videos of one name are not one clip"


def test_pictures_in_a_folder_of_their_own_are_a_clip(tree):
    names = ["real/talk/1.png", "real/talk/2.png", "real/one/1.png", "real/1.png", "real/2.png"]
    samples = open_dataset(tree(*names, *(f"fake/{n}.png" for n in ("stylegan/1", "stylegan/2", "train/1", "train/2"))))
    clips = {s.path.parent.name: s.clip for s in samples}
    assert clips == {"talk": "real/talk", "one": "", "real": "", "stylegan": "", "train": ""}


def test_family_by_the_folder(tree):
    root = tree("real/1.jpg", "fake/stable_diffusion_2.1/1.png", "fake/stylegan2/1.png", "fake/other/1.png")
    assert [(s.path.parent.name, s.family) for s in open_dataset(root)] == [
        ("other", ""),
        ("stable_diffusion_2.1", "diffusion"),
        ("stylegan2", "gan"),
        ("real", ""),
    ]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_links_to_folders_are_followed_once(tree):
    root = tree("elsewhere/0.jpg", "elsewhere/1.jpg", "set/fake/2.jpg")
    (root / "set" / "real").symlink_to(root / "elsewhere")
    (root / "elsewhere" / "again").symlink_to(root / "set")
    assert [sample.fake for sample in open_dataset(root / "set")] == [True, False, False]


def test_a_foreign_metadata_file_does_no_harm(tree):
    root = tree("real/0.jpg", "fake/1.jpg", **{"real/metadata.json": '{"a": 1}\n{"b": 2}\n'})
    assert len(open_dataset(root)) == 2


def test_every_video_that_a_scan_takes_is_one_of_a_data_set():
    assert {name for name in MEDIA_EXTENSIONS if not is_video(f"a{name}") and not is_picture(f"a{name}")} == {
        ".apng", ".heic", ".heif", ".jxl",
    }  # fmt: skip


def test_other_files_do_not_count(tree):
    root = tree("real/1.jpg", "real/.hidden.jpg", "real/readme.txt", "fake/1.jpg", "fake/.cache/2.jpg")
    assert [s.path.relative_to(root).as_posix() for s in open_dataset(root)] == ["fake/1.jpg", "real/1.jpg"]


def test_pictures_without_a_class_are_left_out_and_counted(tree, caplog):
    root = tree("train/real/1.jpg", "train/fake/1.jpg", "test/1.jpg", "test/2.jpg")
    with caplog.at_level(logging.WARNING):
        assert len(open_dataset(root)) == 2
    assert "2 files lie under no folder named real or fake" in caplog.text and "test/1.jpg" in caplog.text


def test_empty_class(tree):
    root = tree("real/1.jpg", "fake/notes.txt")
    with pytest.raises(DataError, match="fake holds no pictures and no videos"):
        open_dataset(root)


def test_one_class_only(tree):
    with pytest.raises(DataError, match=r"holds real samples only .2 of them.; a data set needs fake ones too"):
        open_dataset(tree("real/1.jpg", "real/2.jpg"))


@pytest.mark.parametrize("name", ["real/fake/1.jpg", "train/real/test/1.jpg"])
def test_folders_that_contradict_each_other(tree, name):
    with pytest.raises(DataError, match="contradict each other"):
        open_dataset(tree("real/1.jpg", "fake/1.jpg", name))
