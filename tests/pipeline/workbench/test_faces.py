"""Face crops cut out of labelled files, and their index on disk."""

from __future__ import annotations

import csv
import io
import json
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from classifiers.datasets import DataError, Sample
from classifiers.datasets.face_crops import COLUMNS
from classifiers.errors import SettingsError
from extractors import create_detector
from pipeline.analysis.scan import Scanner
from pipeline.media.sampling import SLACK, SamplingPlan
from pipeline.results.verdict import Verdict
from pipeline.workbench.face_crops import CropSettings, FaceCropper
from pipeline.workbench.face_index import FaceIndex
from pipeline.workbench.faces import Outcome, extract_faces, keep_apart, origins
from scripts.benchmarks.clips import ClipSpec, make_clips
from tests.media_files import write_video
from tests.tiny_shards import FACE, FACE_LANDMARKS

SIZE = (360, 240)
SETTINGS = CropSettings(frames=3)


@pytest.fixture(scope="module")
def cropper() -> FaceCropper:
    return FaceCropper(SETTINGS, create_detector("mtcnn"))


def scene(*faces: tuple[int, int, int]) -> np.ndarray:
    """A grey frame with the face at each left, top and side."""
    image = np.full((SIZE[1], SIZE[0], 3), 110, np.uint8)
    for left, top, side in faces:
        image[top : top + side, left : left + side] = cv2.resize(FACE, (side, side), interpolation=cv2.INTER_AREA)
    return image


