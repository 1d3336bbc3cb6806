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


def deepfake_bench(folder: Path) -> None:
    theirs = "/home/them/datasets/rgb/"
    reals, fakes = "FaceForensics++/original_sequences/youtube/c23/frames/", "Celeb-DF-v2/Celeb-synthesis/frames/"
    frames = (f"{reals}071/000.png", f"{fakes}id0_id1_0000/000.png")
    real = {"label": "FF-real", "frames": [theirs + frames[0]]}
    fake = {"label": "CelebDFv2_fake", "frames": [theirs + frames[1]]}
    lists = {
        "FF-DF": {"FF-real": {"train": {"c23": {"071": real}}, "val": {}, "test": {}}},
        "Celeb-DF-v2": {"CelebDFv2_fake": {"train": {"id0_id1_0000": fake}, "test": {"id0_id1_0000": fake}}},
    }
    texts = {f"preprocessing/dataset_json/{name}.json": json.dumps({name: content}) for name, content in lists.items()}
    write(folder, *(f"datasets/rgb/{frame}" for frame in frames), **texts)


def df40(folder: Path) -> None:
    originals = "FaceForensics++/original_sequences/youtube/c23/frames"
    write(
        folder,
        "DF40_train/simswap/frames/071_054/000.png",
        "DF40_train/simswap/landmarks/071_054/000.npy",
        "DF40/simswap/ff/frames/953_974/000.png",
        "DF40/MidJourney/real/1.png",
        *(f"{originals}/{video}/000.png" for video in ("071", "953")),
    )


def deeper_forensics(folder: Path) -> None:
    source = "source_videos/M101/BlendShape/camera_front/M101_BlendShape_camera_front.mp4"
    lists = {"train": "000_M101.mp4\n", "val": "", "test": "001_W102.mp4\n"}
    fakes = ("manipulated_videos/end_to_end/000_M101.mp4", "manipulated_videos/end_to_end_level_1/001_W102.mp4")
    write(folder, *fakes, source, **{f"lists/splits/{split}.txt": text for split, text in lists.items()})


def fakeavceleb(folder: Path) -> None:
    rows = (
        "id1,-,-,real,A,RealVideo-RealAudio,African,men,00109.mp4,FakeAVCeleb/RealVideo-RealAudio/African/men/id1",
        "id1,id2,3,wav2lip,D,FakeVideo-FakeAudio,African,men,00109_3_id2_wavtolip.mp4,x",
    )
    videos = (
        "RealVideo-RealAudio/African/men/id1/00109.mp4",
        "FakeVideo-FakeAudio/African/men/id1/00109_3_id2_wavtolip.mp4",
    )
    table = "\n".join(("source,target1,target2,method,category,type,race,gender,path,", *rows))
    write(folder, *videos, **{"meta_data.csv": table})


def ffiw(folder: Path) -> None:
    masks = ("target_mask/train/train_00000000_mask.mp4", "target_mask/val/val_00000000_mask.mp4")
    videos = (f"{side}/{split}/{split}_00000000.mp4" for side in ("source", "target") for split in ("train", "val"))
    write(folder, *videos, *masks)


def wild_deepfake(folder: Path) -> None:
    parts = (f"{label}_{split}/0/{label}/12" for label in ("real", "fake") for split in ("train", "test"))
    write(folder, *(f"{part}/{frame}.png" for part in parts for frame in (1, 20)))


def deepfake_eval_2024(folder: Path) -> None:
    videos = "Filename,Date,Video Ground Truth,Audio Ground Truth,Public Comments,Finetuning Set\n"
    videos += "a.mp4,2024-11-14,Fake,Unknown,lips,train\nb.mp4,2024-11-14,Real,Fake,,test\n"
    pictures = "Filename,Ground Truth,Finetuning Set\nc.webp,Real,Train\n"
    tables = {"video-metadata-publish.csv": videos, "image-metadata-publish.csv": pictures}
    write(folder, "video-data/a.mp4", "video-data/b.mp4", "image-data/c.webp", **tables)


def kodf(folder: Path) -> None:
    tables = "1.Training/라벨링데이터/train_meta_data"
    real, fake = "abcdef01_001.mp4", "abcdef01_23456789_1_0001.mp4"
    texts = {
        f"{tables}/원본영상_training_메타데이터.csv": f"영상ID,UUID\n{real},abcdef01\n",
        f"{tables}/변조영상_training_메타데이터.csv": "영상ID,타겟영상,타겟UUID,소스UUID,변조모델\n"
        f"{fake},{real},abcdef01,23456789,dfl\n",
    }
    videos = "1.Training/원천데이터"
    write(folder, f"{videos}/train_원본/원본1/abcdef01/{real}", f"{videos}/train_변조/dfl1/abcdef01/{fake}", **texts)


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
    "deepfake_bench": deepfake_bench,
    "df40": df40,
    "deeper_forensics": deeper_forensics,
    "fakeavceleb": fakeavceleb,
    "ffiw": ffiw,
    "wild_deepfake": wild_deepfake,
    "deepfake_eval_2024": deepfake_eval_2024,
    "kodf": kodf,
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


def test_no_two_take_one_data_set_for_theirs(name, example):
    """Any table and any tree of named folders may be a published data set as well: these two are asked last."""
    takers = [other for other, adapter in LAYOUTS.items() if adapter.recognises(example)]
    assert takers[0] == name
    assert {*takers[1:]} <= {"csv_table", "class_folders"}
    assert list(LAYOUTS)[-2:] == ["csv_table", "class_folders"]


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
