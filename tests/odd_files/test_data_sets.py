"""Data sets as people have them: there in part, or of a few clips, on machines that lack a library."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from importlib.metadata import requires
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifiers.datasets import DataError, PictureReader, Sample, open_dataset
from classifiers.datasets.leakage import find_leaks
from classifiers.evaluation.explore import explore
from classifiers.evaluation.explore_report import findings
from classifiers.extras import install_command
from pipeline.workbench.extras import MissingLibraryError, require_training_libraries
from tests.tiny_shards import write_shards


def write(folder: Path, *names: str, **texts: str) -> None:
    for name, text in {**dict.fromkeys(names, "content"), **texts}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def dfdc_parts(folder: Path) -> None:
    """Of part 0 a fake is missing, of part 1 everything but the index."""
    fake = {"label": "FAKE", "split": "train", "original": "r.mp4"}
    index = {"f.mp4": fake, "g.mp4": fake, "r.mp4": {"label": "REAL", "split": "train"}}
    write(folder, "part_0/f.mp4", "part_0/r.mp4", **{"part_0/metadata.json": json.dumps(index)})
    write(folder, **{"part_1/metadata.json": json.dumps(index)})


def dfdc_preview(folder: Path) -> None:
    original, other = "original_videos/1/1_A_001.mp4", "original_videos/2/2_A_001.mp4"
    index = {
        "method_A/1/1_A/2_1_A_001.mp4": {"label": "fake", "target_id": 1, "swapped_id": 2, "set": "train"},
        original: {"label": "real", "target_id": 1, "set": "train"},
        other: {"label": "real", "target_id": 2, "set": "test"},
    }
    write(folder, *list(index)[:2], **{"dataset.json": json.dumps(index)})


def celeb_df(folder: Path) -> None:
    videos = ("Celeb-real/id0_0000.mp4", "Celeb-synthesis/id0_id1_0000.mp4", "YouTube-real/00170.mp4")
    write(folder, *videos, **{"List_of_testing_videos.txt": f"1 {videos[2]}\n1 YouTube-real/00299.mp4\n"})


def csv_table(folder: Path) -> None:
    write(folder, "a.jpg", "b.mp4", **{"labels.csv": "path,label\na.jpg,real\nb.mp4,fake\nc.jpg,fake\nd.jpg,real\n"})


def face_crops(folder: Path) -> None:
    files = ("real/a.jpg,real", "fake/b.jpg,fake", "fake/c.jpg,fake")
    rows = "file,label,split,family,source,clip,person,landmarks\n" + "".join(f"{file},,,,,,\n" for file in files)
    write(folder, "real/a.jpg", "fake/b.jpg", **{"faces.csv": rows, "faces.json": '{"complete": true}'})


def picture_of_a_shard(folder: Path) -> None:
    write_shards(folder)
    index = folder / "real.csv"
    index.write_text(index.read_text().replace("real1.jpg", "other.jpg"))


def whole_shard(folder: Path) -> None:
    write_shards(folder)
    (folder / "generated-00.zip").unlink()


def csv_of_140k(folder: Path) -> None:
    rows = ",original_path,id,label,label_str,path\n0,x,1,1,real,valid/real/1.jpg\n1,x,2,0,fake,valid/fake/2.jpg\n"
    write(
        folder,
        "real_vs_fake/real-vs-fake/train/real/0.jpg",
        "real_vs_fake/real-vs-fake/valid/real/1.jpg",
        "real_vs_fake/real-vs-fake/valid/fake/2.jpg",
        **{"valid.csv": rows + "2,x,3,0,fake,valid/fake/3.jpg\n"},
    )


@pytest.mark.parametrize(
    ("make", "name", "there", "said"),
    [
        (dfdc_parts, ".", 2, "part_0/metadata.json: 1 of 3 files missing and left out, the first is"),
        (dfdc_parts, ".", 2, "part_1/metadata.json: 3 of 3 files missing and left out, the first is"),
        (dfdc_preview, ".", 2, "dataset.json: 1 of 3 files missing"),
        (celeb_df, ".", 3, "List_of_testing_videos.txt: 1 of 2 files missing"),
        (csv_table, "labels.csv", 2, "labels.csv: 2 of 4 files missing"),
        (face_crops, ".", 2, "faces.csv: 1 of 3 files missing"),
        (picture_of_a_shard, ".", 19, "real.csv: 1 of 3 files missing"),
        (whole_shard, ".", 18, "generated.csv: 2 of 2 files missing"),
        (csv_of_140k, "valid.csv", 2, "valid.csv: 1 of 3 files missing"),
    ],
    ids=[
        "dfdc-fake", "dfdc-whole-part", "dfdc-preview", "celeb-df-test-list", "csv", "face-crops", "picture-of-a-shard",
        "shard", "140k-csv",
    ],
)  # fmt: skip
def test_what_is_missing_is_left_out_and_told(tmp_path, caplog, make: Callable, name, there, said):
    make(tmp_path)
    with caplog.at_level(logging.WARNING):
        samples = open_dataset(tmp_path / name)
    assert len(samples) == there
    assert all(sample.path.is_file() for sample in samples)
    assert said in caplog.text


def test_nothing_of_it_is_there(tmp_path):
    write(tmp_path, **{"labels.csv": "path,label\na.jpg,real\nb.mp4,fake\n"})
    with pytest.raises(DataError, match="is an empty data set: no picture and no video that it lists is there"):
        open_dataset(tmp_path)


def pictures(folder: Path, widths: Sequence[int], fake: bool) -> list[Sample]:
    """Pictures of certain widths and of one kind in all else."""
    samples = []
    for number, width in enumerate(widths):
        path = folder / f"{'fake' if fake else 'real'}{number}.png"
        Image.fromarray(np.random.default_rng(width).integers(0, 255, (64, width, 3), np.uint8)).save(path)
        samples.append(Sample(path, fake))
    return samples


@pytest.mark.parametrize(
    ("reals", "fakes", "level"),
    [
        ([96, 100, 140], [120, 130, 150], "note"),
        ([90, 92, 130, 94], [91, 120, 133, 140], "note"),
        ([96, 98], [120, 124], "note"),
        ([96], [120], "note"),
        (range(80, 92), range(110, 122), "warning"),
        (range(80, 104, 2), range(90, 114, 2), "warning"),
    ],
    ids=["three-and-three", "four-and-four", "two-apart", "one-and-one", "many-apart", "many-that-overlap"],
)
def test_what_may_be_chance_is_no_warning(tmp_path, reals, fakes, level):
    samples = [*pictures(tmp_path, reals, False), *pictures(tmp_path, fakes, True)]
    exploration = explore(samples, PictureReader())
    (width,) = [shortcut for shortcut in exploration.shortcuts if shortcut.key == "width"]
    assert width.auc >= 0.7
    (said,) = [found for found in findings(exploration, find_leaks(samples, PictureReader())) if "Width" in found.text]
    assert said.level == level
    assert ("may be chance" in said.text) is (level == "note")


@pytest.mark.parametrize("extra", ["train", "onnx", "tflite", "quantize", "heic"])
def test_what_is_missing_is_installed_by_the_command_that_is_told(extra):
    """By libraries that anybody can get, at the versions that the package itself asks for."""
    (_, _, *libraries) = install_command(extra).split()
    wanted = [line for line in requires("facewitness") if f'extra == "{extra}"' in line]
    assert libraries == [f"'{line.partition(';')[0].strip()}'" for line in wanted]
    assert "facewitness" not in " ".join(libraries)


def test_the_hint_names_what_the_command_needs(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match="training needs av; install it with: pip install 'av>="):
        require_training_libraries()