def write_picture(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> list[Sample]:
    folder = tmp_path_factory.mktemp("data") / "set"
    (folder / "clips").mkdir(parents=True)
    video = write_video(folder / "clips" / "walk.mp4", [scene((20 + 4 * n, 30, 150)) for n in range(8)])
    with zipfile.ZipFile(folder / "pictures.zip", "w") as archive:
        content = io.BytesIO()
        Image.fromarray(scene((100, 20, 180))).save(content, "png")
        archive.writestr("inside/one.png", content.getvalue())
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff" + bytes(50))
    return [
        Sample(write_picture(folder / "a.png", scene((40, 30, 160))), False, split="train", source="s", person="p q"),
        Sample(video, True, split="val", family="faceswap", source='film, "two"'),
        Sample(write_picture(folder / "empty.png", scene()), False, split="train"),
        Sample(folder / "torn.jpg", True, split="train"),
        Sample(folder / "pictures.zip", True, member="inside/one.png", clip="frames of one"),
        Sample(write_picture(folder / "b" / "a.png", scene((140, 40, 170))), True, family="gan"),
    ]


def named(samples: Iterable[Sample]) -> dict[str, Sample]:
    samples = list(samples)
    return origins(samples, [next(parent for parent in samples[0].path.parents if parent.name == "set")])


def extract(samples: Iterable[Sample], cropper: FaceCropper, folder: Path, **options) -> list[Outcome]:
    with FaceIndex(folder, {"detector": "mtcnn", "frames": 3, "data": ["set"]}, **options) as index:
        return list(extract_faces(named(samples), cropper, index))


def rows(folder: Path, name: str = "faces.csv") -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def crops(dataset, cropper, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("crops") / "out"
    extract(dataset, cropper, folder)
    return folder


def test_rows_carry_what_the_data_set_says(crops):
    found = rows(crops)
    assert tuple(found[0]) == COLUMNS
    facts = [(r["label"], r["split"], r["family"], r["source"], r["clip"], r["person"]) for r in found]
    video = ("fake", "val", "faceswap", 'film, "two"', "clips/walk.mp4", "")
    assert facts == [
        ("real", "train", "", "s", "", "p q"),
        *[video] * 3,
        ("fake", "", "", "", "frames of one", ""),
        ("fake", "", "gan", "", "", ""),
    ]
    assert [r["time_s"] for r in found] == ["", "0.100", "0.400", "0.600", "", ""]
    assert [r["origin"] for r in found][-2:] == ["pictures.zip/inside/one.png", "b/a.png"]
    assert [Path(r["file"]).parent.as_posix() for r in found] == ["train/real", *["val/fake"] * 3, *["all/fake"] * 2]


def test_inputs_without_crops_are_listed_with_their_reason(crops):
    found = rows(crops, "no_face.csv")
    assert [(r["file"], r["label"], r["split"], r["status"]) for r in found] == [
        ("empty.png", "real", "train", "no_face"),
        ("torn.jpg", "fake", "train", "undecodable"),
    ]
    assert "torn.jpg" in found[1]["message"]


def test_record_tells_how_the_crops_were_cut_and_how_many_there_are(crops):
    record = json.loads((crops / "faces.json").read_text())
    assert record["settings"] == {"detector": "mtcnn", "frames": 3, "data": ["set"]}
    assert record["complete"] is True
    assert record["counts"] == {
        "crops": 6,
        "crops_by_split_and_label": {"all/fake": 2, "train/real": 1, "val/fake": 3},
        "inputs_with_faces": 4,
        "inputs_without": {"no_face": 1, "undecodable": 1},
    }


def test_crop_shows_the_face_where_the_index_says(crops):
    for row in rows(crops):
        with Image.open(crops / row["file"]) as image:
            assert image.size == (int(row["width"]), int(row["height"]))
            assert image.format == "JPEG"
            assert {layer[1:3] for layer in image.layer} == {(1, 1)}, "4:4:4"
        box = np.array([float(value) for value in row["box"].split()])
        landmarks = np.array([[float(v) for v in point.split(",")] for point in row["landmarks"].split()])
        assert landmarks.shape == (5, 2)
        assert (landmarks > box[:2]).all() and (landmarks < box[:2] + box[2:]).all()


@pytest.mark.parametrize("max_side", [304, 120])
def test_landmarks_lie_on_the_face_at_every_scale(tmp_path, max_side):
    left, top, side = 100, 40, 160
    path = write_picture(tmp_path / "a.png", scene((left, top, side)))
    (crop,) = FaceCropper(CropSettings(max_side=max_side)).cut(path)
    assert max(crop.width, crop.height) <= max_side
    # Eyes are dark: the same picture is under the landmarks of the crop as in the original.
    decoded = cv2.imdecode(np.frombuffer(crop.jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    truth = FACE_LANDMARKS * side / len(FACE) + (left, top)
    scale = crop.box[2] / crop.face_width_original
    spread = np.linalg.norm(crop.landmarks[0] - crop.landmarks[1])
    assert spread == pytest.approx(scale * np.linalg.norm(truth[0] - truth[1]), rel=0.1)
    for point, place in zip(crop.landmarks, truth, strict=True):
        x, y = np.round(point).astype(int)
        original = scene((left, top, side))
        x0, y0 = np.round(place).astype(int)
        seen = decoded[y - 3 : y + 4, x - 3 : x + 4].mean(axis=(0, 1))
        reach = max(1, round(3 / scale))
        expected = original[y0 - reach : y0 + reach + 1, x0 - reach : x0 + reach + 1].mean(axis=(0, 1))
        assert np.abs(seen - expected).max() < 40


def test_crop_is_square_unless_the_frame_ends(tmp_path, cropper):
    (whole,) = cropper.cut(write_picture(tmp_path / "whole.png", scene((120, 50, 110))))
    assert abs(whole.width - whole.height) <= 1
    assert whole.width == pytest.approx(1.7 * whole.box[2:].max(), abs=1.5)
    (cut,) = cropper.cut(write_picture(tmp_path / "cut.png", scene((60, 30, 160))[:, 85:]))
    assert cut.width < cut.height - 10


def test_of_several_people_the_largest_and_longest_seen_is_kept(tmp_path, cropper):
    both = write_picture(tmp_path / "both.png", scene((10, 20, 110), (150, 20, 190)))
    (crop,) = cropper.cut(both)
    alone = cropper.cut(write_picture(tmp_path / "alone.png", scene((150, 20, 190))))[0]
    assert crop.face_width_original == pytest.approx(alone.face_width_original, abs=4)
    # A face that is a little larger but gone after the first frame is a passer-by.
    frames = [scene((10, 20, 150), (180, 20, 170))] * 2 + [scene((10, 20, 150))] * 4
    seen = cropper.cut(write_video(tmp_path / "passer.mp4", frames))
    assert len(seen) == 3
    assert np.ptp([c.face_width_original for c in seen]) < 8


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_second_run_does_nothing_over_but_tries_failures_again(dataset, cropper, crops, tmp_path):
    again = shutil.copytree(crops, tmp_path / "again")
    outcomes = extract(dataset, cropper, again)
    assert [outcome.status for outcome in outcomes] == ["undecodable"]
    assert files_of(again) == files_of(crops)


def test_crop_that_was_lost_is_cut_again(dataset, cropper, crops, tmp_path):
    again = shutil.copytree(crops, tmp_path / "again")
    lost = sorted((again / "val" / "fake").glob("*.jpg"))
    lost[0].unlink()
    lost[1].write_bytes(b"")
    extract(dataset, cropper, again)
    ours, theirs = files_of(again), files_of(crops)
    assert ours.keys() == theirs.keys()
    assert all(ours[name] == theirs[name] for name in ours if name.endswith(".jpg"))
    assert sorted(rows(again), key=str) == sorted(rows(crops), key=str)


@given(data=st.data())
@settings(max_examples=12)
def test_a_run_that_was_cut_off_anywhere_ends_as_if_it_had_not_been(dataset, cropper, crops, tmp_path_factory, data):
    folder = shutil.copytree(crops, tmp_path_factory.mktemp("torn") / "out")
    content = (folder / "faces.csv").read_bytes()
    header = content.index(b"\n") + 1
    kept = content[: data.draw(st.integers(header, len(content)), label="bytes of faces.csv")]
    (folder / "faces.csv").write_bytes(kept)
    record = json.loads((folder / "faces.json").read_text())
    (folder / "faces.json").write_text(json.dumps(record | {"complete": False}))
    # A crop whose rows were never written, and one that was being written.
    orphan = folder / "val" / "fake" / "gone-0123456789-007.jpg"
    orphan.write_bytes(b"\xff\xd8\xff")
    last = sorted((folder / "all" / "fake").glob("a-*.jpg"))[-1]
    last.write_bytes(b"")
    extract(dataset, cropper, folder)
    ours, theirs = files_of(folder), files_of(crops)
    assert ours.keys() == theirs.keys()
    for name in ours.keys() - {"no_face.csv"}:
        assert ours[name] == theirs[name], name
    assert sorted(rows(folder, "no_face.csv"), key=str) == sorted(rows(crops, "no_face.csv"), key=str)


_RUN = """
import sys
from pathlib import Path
from classifiers.datasets import Sample
from pipeline.workbench.face_index import FaceIndex
from pipeline.workbench.face_crops import CropSettings, FaceCropper
from pipeline.workbench.faces import extract_faces, origins
data, out = map(Path, sys.argv[1:])
named = origins([Sample(path, False) for path in sorted(data.iterdir())], [data])
with FaceIndex(out, {"frames": 3}) as index:
    list(extract_faces(named, FaceCropper(CropSettings(frames=3)), index))
"""


@pytest.mark.slow
def test_killed_process_loses_nothing(tmp_path):
    (tmp_path / "set").mkdir()
    for number in range(30):
        write_picture(tmp_path / "set" / f"{number:02d}.png", scene((20 + number, 30, 120 + number)))
    command = [sys.executable, "-c", _RUN, str(tmp_path / "set")]
    with subprocess.Popen([*command, str(tmp_path / "killed")]) as process:
        index = tmp_path / "killed" / "faces.csv"
        while process.poll() is None and not (index.exists() and index.read_text().count("\n") > 3):
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert len(rows(tmp_path / "killed")) < 30
    for name in ("killed", "whole"):
        subprocess.run([*command, str(tmp_path / name)], check=True)
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")
    assert len(rows(tmp_path / "killed")) == 30


def test_crops_that_were_cut_in_another_way_are_not_mixed_in(crops, tmp_path):
    folder = shutil.copytree(crops, tmp_path / "again")
    before = files_of(folder)
    with pytest.raises(DataError, match=r"frames 3 instead of 5.*--overwrite"):
        FaceIndex(folder, {"detector": "mtcnn", "frames": 5, "data": ["set"]})
    assert files_of(folder) == before
    FaceIndex(folder, {"detector": "mtcnn", "frames": 5, "data": ["set"]}, overwrite=True)
    assert not list(folder.rglob("*.jpg"))
    assert rows(folder) == rows(folder, "no_face.csv") == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_folder_with_something_else_is_left_alone(tmp_path, overwrite):
    photograph = tmp_path / "all" / "real" / "holiday.jpg"
    photograph.parent.mkdir(parents=True)
    photograph.write_bytes(b"mine")
    with pytest.raises(DataError, match="name a new folder"):
        FaceIndex(tmp_path, {}, overwrite=overwrite)
    assert files_of(tmp_path) == {"all/real/holiday.jpg": b"mine"}


def test_label_conflict_is_named(tmp_path):
    path = tmp_path / "a.png"
    with pytest.raises(DataError, match=r"a\.png is labelled both real and fake"):
        origins([Sample(path, True), Sample(path, False)], [tmp_path])
    assert list(origins([Sample(path, True), Sample(path, True)], [tmp_path])) == ["a.png"]


def test_names_of_several_data_sets_stay_apart(tmp_path):
    sets = {}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        sample = Sample(tmp_path / name / "a.mp4", True, clip="7", person="p", source="s")
        sets[tmp_path / name] = [sample, Sample(tmp_path / name / "b.png", False)]
    joined = keep_apart(sets)
    assert [(s.clip, s.person, s.source) for s in joined] == [
        ("one/7", "one/p", "one/s"),
        ("", "", ""),
        ("two/7", "two/p", "two/s"),
        ("", "", ""),
    ]
    alone = keep_apart({tmp_path / "one": sets[tmp_path / "one"]})
    assert alone[0].clip == "7"


def test_data_sets_of_one_name_are_refused(tmp_path):
    for place in ("x", "y"):
        (tmp_path / place / "set").mkdir(parents=True)
    with pytest.raises(DataError, match="both called set"):
        keep_apart({tmp_path / place / "set": [] for place in ("x", "y")})


def test_origins_of_several_data_sets_differ(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    samples = [Sample(tmp_path / name / "a.png", True) for name in ("one", "two")]
    assert list(origins(samples, [tmp_path / "one", tmp_path / "two"])) == ["one/a.png", "two/a.png"]


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"frames": 0}, "1 to 512"),
        ({"margin": 0.5}, "margin"),
        ({"max_side": 8}, "side"),
        ({"quality": 0}, "quality"),
        ({"detector": "eyes"}, "choose one of mtcnn"),
    ],
)
def test_settings_out_of_range(option, sentence):
    with pytest.raises(SettingsError, match=sentence):
        CropSettings(**option)


@pytest.mark.parametrize(("faces", "seed"), [(1, 3), pytest.param(2, 5, marks=pytest.mark.slow)])
def test_faces_are_those_that_a_scan_finds(tmp_path, faces, seed):
    (clip,) = make_clips([ClipSpec(seed=seed, seconds=3, faces=faces)], tmp_path)
    plan = SamplingPlan.spread(8, SLACK)
    verdict = Verdict.from_json(Scanner(plan=plan).scan(clip).to_json())
    crops = FaceCropper(CropSettings(frames=8, margin=10, max_side=8192)).cut(clip)
    at = {round(crop.time_s, 4): crop for crop in crops}
    width = {crop.face_width_original for crop in crops}
    track = min(
        (item.track for item in verdict.tracks),
        key=lambda track: abs(track.observations[0].face.box[2] - crops[0].face_width_original),
    )
    assert len(width) > 1 and len(verdict.tracks) == faces
    assert [round(o.time_s, 4) for o in track.observations] == list(at)
    for observation in track.observations:
        crop, face = at[observation.time_s], observation.face
        # The crop reaches over the whole height of the frame or from a whole pixel on, so corners are known.
        corner = np.clip(np.round(face.box[:2] + face.box[2:] / 2 - 5 * face.box[2:].max()), 0, None)
        np.testing.assert_allclose(crop.box[2:], face.box[2:], atol=0.06)
        np.testing.assert_allclose(crop.box[:2] + corner, face.box[:2], atol=0.06)
        np.testing.assert_allclose(crop.landmarks + corner, face.landmarks, atol=0.1)
