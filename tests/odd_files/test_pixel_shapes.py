"""Pixels that are not square, or are said not to be."""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.evidence.pictures import PicturesError, reopen
from pipeline.media import Frame, probe, types
from pipeline.media.pixels import StretchedPixels
from pipeline.results.parts import ProbeRecord
from tests.evidence import verdict
from tests.media_files import EVERY, frames_of, number_frame, number_frames, read_number, stored_frame, write_video


def write(path: Path, aspect: str, **options) -> Path:
    return write_video(path, number_frames(3), filters=f"setsar={aspect}:max=100000", **options)


@pytest.mark.parametrize(
    ("name", "aspect", "codec", "size"),
    [
        ("wide.mp4", "4/3", "libx264", (128, 64)),
        ("wide.mkv", "2", "libx264", (192, 64)),
        ("high.mp4", "1/2", "libx264", (96, 128)),
        ("high.mov", "8/9", "mjpeg", (96, 72)),
        ("wide.ts", "16/11", "libx264", (140, 64)),
        ("wide.avi", "64/45", "mpeg4", (137, 64)),
        ("wide.webm", "32/27", "libvpx", (114, 64)),
        ("wide 10 bit.mkv", "4/3", "libx264", (128, 64)),
    ],
    ids=str,
)
def test_a_frame_is_as_players_show_it(tmp_path, name, aspect, codec, size):
    options = {"codec": codec, "options": ["-q:v", 2, "-b:v", "1M"]}
    path = write(tmp_path / name, aspect, pixel_format="yuv420p10le" if "10 bit" in name else "yuv420p", **options)
    info, frames, warnings = frames_of(path)
    assert (info.width, info.height) == size
    assert info.stored_size == (96, 64)
    assert {(frame.image.shape, frame.pixels.shape) for frame in frames} == {((size[1], size[0], 3),) * 2}
    assert [read_number(frame.image) for frame in frames] == [0, 1, 2]
    assert warnings == []
    facts = ProbeRecord.of(info)
    assert ((facts.width, facts.height), facts.sample_aspect_ratio) == (size, str(info.sample_aspect_ratio))


@pytest.mark.parametrize("rotation_deg", [90, 180])
def test_pixels_are_turned_along(tmp_path, rotation_deg):
    stored = [stored_frame(number_frame(number), rotation_deg) for number in range(2)]
    path = write_video(tmp_path / "turned.mp4", stored, filters="setsar=2", rotation_deg=rotation_deg)
    info, frames, _ = frames_of(path)
    assert (info.width, info.height) == ((96, 128) if rotation_deg == 90 else (192, 64))
    assert {frame.image.shape for frame in frames} == {(info.height, info.width, 3)}
    assert [read_number(frame.image) for frame in frames] == [0, 1]


def say_pixels(path: Path, across: int, down: int) -> Path:
    """Overwrite what an MP4 file says of its pixels."""
    data = bytearray(path.read_bytes())
    start = data.index(b"pasp") + 4
    data[start : start + 8] = struct.pack(">II", across, down)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("ratio", [(1000, 1), (1, 1000), (4_000_000_000, 1), (1, 9), (17, 2)], ids=str)
def test_pixels_that_cannot_be_stay_square_and_that_is_said(tmp_path, ratio):
    info, frames, warnings = frames_of(say_pixels(write(tmp_path / "odd.mp4", "4/3"), *ratio))
    assert (info.width, info.height) == (96, 64)
    assert [read_number(frame.image) for frame in frames] == [0, 1, 2]
    assert len(warnings) == 1 and "times as wide as high" in warnings[0]
    assert ProbeRecord.of(info).sample_aspect_ratio is None


@pytest.mark.parametrize("ratio", [(0, 1), (1, 0), (0, 0), (1280, 1281), (1281, 1280), (99, 100)], ids=str)
def test_pixels_of_no_shape_or_nearly_square_ones_are_left_alone(tmp_path, ratio):
    """Of 0:1 ffmpeg says nothing."""
    info, frames, warnings = frames_of(say_pixels(write(tmp_path / "odd.mp4", "4/3"), *ratio))
    # Where the container does not tell, the codec does, which was written with 4:3.
    assert (info.width, info.height) == ((128, 64) if 0 in ratio else (96, 64))
    assert {frame.image.shape[:2] for frame in frames} == {(64, info.width)}
    assert warnings == []


def test_a_picture_is_not_stretched_beyond_what_memory_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(types, "MAX_PIXELS", 4 * 96 * 64 - 1)
    _, frames, warnings = frames_of(write(tmp_path / "wide.mp4", "4"))
    assert {frame.image.shape for frame in frames} == {(64, 96, 3)}
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("name", "options"), [("a.png", {"dpi": (72, 36)}), ("a.jpg", {"dpi": (300, 72), "quality": 95})]
)
def test_density_of_stills_is_for_printers(tmp_path, name, options):
    Image.fromarray(number_frame(5)).save(tmp_path / name, **options)
    info, frames, warnings = frames_of(tmp_path / name)
    assert (info.width, info.height, warnings) == (96, 64, [])
    assert read_number(frames[0].image) == 5


@pytest.fixture(scope="module")
def stretched(tmp_path_factory) -> Frame:
    path = write(tmp_path_factory.mktemp("stretched") / "a.mp4", "3/2")
    frame = frames_of(path, EVERY)[1][2]
    assert isinstance(frame.pixels, StretchedPixels)
    return frame


@pytest.mark.parametrize("region", [(0, 64, 0, 144), (3, 40, 50, 143), (10, 11, 0, 1)], ids=str)
def test_a_part_of_a_stretched_picture(stretched, region):
    top, bottom, left, right = region
    np.testing.assert_array_equal(stretched.pixels[top:bottom, left:right], stretched.image[top:bottom, left:right])


@pytest.mark.parametrize("side", [200, 120, 72, 36])
def test_a_small_copy_of_a_stretched_picture(stretched, side):
    small = stretched.shrunk(side)
    assert max(small.shape) == min(side, 144)
    assert read_number(small) == 2


def test_the_same_samples_in_another_form_are_another_picture(stretched):
    narrower = replace(stretched, form=replace(stretched.form, sample_aspect_ratio=Fraction(4, 3)))
    assert stretched.looks_like(replace(stretched, time_s=9.0))
    assert not stretched.looks_like(narrower)


def test_a_result_that_was_stored_before_pixels_were_stretched_has_no_pictures(tmp_path):
    path = write(tmp_path / "wide.mp4", "4/3")
    result = verdict(path, media=probe(path))
    assert reopen(result, path).width == 128
    earlier = replace(result, input=replace(result.input, probe=replace(result.probe, width=96)))
    with pytest.raises(PicturesError, match="scan it anew") as caught:
        reopen(earlier, path)
    assert caught.value.reason == "unreadable"
