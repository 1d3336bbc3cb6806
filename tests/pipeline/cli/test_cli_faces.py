"""`facewitness faces` as a user meets it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from classifiers.datasets import PictureReader, open_dataset
from pipeline.cli import main
from tests.tiny_shards import FACE, write_shards

SAMPLES = Path(__file__).parents[3] / "sample_videos"


def run(*arguments: object) -> int:
    return main(["faces", *map(str, arguments)])


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for place in ("train/real/real.mp4", "test/fake/manipulated.mp4", "test/real/no_face.mp4"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLES / Path(place).name, folder / place)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_crops_of_videos_can_be_opened_as_a_data_set(videos, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(videos, "-o", out, "--frames", 3, "--max-side", 150) == 0
    assert capsys.readouterr().out.startswith(f"6 crops of 2 inputs in {out}; 1 input without a face")
    samples = open_dataset(out)
    assert [(s.split, s.fake) for s in samples] == [("test", True)] * 3 + [("train", False)] * 3
    assert len({s.clip for s in samples}) == 2
    reader = PictureReader()
    for sample in samples:
        height, width = reader.read(sample).shape[:2]
        assert max(width, height) == 150
        # The face fills the middle: eyes above mouth, right eye on the viewer's left.
        right_eye, left_eye, _, right_mouth, _ = sample.landmarks
        assert 30 < right_eye[0] < left_eye[0] < 120
        assert right_eye[1] + 15 < right_mouth[1] < 130
    record = json.loads((out / "faces.json").read_text())
    assert record["settings"] == {
        "detector": "mtcnn",
        "frames": 3,
        "margin": 1.7,
        "max_side": 150,
        "quality": 95,
        "data": [str(videos.resolve())],
        "layout": "auto",
    }


def test_other_settings_need_overwrite(videos, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(videos, "-o", out, "--frames", 2) == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")}
    assert run(videos, "-o", out, "--frames", 2) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")} == before
    assert run(videos, "-o", out, "--frames", 3) == 2
    error = capsys.readouterr().err
    assert error.startswith("facewitness faces: ") and "frames 2 instead of 3" in error and error.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")} == before
    assert run(videos, "-o", out, "--frames", 3, "--overwrite") == 0
    assert len(rows(out / "faces.csv")) == 6


def test_pictures_in_zip_files(tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    write_shards(data)
    assert run(data, "-o", tmp_path / "out") == 0
    found = rows(tmp_path / "out" / "faces.csv")
    assert len(found) == len(open_dataset(data))
    assert {row["time_s"] for row in found} == {""}
    assert {row["clip"] for row in found} >= {"talk one", "swap"}
    assert {row["origin"] for row in found} >= {"real-00.zip/real0.jpg"}


def test_what_cannot_be_read_costs_only_itself(tmp_path, capsys):
    for label in ("real", "fake"):
        (tmp_path / "data" / label).mkdir(parents=True)
        Image.fromarray(FACE).save(tmp_path / "data" / label / "good.png")
    (tmp_path / "data" / "fake" / "bad.mp4").write_bytes(b"no video")
    assert run(tmp_path / "data", "-o", tmp_path / "out") == 1
    captured = capsys.readouterr()
    assert "2 crops of 2 inputs" in captured.out and "1 input could not be read" in captured.out
    assert "Traceback" not in captured.err
    (row,) = rows(tmp_path / "out" / "no_face.csv")
    assert (row["file"], row["label"], row["status"]) == ("fake/bad.mp4", "fake", "undecodable")


@pytest.mark.parametrize(
    ("make", "options", "sentence"),
    [
        (lambda folder: Image.fromarray(FACE).save(folder / "photo.png"), [], "label real or fake"),
        (lambda folder: folder.rmdir(), [], "no file and no folder"),
        (lambda folder: write_shards(folder), ["--detector", "nonesuch"], "nonesuch"),
        (lambda folder: write_shards(folder), ["--layout", "nonesuch"], "nonesuch"),
        (lambda folder: write_shards(folder), ["--margin", "0.2"], "margin"),
        (lambda folder: write_shards(folder), ["--frames", "0"], "1 to 512"),
    ],
    ids=["unlabelled", "missing", "detector", "layout", "margin", "frames"],
)
def test_wrong_usage_is_one_sentence_and_writes_nothing(tmp_path, capsys, make, options, sentence):
    data = tmp_path / "data"
    data.mkdir()
    make(data)
    assert run(data, "-o", tmp_path / "out", *options) == 2
    error = capsys.readouterr().err
    assert error.startswith("facewitness faces: ") and sentence in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_clips_of_several_data_sets_stay_apart(tmp_path, capsys):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_shards(tmp_path / name)
    assert run(tmp_path / "one", tmp_path / "two", "-o", tmp_path / "out") == 0
    clips = {row["clip"] for row in rows(tmp_path / "out" / "faces.csv")}
    assert clips >= {"one/swap", "two/swap"}
    assert "swap" not in clips


@pytest.mark.parametrize("place", [".", "crops", "real/crops"])
def test_output_inside_of_the_data_set(tmp_path, capsys, place):
    write_shards(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert run(tmp_path, "-o", tmp_path / place) == 2
    error = capsys.readouterr().err
    assert "inside of the data set" in error and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_output_that_is_a_file(tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    write_shards(data)
    (tmp_path / "out").write_text("")
    assert run(data, "-o", tmp_path / "out") == 2
    assert "cannot use the folder" in capsys.readouterr().err


def test_label_conflict_between_data_sets(tmp_path, capsys):
    for label in ("real", "fake"):
        (tmp_path / "set" / label).mkdir(parents=True)
        Image.fromarray(FACE).save(tmp_path / "set" / label / "a.png")
    table = tmp_path / "table.csv"
    table.write_text("path,label\nset/real/a.png,fake\nset/fake/a.png,real\n")
    assert run(tmp_path / "set", table, "-o", tmp_path / "out") == 2
    assert "labelled both real and fake" in capsys.readouterr().err
