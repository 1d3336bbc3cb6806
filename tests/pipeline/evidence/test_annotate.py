"""Annotated copies: what is drawn, where and when, and that nothing else changes."""

from __future__ import annotations

import copy
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from pipeline.evidence.annotation.annotate import annotate, annotated_path
from pipeline.evidence.annotation.drawing import COLOURS
from pipeline.evidence.pictures import PicturesError
from pipeline.media import MediaInfo, open_frames, probe
from pipeline.media.ffmpeg import find_binary
from pipeline.media.sampling import SamplingPlan
from pipeline.results.schema import schema
from pipeline.results.verdict import Verdict
from pipeline.results.writers import WriteError
from tests import evidence
from tests.media_files import run_ffmpeg, write_video

SIZE = (320, 240)
TOP, BOTTOM = (150, 120, 110), (110, 120, 150)
"""Colours of the upper and the lower half of a frame: reddish above bluish is upright."""


@dataclass(frozen=True)
class Person:
    """Observations: time, left, top, side, score."""

    seen: Sequence[tuple[float, float, float, float, float]]
    judged: bool = True


def frames(count: int, size: tuple[int, int] = SIZE) -> Iterator[np.ndarray]:
    """Halves of two colours, and a stripe in the middle as bright as the number of the frame says."""
    width, height = size
    for number in range(count):
        image = np.empty((height, width, 3), np.uint8)
        image[: height // 2], image[height // 2 :] = TOP, BOTTOM
        image[height * 7 // 16 : height * 9 // 16] = 10 + number * 230 // count
        yield image


def result_of(path: Path, persons: Sequence[Person], **changes: object) -> Verdict:
    """What scanning would have said of a file, valid against the schema."""
    document = evidence.verdict(path, media=probe(path)).to_json()
    observation = document["tracks"][0]["observations"][0]
    document["tracks"] = [
        {
            **document["tracks"][0],
            "id": number,
            "start_s": person.seen[0][0],
            "end_s": person.seen[-1][0],
            "score": max(score for *_, score in person.seen),
            "supported": person.judged,
            "observations": [
                {**observation, "time_s": time_s, "frame": None, "box": [left, top, side, side], "score": score}
                for time_s, left, top, side, score in person.seen
            ],
        }
        for number, person in enumerate(persons, start=1)
    ]
    document |= changes
    if not persons:
        nothing = {"manipulated": None, "generated": None}
        none = {"status": "no_face", "verdict": None, "score": None, "message": "no face was found", "segments": []}
        document |= {**none, "components": nothing}
    jsonschema.validate(document, schema())
    return Verdict.from_json(document)


def shown(path: Path) -> tuple[MediaInfo, list[np.ndarray]]:
    info = probe(path)
    with open_frames(info, SamplingPlan.every_frame()) as reader:
        return info, [frame.image for frame in reader]


def near(picture: np.ndarray, colour: Sequence[int], off: int = 45) -> np.ndarray:
    """Where a picture has a colour, as far as chroma of half resolution keeps it."""
    return np.abs(picture.astype(int) - colour).max(axis=2) < off


def has_box(picture: np.ndarray, band: str, left: float, top: float, side: float) -> bool:
    """Tell whether the four edges of a box are drawn in the colour of a band."""
    hits = near(picture, COLOURS[band])
    low, high = side * 0.3, side * 0.7
    for x0, y0, x1, y1 in ((low, 0, high, 0), (low, side, high, side), (0, low, 0, high), (side, low, side, high)):
        rows = slice(round(top + y0) - 3, round(top + y1) + 4)
        columns = slice(round(left + x0) - 3, round(left + x1) + 4)
        if hits[rows, columns].any(axis=int(x0 == x1)).mean() < 0.8:
            return False
    return True


def any_box(picture: np.ndarray) -> bool:
    """Tell whether anything is drawn between the header and the strip of time, where the tests put faces."""
    part = picture[60:-20]
    return bool((np.ptp(part.astype(int), axis=2) > 90).any())


def packets(path: Path) -> list[tuple[str, ...]]:
    """Times and contents of the sound."""
    command = [find_binary().path, "-v", "error", "-i", path, "-map", "0:a", "-c", "copy", "-f", "framecrc", "-"]
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    return [(row[2].strip(), row[4].strip(), row[5].strip()) for row in rows]


def lag(path: Path) -> float:
    """Seconds from the first picture to the first sound, on the clock that they have together."""
    command = [find_binary().path, "-v", "error", "-i", path, "-map", "0:v", "-map", "0:a", "-c", "copy"]
    table = subprocess.run([*command, "-f", "framecrc", "-"], capture_output=True, check=True, text=True).stdout
    ticks = [int(ticks) / int(second) for ticks, second in re.findall(r"#tb \d: (\d+)/(\d+)", table)]
    first = [min(int(pts) for pts in re.findall(rf"^{n}, *-?\d+, *(-?\d+)", table, re.MULTILINE)) for n in (0, 1)]
    return first[1] * ticks[1] - first[0] * ticks[0]


def codecs(path: Path) -> list[str]:
    result = subprocess.run([find_binary().path, "-hide_banner", "-i", path], capture_output=True, text=True)
    return re.findall(r"Stream #.*?: ((?:Video|Audio): \w+)", result.stderr)


@pytest.mark.parametrize("rotation_deg", [90, 270])
def test_turned_video_of_varying_rate_with_sound(tmp_path, rotation_deg):
    stored = (np.rot90(image, rotation_deg // 90) for image in frames(30, (240, 320)))
    source = write_video(
        tmp_path / "clip.mp4",
        map(np.ascontiguousarray, stored),
        filters="settb=1/1000,setpts=N*40+N*N*3",
        options=["-fps_mode", "passthrough", "-enc_time_base", "1/1000", "-c:a", "aac"],
        sound=True,
        rotation_deg=rotation_deg,
    )
    before, originals = shown(source)
    assert before.variable_frame_rate and before.rotation_deg == rotation_deg and before.has_audio
    seen = [(float(time_s), 60.0, 100.0, 80.0, 0.9) for time_s in before.frame_times_s]
    annotate(result_of(source, [Person(seen)]), source, tmp_path / "copy.mp4")

    after, pictures = shown(tmp_path / "copy.mp4")
    assert (after.width, after.height, after.rotation_deg) == (240, 320, 0)
    assert len(pictures) == len(originals) >= 29
    np.testing.assert_allclose(after.frame_times_s, before.frame_times_s, atol=1e-4)
    assert after.duration_s == pytest.approx(before.duration_s, abs=np.diff(before.frame_times_s).max())
    for number, picture in enumerate(pictures):
        assert (
            near(picture[80:130, 200:], TOP, 20).mean() > 0.95
            and near(picture[190:250, 200:], BOTTOM, 20).mean() > 0.95
        )
        assert picture[155:165, 200:].mean() == pytest.approx(10 + number * 230 // 30, abs=4)
        assert has_box(picture, "likely_fake", 60, 100, 80)
    assert codecs(tmp_path / "copy.mp4") == ["Video: h264", "Audio: aac"]
    assert packets(tmp_path / "copy.mp4") == packets(source)


def test_browsers_can_play_it(tmp_path, clip):
    annotate(result_of(clip, []), clip, tmp_path / "copy.mp4")
    info = probe(tmp_path / "copy.mp4")
    assert (info.codec, info.pixel_format, info.color_matrix, info.color_range) == ("h264", "yuv420p", "bt709", "tv")
    data = (tmp_path / "copy.mp4").read_bytes()
    # The index stands before the media, so that playing can start at once.
    assert data[4:8] == b"ftyp" and data.index(b"moov") < data.index(b"mdat")


def test_sound_that_mp4_cannot_hold_becomes_aac(tmp_path):
    options = ["-c:a", "pcm_s16le"]
    source = write_video(tmp_path / "clip.mov", frames(20), options=options, sound=True)
    annotate(result_of(source, []), source, tmp_path / "copy.mp4")
    assert codecs(tmp_path / "copy.mp4") == ["Video: h264", "Audio: aac"]
    assert probe(tmp_path / "copy.mp4").declared_duration_s == pytest.approx(2, abs=0.1)


def test_picture_that_starts_after_its_sound(tmp_path):
    source = write_video(
        tmp_path / "clip.mkv",
        frames(10),
        filters="setpts=PTS+0.5/TB",
        options=["-fps_mode", "passthrough", "-c:a", "aac"],
        sound=True,
    )
    before = probe(source)
    assert before.frame_times_s[0] == pytest.approx(0.5, abs=0.03)
    annotate(result_of(source, []), source, tmp_path / "copy.mp4")
    after = probe(tmp_path / "copy.mp4")
    np.testing.assert_allclose(after.frame_times_s, before.frame_times_s, atol=2e-3)
    assert len(packets(tmp_path / "copy.mp4")) == len(packets(source))


@pytest.mark.parametrize("later", ["picture", "sound"])
def test_sound_stays_with_its_picture_in_transport_streams(tmp_path, clip, later):
    offset = ["-itsoffset", 0.7]
    pictures, tone = ["-i", clip], ["-f", "lavfi", "-i", "sine=duration=3"]
    inputs = [*offset, *pictures, *tone] if later == "picture" else [*pictures, *offset, *tone]
    source = tmp_path / "clip.ts"
    run_ffmpeg(*inputs, "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", source)
    assert abs(lag(source)) > 0.5
    annotate(result_of(source, []), source, tmp_path / "copy.mp4")
    # The first packet of AAC holds what a decoder needs to start.
    assert lag(tmp_path / "copy.mp4") == pytest.approx(lag(source), abs=0.03)
    assert probe(tmp_path / "copy.mp4").duration_s == pytest.approx(probe(source).duration_s, abs=0.01)


@pytest.fixture(scope="module")
def two_people(tmp_path_factory) -> tuple[list[np.ndarray], Path]:
    """One stays, one walks to the right for a second, is gone for one, and comes back; a third is not judged."""
    folder = tmp_path_factory.mktemp("two")
    source = write_video(folder / "clip.mp4", frames(40))
    stays = Person([(time_s / 5, 20, 150, 50, 0.1) for time_s in range(20)])
    walks = Person(
        [(0.0, 120, 80, 60, 0.9), (0.2, 130, 80, 60, 0.9), (0.4, 140, 80, 60, 0.5), (0.6, 150, 80, 60, 0.5)]
        + [(time_s, 200, 80, 60, 0.9) for time_s in (2.0, 2.2, 2.4)]
    )
    other = Person([(time_s, 200, 150, 40, 0.95) for time_s in (0.0, 0.2)], judged=False)
    annotate(result_of(source, [stays, walks, other]), source, folder / "copy.mp4")
    return shown(folder / "copy.mp4")[1], folder / "copy.mp4"


def test_boxes_follow_people_in_the_colours_of_their_scores(two_people):
    pictures, _ = two_people
    assert all(has_box(picture, "likely_real", 20, 150, 50) for picture in pictures[:38])
    assert has_box(pictures[0], "likely_fake", 120, 80, 60)
    # Half-way between two observations, and after the score has changed.
    assert has_box(pictures[1], "likely_fake", 125, 80, 60)
    assert has_box(pictures[5], "inconclusive", 145, 80, 60)
    assert has_box(pictures[22], "likely_fake", 200, 80, 60)
    assert has_box(pictures[1], "not_judged", 200, 150, 40)


def test_nothing_is_drawn_where_there_was_no_face(two_people):
    pictures, _ = two_people
    for number in [*range(7, 20), *range(25, 38)]:
        assert not any_box(pictures[number][:, 115:])
    assert any_box(pictures[6][:, 115:]) and any_box(pictures[20][:, 115:])


def test_sparse_observations_are_seen_for_a_moment_each(tmp_path):
    source = write_video(tmp_path / "clip.mp4", frames(60))
    person = Person([(1.0, 100, 100, 60, 0.9), (4.0, 130, 100, 60, 0.9)])
    annotate(result_of(source, [person]), source, tmp_path / "copy.mp4")
    pictures = shown(tmp_path / "copy.mp4")[1]
    assert [number for number, picture in enumerate(pictures) if any_box(picture)] == [9, 10, 11, 39, 40, 41]


def test_strip_of_time_is_filled_while_a_picture_is_held(tmp_path):
    holding = "settb=1/1000,setpts=N*100+gt(N\\,20)*10000"
    source = tmp_path / "clip.mp4"
    write_video(source, frames(60), filters=holding, options=["-fps_mode", "passthrough"])
    document = result_of(source, [Person([(2.0, 100, 100, 60, 0.9)])]).to_json()
    held_too = copy.deepcopy(document)
    held_too["tracks"][0]["observations"][0]["hold"] = {"shown_s": 10.1, "weight": 60.0}
    filled = []
    for number, result in enumerate((document, held_too)):
        target = tmp_path / f"{number}.mp4"
        annotate(Verdict.from_json(result), source, target)
        strip = shown(target)[1][-1][-20:]
        filled.append(near(strip, COLOURS["likely_fake"]).any(axis=0).mean())
    assert filled[0] < 0.1
    assert filled[1] == pytest.approx(10.1 / 16, abs=0.1)


def test_video_without_a_face_gets_a_copy_that_says_so(tmp_path, clip):
    annotate(result_of(clip, []), clip, tmp_path / "copy.mp4")
    before, originals = shown(clip)
    after, pictures = shown(tmp_path / "copy.mp4")
    assert len(pictures) == len(originals) and after.duration_s == pytest.approx(before.duration_s, abs=0.1)


@pytest.mark.parametrize("size", [(321, 241), (97, 65), (33, 120), (3, 3)], ids=str)
def test_odd_and_small_sizes(tmp_path, size):
    source = write_video(tmp_path / "clip.mkv", frames(5, size), codec="ffv1", pixel_format="bgr0")
    person = Person([(time_s / 10, size[0] / 4, size[1] / 2, size[1] / 3, 0.9) for time_s in range(5)])
    annotate(result_of(source, [person]), source, tmp_path / "copy.mp4")
    info = probe(tmp_path / "copy.mp4")
    assert (info.width % 2, info.height % 2, info.frame_count) == (0, 0, 5)
    assert abs(info.width - size[0]) <= 1 and abs(info.height - size[1]) <= 1


def test_pixels_become_square(tmp_path):
    source = write_video(tmp_path / "clip.mp4", frames(5), filters="setsar=4/3")
    person = Person([(time_s / 10, 100, 100, 60, 0.9) for time_s in range(5)])
    annotate(result_of(source, [person]), source, tmp_path / "copy.mp4")
    info, pictures = shown(tmp_path / "copy.mp4")
    assert (info.width, info.height) == (426, 240)
    columns = np.flatnonzero(near(pictures[2], COLOURS["likely_fake"])[120:150].all(axis=0))
    assert columns.min() == pytest.approx(100, abs=4) and columns.max() == pytest.approx(160, abs=4)


def test_many_people_and_boxes_beyond_the_border(tmp_path):
    source = write_video(tmp_path / "clip.mp4", frames(3))
    far = [(time_s / 10, -1e9, 1e9, 1e12, 0.9) for time_s in range(3)]
    crowd = [
        Person([(t / 10, 5.0 * number - 20, 3.0 * number - 20, 40, number / 60) for t in range(3)])
        for number in range(60)
    ]
    annotate(result_of(source, [Person(far), *crowd]), source, tmp_path / "copy.mp4")
    assert probe(tmp_path / "copy.mp4").frame_count == 3


def test_animated_picture(tmp_path):
    pictures = [Image.fromarray(image) for image in frames(4)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=[100, 300, 200, 400])
    result = result_of(tmp_path / "a.gif", [Person([(0.0, 100, 100, 60, 0.9), (0.1, 100, 100, 60, 0.9)])])
    target = annotated_path(tmp_path / "a.gif.json", result)
    assert target.name == "a.gif.annotated.mp4"
    annotate(result, tmp_path / "a.gif", target)
    info = probe(target)
    np.testing.assert_allclose(info.frame_times_s, [0, 0.1, 0.4, 0.6], atol=1e-4)
    assert info.duration_s == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("suffix, form", [(".jpg", "JPEG"), (".png", "PNG"), (".bmp", "PNG")])
def test_image(tmp_path, suffix, form):
    source = tmp_path / f"photo{suffix}"
    Image.fromarray(next(frames(1))).save(source)
    result = result_of(source, [Person([(0.0, 100, 100, 60, 0.1)]), Person([(0.0, 200, 90, 50, 0.9)])])
    target = annotated_path(tmp_path / f"photo{suffix}.json", result)
    annotate(result, source, target)
    with Image.open(target) as image:
        assert image.format == form and image.size == SIZE
        picture = np.array(image)
    assert has_box(picture, "likely_real", 100, 100, 60) and has_box(picture, "likely_fake", 200, 90, 50)


def test_image_that_the_camera_turned(tmp_path):
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(next(frames(1)))))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    stored.save(tmp_path / "photo.jpg", exif=exif)
    result = result_of(tmp_path / "photo.jpg", [Person([(0.0, 100, 100, 60, 0.9)])])
    annotate(result, tmp_path / "photo.jpg", tmp_path / "copy.jpg")
    with Image.open(tmp_path / "copy.jpg") as image:
        assert image.getexif().get(0x0112, 1) == 1
        assert has_box(np.array(image), "likely_fake", 100, 100, 60)


def test_names_follow_the_result(tmp_path, clip):
    result = result_of(clip, [])
    assert annotated_path(Path("out/clip.mp4-2.json"), result) == Path("out/clip.mp4-2.annotated.mp4")


def test_another_file_of_the_same_name(tmp_path, clip):
    result = result_of(clip, [])
    other = write_video(tmp_path / clip.name, frames(3))
    with pytest.raises(PicturesError, match="is not the file that was scanned: its SHA-256 is another"):
        annotate(result, other, tmp_path / "copy.mp4")
    with pytest.raises(PicturesError, match=r"SHA-256|does not exist"):
        annotate(result, tmp_path / "gone.mp4", tmp_path / "copy.mp4")
    assert not (tmp_path / "copy.mp4").exists()


def test_file_that_could_not_be_scanned(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    result = evidence.verdict(tmp_path / "text.mp4", "undecodable", ())
    with pytest.raises(PicturesError, match="cannot be annotated, because it could not be scanned"):
        annotate(result, tmp_path / "text.mp4", tmp_path / "copy.mp4")


def test_source_is_never_overwritten(tmp_path):
    source = write_video(tmp_path / "clip.mp4", frames(3))
    (tmp_path / "link.mp4").symlink_to(source)
    content = source.read_bytes()
    for target in (source, tmp_path / "link.mp4"):
        with pytest.raises(WriteError, match="is the file that was scanned"):
            annotate(result_of(source, []), source, target)
    assert source.read_bytes() == content


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path, clip):
    (tmp_path / "copy.mp4").mkdir()
    with pytest.raises(WriteError, match=r"cannot write '.*copy\.mp4': Is a directory"):
        annotate(result_of(clip, []), clip, tmp_path / "copy.mp4")
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"cannot make the folder '.*file'"):
        annotate(result_of(clip, []), clip, tmp_path / "file" / "copy.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.mp4", "file"]


def test_ffmpeg_that_cannot_encode(tmp_path, clip, monkeypatch):
    """A stand-in that lists no encoder: a build of ffmpeg without x264 is not to be had everywhere."""
    result = result_of(clip, [])
    real = find_binary().path
    lame = tmp_path / "ffmpeg"
    lame.write_text(f'#!/bin/sh\ncase "$*" in *-encoders*) exit 0;; esac\nexec "{real}" "$@"\n')
    lame.chmod(0o755)
    monkeypatch.setenv("FACEWITNESS_FFMPEG", str(lame))
    with pytest.raises(WriteError, match="was built without libx264"):
        annotate(result, clip, tmp_path / "copy.mp4")


def test_name_that_looks_like_a_description(tmp_path, clip):
    name = "a\n[info]   Stream #0:7: Audio: aac\n.mp4"
    source = tmp_path / name
    source.write_bytes(clip.read_bytes())
    annotate(result_of(source, []), source, tmp_path / "copy.mp4")
    assert codecs(tmp_path / "copy.mp4") == ["Video: h264", "Audio: aac"]
