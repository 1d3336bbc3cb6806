"""Pictures that come as luma and chroma: what is converted here must be what ffmpeg would have converted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.media import Frame, MediaInfo, open_frames, probe
from pipeline.media.pixels import RgbPixels, YuvLayout, YuvPixels
from pipeline.media.sampling import SamplingPlan
from tests.media_files import number_frames, write_video

EVERY = SamplingPlan.every_frame()


def colourful(size: tuple[int, int], seed: int) -> np.ndarray:
    """Draw soft blobs of all colours with hard edges between some, RGB uint8."""
    width, height = size
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), size, interpolation=cv2.INTER_CUBIC)
    image[height // 3 : height // 2, width // 4 : width // 2] = (255, 0, 0)
    image[height // 2 : height // 2 + 5, width // 3 :] = (0, 0, 255)
    return image


def write_colourful(
    path: Path, pixel_format: str, colours: str = "bt709:tv", size: tuple[int, int] = (160, 92)
) -> Path:
    matrix, value_range = colours.split(":")
    return write_video(
        path,
        [colourful(size, seed) for seed in range(2)],
        pixel_format=pixel_format,
        filters=f"scale=out_color_matrix={matrix}:out_range={value_range},format={pixel_format},"
        f"setparams=colorspace={'bt2020nc' if matrix == 'bt2020' else matrix}:range={value_range}",
        options=["-qp", 8],
    )


def frames_of(info: MediaInfo, plan: SamplingPlan = EVERY) -> list[Frame]:
    with open_frames(info, plan) as reader:
        return list(reader)


def converted_by_ffmpeg(info: MediaInfo, monkeypatch) -> list[np.ndarray]:
    with monkeypatch.context() as patch:
        patch.setattr(YuvLayout, "of", lambda form: None)
        frames = frames_of(info)
    assert all(isinstance(frame.pixels, RgbPixels) for frame in frames)
    return [frame.image for frame in frames]


@pytest.fixture
def frame(tmp_path) -> Frame:
    frame = frames_of(probe(write_colourful(tmp_path / "a.mkv", "yuv420p")))[0]
    assert isinstance(frame.pixels, YuvPixels)
    return frame


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p"])
@pytest.mark.parametrize("colours", ["bt709:tv", "bt709:pc", "smpte170m:tv", "smpte170m:pc", "bt2020:tv"])
def test_equals_the_conversion_of_ffmpeg(tmp_path, monkeypatch, pixel_format, colours):
    info = probe(write_colourful(tmp_path / "a.mkv", pixel_format, colours))
    frames = frames_of(info)
    assert all(isinstance(frame.pixels, YuvPixels) for frame in frames)
    for frame, expected in zip(frames, converted_by_ffmpeg(info, monkeypatch), strict=True):
        assert np.ptp(expected) > 200
        assert np.abs(frame.image.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("size", [(160, 92), (1300, 300)], ids=str)
def test_equals_it_where_the_file_names_no_matrix(tmp_path, monkeypatch, size):
    frames = [colourful(size, 0)]
    info = probe(write_video(tmp_path / "a.mp4", frames, options=["-qp", 8]))
    assert info.color_matrix is None
    (expected,) = converted_by_ffmpeg(info, monkeypatch)
    assert np.abs(frames_of(info)[0].image.astype(int) - expected).max() <= 1


def test_some_formats_have_full_range_by_themselves(tmp_path):
    info = probe(write_colourful(tmp_path / "a.mkv", "yuv420p", "bt709:pc"))
    unmarked = replace(info, pixel_format="yuvj420p", color_range=None)
    full, assumed = (YuvLayout.of(facts.form).to_rgb for facts in (info, unmarked))
    np.testing.assert_array_equal(assumed, full)


@pytest.mark.parametrize(
    ("pixel_format", "size", "options"),
    [
        ("yuv420p10le", (96, 64), []),
        ("yuv444p", (95, 63), []),
        ("yuv420p", (96, 64), ["-flags", "+ildct+ilme"]),
        ("gbrp", (96, 64), ["-c:v", "ffv1"]),
    ],
    ids=["10 bit", "odd", "interlaced", "rgb"],
)
def test_unusual_formats(tmp_path, pixel_format, size, options):
    filters = "setfield=tff" if options[:1] == ["-flags"] else "null"
    path = tmp_path / ("a.ts" if filters != "null" else "a.mkv")
    info = probe(write_video(path, number_frames(2, size), pixel_format=pixel_format, filters=filters, options=options))
    kind = YuvPixels if pixel_format == "yuv444p" else RgbPixels
    assert {type(frame.pixels) for frame in frames_of(info)} == {kind}


@pytest.mark.parametrize(
    ("top", "bottom", "left", "right"),
    [(0, 92, 0, 160), (0, 1, 0, 1), (91, 92, 159, 160), (1, 2, 1, 2), (7, 40, 33, 98), (10, 91, 0, 1), (20, 20, 5, 9)],
)
def test_a_part_is_that_part_of_the_whole(frame, top, bottom, left, right):
    part = frame.pixels[top:bottom, left:right]
    assert part.dtype == np.uint8
    np.testing.assert_array_equal(part, frame.image[top:bottom, left:right])


def test_a_part_of_a_large_picture(tmp_path):
    """Large enough to be converted in bands."""
    frame = frames_of(probe(write_colourful(tmp_path / "a.mp4", "yuv420p", size=(1280, 720))))[0]
    np.testing.assert_array_equal(frame.pixels[101:650, 3:1201], frame.image[101:650, 3:1201])


def test_the_whole_is_an_array_of_its_own(frame):
    image = frame.image
    assert image.shape == frame.pixels.shape == (92, 160, 3)
    assert image.flags.writeable
    assert frame.nbytes == 160 * 92 * 3 // 2
    assert frame.image is image


@pytest.mark.parametrize(("side", "size"), [(80, (46, 80)), (60, (34, 60)), (33, (19, 33)), (400, (92, 160))])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "gbrp"])
def test_shrunk(tmp_path, side, size, pixel_format):
    path = write_video(
        tmp_path / "a.mkv",
        [cv2.GaussianBlur(colourful((160, 92), 1), (0, 0), 4) // 2 + 64],
        codec="ffv1",
        pixel_format=pixel_format,
    )
    (frame,) = frames_of(probe(path))
    small = frame.shrunk(side)
    assert (small.shape, small.dtype) == ((*size, 3), np.uint8)
    expected = cv2.resize(frame.image, size[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).max() <= 4
    assert np.abs(small.astype(int) - expected).mean() < 0.6


@pytest.mark.parametrize("pixel_format", ["yuv420p", "gbrp"])
def test_looks_like(tmp_path, pixel_format):
    first, second = colourful((160, 92), 0), colourful((160, 92), 0)
    second[50, 80] ^= 8
    path = write_video(tmp_path / "a.mkv", [first, first, second], codec="ffv1", pixel_format=pixel_format)
    frames = frames_of(probe(path))
    assert frames[1].looks_like(frames[0])
    assert not frames[2].looks_like(frames[1])
