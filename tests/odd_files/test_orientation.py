"""Faces that lie on their side or stand upside down, in files that do not say that they are turned."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from classifiers import find_model
from pipeline import Verdict
from pipeline.evidence.annotation.annotate import annotate
from pipeline.evidence.annotation.drawing import COLOURS
from pipeline.evidence.heat_map_files import write_heat_maps
from pipeline.evidence.pictures import cut_face, face_crop, read_frames, reopen
from pipeline.evidence.report import make_pictures
from pipeline.results.parts import Observation
from tests.media_files import run_ffmpeg

Scan = Callable[[Path], Verdict]

SAMPLES = Path(__file__).parents[2] / "sample_videos"
SHORT = ("-t", 1.2, "-an", "-crf", 18)
H264 = ("-c:v", "libx264", "-preset", "ultrafast")

VIDEOS = {
    "on the right side, H.264 in MP4": ("clip.mp4", "transpose=1", H264, 270),
    "on the left side, H.264 in MP4": ("clip.mp4", "transpose=2", H264, 90),
    "upside down, H.264 in MP4": ("clip.mp4", "hflip,vflip", H264, 180),
    "on the left side, VP8 in WebM": ("clip.webm", "transpose=2", ("-c:v", "libvpx", "-b:v", "2M", "-cpu-used", 8), 90),
    "upside down, Motion JPEG in AVI": ("clip.avi", "hflip,vflip", ("-c:v", "mjpeg", "-q:v", 3), 180),
}
"""How a clip is turned and coded, and the turn, clockwise in degrees, that sets it upright."""

STILLS = {
    f"{turn} degrees, {suffix}": (f"still.{suffix}", turn) for turn in (90, 180, 270) for suffix in ("jpg", "png")
} | {"90 degrees, webp": ("still.webp", 90)}
"""How far a photograph was turned to the left, so the turn to the right that sets it upright."""


def turned_clip(path: Path, filters: str = "null", options: tuple[object, ...] = H264) -> Path:
    run_ffmpeg("-i", SAMPLES / "manipulated.mp4", "-vf", filters, *SHORT, *options, path)
    return path


def turned_still(path: Path, turn: int = 0) -> Path:
    Image.fromarray(np.rot90(data.astronaut(), turn // 90)).save(path, quality=95)
    return path


def faces_of(verdict: Verdict) -> list[Observation]:
    return [seen for person in verdict.tracks for seen in person.track.observations]


@pytest.fixture(scope="module")
def upright_clip(tmp_path_factory, scan_few: Scan) -> tuple[Path, Verdict]:
    path = turned_clip(tmp_path_factory.mktemp("upright") / "clip.mp4")
    return path, scan_few(path)


@pytest.fixture(scope="module")
def upright_still(tmp_path_factory, scan_few: Scan) -> tuple[Path, Verdict]:
    path = turned_still(tmp_path_factory.mktemp("upright") / "still.png")
    return path, scan_few(path)


@pytest.fixture(scope="module")
def turned(tmp_path_factory, scan_few: Scan) -> tuple[Path, Verdict]:
    """A photograph that lies on its side."""
    path = turned_still(tmp_path_factory.mktemp("turned") / "still.png", 90)
    return path, scan_few(path)


def assert_says_the_same(verdict: Verdict, upright: Verdict, turned_deg: int) -> None:
    """Compare with the verdict on the file as it should stand: score, faces, and where they are as it lies."""
    assert upright.status == verdict.status == "ok"
    assert verdict.label == upright.label
    assert verdict.score == pytest.approx(upright.score, abs=0.05)
    seen, expected = faces_of(verdict), faces_of(upright)
    assert len(seen) == len(expected)
    assert {face.turned_deg for face in seen} == {turned_deg}
    quarters = turned_deg // 90
    for one, other in zip(seen, expected, strict=True):
        as_it_lies = other.face.turned(-quarters, upright.probe.size)
        size = other.face.box[2:].max()
        np.testing.assert_allclose(one.face.landmarks, as_it_lies.landmarks, atol=0.06 * size)
        np.testing.assert_allclose(one.face.box, as_it_lies.box, atol=0.15 * size)
    how = "stand upside down" if turned_deg == 180 else "lie on their side"
    which = "these pictures were" if verdict.frames_looked_at > 1 else "this picture was"
    warning = f"Faces {how}: {which} turned by {turned_deg} degrees clockwise to look at them."
    assert verdict.warnings == [warning]


@pytest.mark.parametrize("name", VIDEOS)
def test_a_turned_video_is_judged_as_the_upright_one(tmp_path, scan_few, upright_clip, name):
    file, filters, options, turned_deg = VIDEOS[name]
    verdict = scan_few(turned_clip(tmp_path / file, filters, options))
    assert verdict.label == "likely_fake"
    assert_says_the_same(verdict, upright_clip[1], turned_deg)


@pytest.mark.parametrize("name", STILLS)
def test_a_turned_still_is_judged_as_the_upright_one(tmp_path, scan_few, upright_still, name):
    file, turn = STILLS[name]
    assert_says_the_same(scan_few(turned_still(tmp_path / file, turn)), upright_still[1], turn)


def test_upright_files_say_nothing_of_turns(upright_clip, upright_still):
    for _, verdict in (upright_clip, upright_still):
        assert not verdict.warnings
        assert all("turned_deg" not in face for track in verdict.to_json()["tracks"] for face in track["observations"])


def test_a_forgery_that_lies_on_its_side_for_half_of_the_clip_is_found(tmp_path, scan_few):
    """As from a phone that is turned while it films, in a file of one size."""
    half = "trim=0:0.6,setpts=PTS-STARTPTS,{}pad=640:640:(ow-iw)/2:(oh-ih)/2,setsar=1"
    filters = f"[0:v]{half.format('')}[0];[1:v]{half.format('transpose=1,')}[1];[0][1]concat=n=2:v=1"
    path = tmp_path / "clip.mp4"
    inputs = ("-i", SAMPLES / "real.mp4", "-i", SAMPLES / "manipulated.mp4")
    run_ffmpeg(*inputs, "-filter_complex", filters, *SHORT, *H264, path)
    verdict = scan_few(path)
    faces = sorted(faces_of(verdict), key=lambda face: face.time_s)
    assert [face.turned_deg for face in faces] == [0] * 4 + [270] * 4
    assert min(face.score for face in faces[4:]) > 0.8
    assert "in 4 of 8 frames" in verdict.warnings[0]


@pytest.mark.parametrize("filters", ["transpose=1", "hflip,vflip"])
def test_a_video_without_a_face_stays_without_one(tmp_path, scan_few, filters):
    path = tmp_path / "clip.mp4"
    run_ffmpeg("-i", SAMPLES / "no_face.mp4", "-vf", filters, *SHORT, *H264, path)
    verdict = scan_few(path)
    assert (verdict.status, verdict.tracks, verdict.warnings) == ("no_face", [], [])


@pytest.mark.parametrize("picture", ["coffee", "chelsea", "rocket"])
def test_a_still_without_a_face_stays_without_one(tmp_path, scan_few, picture):
    path = tmp_path / "still.png"
    Image.fromarray(np.rot90(getattr(data, picture)())).save(path)
    assert scan_few(path).status == "no_face"


def crop_of(path: Path, verdict: Verdict) -> np.ndarray:
    [seen] = faces_of(verdict)
    [(image, _)] = read_frames(reopen(verdict, path), [seen])
    return cut_face(image, seen, face_crop(None))


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_pictures_of_a_report_show_the_face_upright(turned, upright_still):
    path, verdict = turned
    upright = crop_of(*upright_still)
    assert difference(crop_of(path, verdict), upright) < 6 < difference(np.rot90(upright), upright)
    pictures = make_pictures(verdict.people, reopen(verdict, path), None)
    [close_up] = pictures.close_ups.values()
    jpeg = np.frombuffer(base64.b64decode(close_up.crop.split(",")[1]), np.uint8)
    assert difference(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1], upright) < 8


def test_an_annotated_copy_has_its_box_around_the_face_as_it_lies(tmp_path, turned):
    path, verdict = turned
    annotate(verdict, path, tmp_path / "copy.png")
    copy = np.asarray(Image.open(tmp_path / "copy.png"))
    assert copy.shape == np.rot90(data.astronaut()).shape
    drawn = np.abs(copy.astype(int) - COLOURS[verdict.label]).max(axis=2) < 45
    left, top, width, height = faces_of(verdict)[0].face.box.round().astype(int)
    assert width > height
    across, down = slice(left + width // 4, left + width * 3 // 4), slice(top + height // 4, top + height * 3 // 4)
    for edge in (top, top + height):
        assert drawn[edge - 3 : edge + 4, across].any(axis=0).mean() > 0.8
    for edge in (left, left + width):
        assert drawn[down, edge - 3 : edge + 4].any(axis=1).mean() > 0.8


@pytest.mark.slow
def test_heat_maps_are_drawn_on_the_upright_face(tmp_path, turned, upright_still):
    (path, verdict), spec = turned, find_model()
    files = write_heat_maps(verdict, path, spec, tmp_path / "maps")
    face, heat = sorted(files, key=lambda file: "face" not in file.name)
    size = spec.crop_size
    upright = cv2.resize(crop_of(*upright_still), (size, size), interpolation=cv2.INTER_AREA)
    assert np.asarray(Image.open(heat)).shape == (size, size, 3)
    assert difference(np.asarray(Image.open(face)), upright) < 8
