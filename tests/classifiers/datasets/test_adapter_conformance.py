"""What every adapter of a data set must keep; see `classifiers.datasets.adapter.DatasetAdapter`.

Whoever adds an adapter writes a small data set of its kind into `EXAMPLES`.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from classifiers.datasets import LAYOUTS, DataError, DatasetAdapter, Sample, open_dataset
from classifiers.datasets.media_types import is_picture, is_video
from tests.tiny_shards import write_shards

LANDMARKS = "71.5,80.0 113.5,82.0 92.0,106.5 70.0,118.5 112.5,120.5"


def write(folder: Path, *names: str, **texts: str) -> None:
    """Write files of which nothing but their names matters, and index files."""
    for name, text in {**dict.fromkeys(names, "content"), **texts}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def face_crops(folder: Path) -> None:
    rows = (f'real/a.jpg,real,train,,,,anna,"{LANDMARKS}"', f'fake/b.jpg,fake,val,faceswap,,b.mp4,,"{LANDMARKS}"')
    index = "\n".join(("file,label,split,family,source,clip,person,landmarks", *rows))
    write(folder, "real/a.jpg", "fake/b.jpg", **{"faces.csv": index, "faces.json": '{"complete": true}'})


def faceforensics(folder: Path) -> None:
    videos = ("original_sequences/youtube/c23/videos/000.mp4", "original_sequences/youtube/c23/videos/003.mp4")
    swap = "manipulated_sequences/Deepfakes/c23/videos/000_003.mp4"
    write(folder, *videos, swap, **{"val.json": '[["000", "003"]]'})


def celeb_df(folder: Path) -> None:
    videos = ("Celeb-real/id0_0000.mp4", "Celeb-synthesis/id0_id1_0000.mp4", "YouTube-real/00170.mp4")
    write(folder, *videos, **{"List_of_testing_videos.txt": f"1 {videos[2]}\n"})


def dfdc(folder: Path) -> None:
    fake = {"label": "FAKE", "split": "train", "original": "b.mp4"}
    index = {"a.mp4": fake, "b.mp4": {"label": "REAL", "split": "train"}}
    write(folder, "part_0/a.mp4", "part_0/b.mp4", **{"part_0/metadata.json": json.dumps(index)})


def real_vs_fake_140k(folder: Path) -> None:
    splits = ("train", "valid", "test")
    write(
        folder, *(f"real_vs_fake/real-vs-fake/{split}/{label}/1.jpg" for split in splits for label in ("real", "fake"))
    )


def csv_table(folder: Path) -> None:
    write(folder, "a.jpg", "b.mp4", **{"labels.csv": "path,label,split\na.jpg,real,train\nb.mp4,fake,test\n"})


def class_folders(folder: Path) -> None:
    write(folder, "train/real/a.jpg", "train/fake/b.mp4", "test/real/talk/1.png", "test/real/talk/2.png")


EXAMPLES: dict[str, Callable[[Path], object]] = {
    "face_crops": face_crops,
    "face_shards": write_shards,
    "faceforensics": faceforensics,
    "celeb_df": celeb_df,
    "dfdc": dfdc,
    "real_vs_fake_140k": real_vs_fake_140k,
    "csv_table": csv_table,
    "class_folders": class_folders,
}
"""By name of the layout, what writes a data set of both classes into an empty folder."""


def test_every_layout_has_an_example():
    assert list(EXAMPLES) == list(LAYOUTS)


@pytest.fixture(params=list(LAYOUTS))
def name(request) -> str:
    return request.param


@pytest.fixture
def adapter(name) -> DatasetAdapter:
    return LAYOUTS[name]


@pytest.fixture
def example(name, tmp_path) -> Path:
    # Data sets lie in folders that people name.
    folder = tmp_path / "données, set 1"
    folder.mkdir()
    EXAMPLES[name](folder)
    return folder


def facts(samples: list[Sample]) -> list[tuple[object, ...]]:
    return [(s.name, s.fake, s.split, s.family, s.source, s.clip, s.person, s.origin) for s in samples]


def test_data_set_is_opened_without_saying_what_it_is(name, adapter, example):
    expected = facts(adapter.samples(example))
    assert facts(open_dataset(example)) == expected, "an adapter that stands before it took it for its own"
    assert facts(open_dataset(str(example), layout=name)) == expected


@pytest.mark.parametrize("foreign", ["empty", "holiday/1.jpg", "notes.txt", "table.csv", "metadata.json"])
def test_what_is_no_such_data_set_is_not_recognised(adapter, tmp_path, foreign):
    folder = tmp_path / "foreign"
    folder.mkdir()
    if foreign != "empty":
        write(folder, foreign)
        assert not adapter.recognises(folder / foreign)
    assert not adapter.recognises(folder)


def test_what_it_goes_by_is_told_to_those_whose_data_set_nobody_recognises(adapter, tmp_path):
    assert adapter.LOOKS_FOR and not adapter.LOOKS_FOR.endswith(".")
    with pytest.raises(DataError) as failure:
        open_dataset(tmp_path)
    assert adapter.LOOKS_FOR in str(failure.value)


def test_every_sample_is_there_and_has_a_name_of_its_own(adapter, example):
    samples = adapter.samples(example)
    assert {sample.fake for sample in samples} == {False, True}
    assert len({sample.name for sample in samples}) == len(samples)
    for sample in samples:
        assert sample.path.is_file() and is_there(sample)


def is_there(sample: Sample) -> bool:
    if not sample.member:
        return True
    with zipfile.ZipFile(sample.path) as archive:
        return sample.member in archive.namelist()


def test_fields_hold_what_a_sample_promises(adapter, example):
    for sample in adapter.samples(example):
        name = sample.member or sample.path
        assert is_picture(name) != is_video(name)
        assert sample.split in ("", "train", "val", "test", "dev")
        assert sample.fake or not sample.family
        assert sample.clip or not is_video(name), "a video is a clip"
        if sample.landmarks is not None:
            assert sample.landmarks.shape == (5, 2) and sample.landmarks.dtype == np.float32


def test_the_same_is_listed_every_time_and_wherever_it_lies(adapter, example, tmp_path):
    first = adapter.samples(example)
    assert facts(adapter.samples(example)) == facts(first)
    moved = adapter.samples(shutil.copytree(example, tmp_path / "elsewhere" / example.name))
    assert [fact[1:] for fact in facts(moved)] == [fact[1:] for fact in facts(first)]
    assert [s.path.relative_to(tmp_path / "elsewhere" / example.name) for s in moved] == [
        s.path.relative_to(example) for s in first
    ]


def test_a_file_that_is_missing_is_told_or_not_listed(adapter, example):
    lost = adapter.samples(example)[-1]
    lost.path.unlink()
    try:
        left = adapter.samples(example)
    except DataError as error:
        assert lost.path.name in str(error) or lost.path.parent.name in str(error)
    else:
        assert left and all(sample.path.is_file() for sample in left)


def test_reading_changes_nothing(adapter, example):
    before = {path: path.stat().st_mtime_ns for path in example.rglob("*")}
    assert adapter.recognises(example)
    adapter.samples(example)
    assert {path: path.stat().st_mtime_ns for path in example.rglob("*")} == before
