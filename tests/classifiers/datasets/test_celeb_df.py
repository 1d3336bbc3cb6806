"""The layout of Celeb-DF v2."""

from __future__ import annotations

import pytest

from classifiers.datasets import DataError, open_dataset

_FILES = (
    "Celeb-real/id0_0000.mp4",
    "Celeb-real/id1_0003.mp4",
    "Celeb-synthesis/id0_id1_0000.mp4",
    "Celeb-synthesis/id1_id0_0003.mp4",
    "YouTube-real/00170.mp4",
    "YouTube-real/00171.mp4",
)
_LIST = "1 YouTube-real/00170.mp4\n1 Celeb-real/id1_0003.mp4\n0 Celeb-synthesis/id1_id0_0003.mp4\n"


def test_official_test_list(tree):
    samples = open_dataset(tree(*_FILES, **{"List_of_testing_videos.txt": _LIST}))
    found = [(s.clip, s.fake, s.split, s.person, s.source) for s in samples]
    assert found == [
        ("Celeb-real/id0_0000", False, "train", "id0", "id0_0000"),
        ("Celeb-real/id1_0003", False, "test", "id1", "id1_0003"),
        ("Celeb-synthesis/id0_id1_0000", True, "train", "id1", "id0_0000"),
        ("Celeb-synthesis/id1_id0_0003", True, "test", "id0", "id1_0003"),
        ("YouTube-real/00170", False, "test", "", "YouTube-real/00170"),
        ("YouTube-real/00171", False, "train", "", "YouTube-real/00171"),
    ]
    assert {s.family for s in samples if s.fake} == {"faceswap"}


def test_without_the_list_no_split_is_given(tree):
    assert {s.split for s in open_dataset(tree(*_FILES))} == {""}


def test_labels_of_the_list_are_held_against_the_folders(tree):
    swapped = _LIST.replace("1 ", "2 ").replace("0 ", "1 ").replace("2 ", "0 ")
    with pytest.raises(DataError, match=r"gives YouTube-real/00170\.mp4 the label 0, against its folder \(1 is real"):
        open_dataset(tree(*_FILES, **{"List_of_testing_videos.txt": swapped}))


@pytest.mark.parametrize("line", ["YouTube-real/00170.mp4", "1 Elsewhere/00170.mp4", "real YouTube-real/00170.mp4"])
def test_line_that_is_no_label_and_video(tree, line):
    with pytest.raises(DataError, match="which is not a label"):
        open_dataset(tree(*_FILES, **{"List_of_testing_videos.txt": f"{_LIST}{line}\n"}))


def test_video_with_a_strange_name(tree):
    with pytest.raises(DataError, match=r"Celeb-synthesis/id3_0001\.mp4 is not named as"):
        open_dataset(tree(*_FILES, "Celeb-synthesis/id3_0001.mp4"))


def test_name_that_no_file_can_have_is_of_none_that_is_there(tree, caplog):
    line = f"1 Celeb-real/{'9' * 300}.mp4\n"
    samples = open_dataset(tree(*_FILES, **{"List_of_testing_videos.txt": _LIST + line}))
    assert [s.split for s in samples].count("test") == 3
    assert "1 of 4 files missing" in caplog.text


def test_frames_where_there_are_no_videos(tree, caplog):
    frames = ("Celeb-real/frames/id0_0000/000.png", "Celeb-synthesis/frames/id1_id0_0003/000.png")
    more = ("Celeb-synthesis/frames/id1_id0_0003/009.png", "Celeb-synthesis/landmarks/id1_id0_0003/009.npy")
    root = tree(*frames, *more, **{"List_of_testing_videos.txt": _LIST})
    assert [(s.path.relative_to(root).as_posix(), s.split, s.clip) for s in open_dataset(root)] == [
        (frames[0], "train", "Celeb-real/id0_0000"),
        (frames[1], "test", "Celeb-synthesis/id1_id0_0003"),
        (more[0], "test", "Celeb-synthesis/id1_id0_0003"),
    ]
    assert "2 of 3 files missing" in caplog.text
    video = tree("Celeb-synthesis/videos/id1_id0_0003.mp4") / "Celeb-synthesis/videos/id1_id0_0003.mp4"
    assert [s.path for s in open_dataset(root) if s.fake] == [video], "the frames were made from the video"
