"""What splits share though they should not."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from classifiers.datasets import DataError, PictureReader, Sample, face_shards
from classifiers.datasets.leakage import check_usable, find_leaks, without_unreadable
from tests.tiny_shards import write_shards

_PICTURES = {name: getattr(data, name)() for name in ("astronaut", "coffee", "chelsea", "rocket")}


def _write(folder: Path, name: str, picture: str, quality: int = 90) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(_PICTURES[picture], cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, quality))
    return path


@pytest.fixture
def clean(tmp_path) -> list[Sample]:
    return [
        Sample(_write(tmp_path, "train/1.jpg", "astronaut"), False, split="train", person="anna", source="x", clip="1"),
        Sample(_write(tmp_path, "train/2.jpg", "coffee"), True, split="train", person="anna", source="x", clip="1"),
        Sample(_write(tmp_path, "test/1.jpg", "chelsea"), False, split="test", person="ben", source="y", clip="2"),
        Sample(_write(tmp_path, "test/2.jpg", "rocket"), True, split="test"),
    ]


def _found(samples):
    report = find_leaks(iter(samples), PictureReader())
    kinds = (
        "equal_files",
        "near_duplicates",
        "persons",
        "clips",
        "sources",
        "label_conflicts",
        "repeats",
        "unreadable",
    )
    return report, {kind for kind in kinds if getattr(report, kind)}


def test_clean_data_set(clean):
    report, kinds = _found(clean)
    assert not kinds and not report.leaks and report.samples == 4
    assert report.sentences() == ["No leak, no label conflict and no unreadable file was found among 4 samples."]


def test_equal_file_in_two_splits(clean, tmp_path):
    copy = replace(
        clean[0], path=_write(tmp_path, "test/copy.jpg", "astronaut"), split="test", person="", source="", clip=""
    )
    report, kinds = _found([*clean, copy])
    assert kinds == {"equal_files"} and report.leaks
    (leak,) = report.equal_files
    assert leak.splits == ("train", "test") and leak.names == (clean[0].name, copy.name) and leak.count == 2
    assert report.sentences() == [
        f"1 file is in more than one split with equal bytes, such as {clean[0].name} and {copy.name}."
    ]


def test_nearly_the_same_picture_in_two_splits(clean, tmp_path):
    copies = [
        Sample(_write(tmp_path, f"test/q{quality}.jpg", "astronaut", quality), False, split=split)
        for quality, split in ((40, "test"), (60, "val"), (70, "train"))
    ]
    report, kinds = _found([*clean, *copies])
    assert kinds == {"near_duplicates"}
    (leak,) = report.near_duplicates
    assert leak.count == 4 and set(leak.splits) == {"train", "val", "test"}
    assert set(leak.names) == {clean[0].name, *(copy.name for copy in copies)}


def test_nearly_the_same_picture_in_one_split_is_no_leak(clean, tmp_path):
    copy = Sample(_write(tmp_path, "train/q40.jpg", "astronaut", 40), False, split="train")
    assert _found([*clean, copy])[1] == set()


@pytest.mark.parametrize(("name", "kind"), [("person", "persons"), ("clip", "clips"), ("source", "sources")])
def test_same_person_clip_or_source_in_two_splits(clean, name, kind):
    clean[3] = replace(clean[3], **{name: getattr(clean[0], name)})
    report, kinds = _found(clean)
    assert kinds == {kind}
    (leak,) = getattr(report, kind)
    assert leak.what == getattr(clean[0], name) and leak.count == 3 and leak.splits == ("train", "test")
    assert leak.names[0] == clean[0].name and clean[3].name in leak.names
    assert f"1 {name} is in more than one split, such as {leak.what} in {clean[0].name} and " in report.sentences()[0]


def test_dev_is_test_and_no_split_is_none(clean):
    clean[2] = replace(clean[2], split="dev")
    clean[3] = replace(clean[3], person="ben")
    assert _found(clean)[1] == set()
    assert _found([replace(sample, split="", person="anna") for sample in clean])[1] == set()


def test_equal_files_with_different_labels(clean, tmp_path):
    copy = Sample(_write(tmp_path, "train/copy.jpg", "astronaut"), True, split="train")
    report, kinds = _found([*clean, copy])
    assert kinds == {"label_conflicts", "repeats"} and not report.leaks
    assert set(report.label_conflicts[0].names) == {clean[0].name, copy.name}
    assert "1 file is real in one place and fake in another" in " ".join(report.sentences())


def test_unreadable_files(clean, tmp_path):
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(clean[0].path.read_bytes()[:9000])
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    broken = [Sample(path, True) for path in (cut, text, empty, tmp_path / "gone.jpg", tmp_path / "gone.mp4")]
    report, kinds = _found([*broken, *clean])
    assert kinds == {"unreadable"}
    assert sorted(item.name for item in report.unreadable) == sorted(sample.name for sample in broken)
    assert all(item.reason for item in report.unreadable)
    assert "truncated" in next(item.reason for item in report.unreadable if item.name == str(cut))
    assert report.sentences()[0].startswith(f"5 files cannot be read: {cut} (")


def test_videos_are_compared_by_their_bytes(tmp_path):
    contents = {"a.mp4": b"one", "b.mp4": b"one", "c.mp4": b"two", "d.mp4": b"longer"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    splits = dict(zip(contents, ("train", "test", "train", "test"), strict=True))
    samples = [Sample(tmp_path / name, name == "d.mp4", split=split, clip=name) for name, split in splits.items()]
    report, kinds = _found(samples)
    assert kinds == {"equal_files"}
    assert report.equal_files[0].names == (str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4"))


def test_pictures_in_shards(tmp_path):
    samples = face_shards.samples(write_shards(tmp_path))
    other = [replace(sample, split="test") for sample in samples[:2]]
    report, _ = _found([*samples, *other])
    assert {leak.names[0] for leak in report.equal_files} == {sample.name for sample in samples[:2]}
    with zipfile.ZipFile(tmp_path / "broken.zip", "w") as archive:
        archive.writestr("x.jpg", np.zeros(9, np.uint8).tobytes())
    report, _ = _found([Sample(tmp_path / "broken.zip", True, member="x.jpg")])
    assert [item.name for item in report.unreadable] == [f"{tmp_path / 'broken.zip'}/x.jpg"]


def test_report_becomes_json(clean):
    clean[3] = replace(clean[3], person="anna")
    report = json.loads(json.dumps(find_leaks(clean, PictureReader()).to_json()))
    assert report["persons"][0]["what"] == "anna" and report["samples"] == 4


def test_usable(clean):
    check_usable(clean)
    check_usable(clean, splits=("train", "test"))


@pytest.mark.parametrize(
    ("choose", "splits", "message"),
    [
        (lambda samples: [], (), "the data set is empty"),
        (lambda samples: samples[::2], (), "the data set has no fake samples among its 2"),
        (lambda samples: samples[1::2], (), "the data set has no real samples among its 2"),
        (lambda samples: samples[:3], (), "the split 'test' has no fake samples among its 1"),
        (lambda samples: samples, ("train", "val"), "the split 'val' has no samples; the splits are: test, train"),
    ],
)
def test_not_usable(clean, choose, splits, message):
    with pytest.raises(DataError, match=message):
        check_usable(choose(clean), splits)


def test_unreadable_pictures_are_left_out_as_long_as_they_are_few(clean):
    clean[1].path.write_bytes(b"no picture")
    report = find_leaks(clean, PictureReader())
    assert without_unreadable(clean, report, 0.25) == [clean[0], *clean[2:]]
    with pytest.raises(DataError, match=r"1 of 4 pictures cannot be read, more than --max-unreadable 0\.2 allows"):
        without_unreadable(clean, report, 0.2)
