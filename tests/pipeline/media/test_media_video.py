"""Codecs, containers, orientation and colours of videos."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.media import Frame, conversion, decoding_report, probe
from pipeline.media.sampling import SamplingPlan
from tests.media_files import (
    frames_of,
    has_encoder,
    number_frame,
    number_frames,
    read_number,
    run_ffmpeg,
    stored_frame,
    write_video,
)


def numbers_of(frames: list[Frame]) -> list[int]:
    return [read_number(frame.image) for frame in frames]


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "options"),
    [
        ("h264.mp4", "libx264", "yuv420p", []),
        ("h264 10 bit.mkv", "libx264", "yuv420p10le", []),
        ("h264 4:4:4.mp4", "libx264", "yuv444p", []),
        ("h264.flv", "libx264", "yuv420p", []),
        ("h264.ts", "libx264", "yuv420p", ["-bf", 2]),
        ("h264 full range.mp4", "libx264", "yuvj420p", []),
        ("hevc.mp4", "libx265", "yuv420p", ["-x265-params", "log-level=none", "-tag:v", "hvc1"]),
        ("hevc 10 bit.mkv", "libx265", "yuv420p10le", ["-x265-params", "log-level=none"]),
        ("vp8.webm", "libvpx", "yuv420p", ["-auto-alt-ref", 1, "-lag-in-frames", 8, "-b:v", "1M"]),
        ("vp9.webm", "libvpx-vp9", "yuv420p", ["-lag-in-frames", 8, "-b:v", "1M", "-cpu-used", 8]),
        ("vp9 with alpha.webm", "libvpx-vp9", "yuva420p", ["-b:v", "1M", "-auto-alt-ref", 0, "-cpu-used", 8]),
        ("av1.mp4", "libsvtav1", "yuv420p", ["-preset", 8, "-crf", 15, "-svtav1-params", "lp=1"]),
        ("av1.mkv", "libaom-av1", "yuv420p", ["-cpu-used", 8]),
        ("mpeg4.avi", "mpeg4", "yuv420p", ["-bf", 2, "-q:v", 2]),
        ("mpeg2.mpg", "mpeg2video", "yuv420p", ["-bf", 2, "-q:v", 2]),
        ("mjpeg.mov", "mjpeg", "yuvj420p", ["-q:v", 2]),
        ("mjpeg.avi", "mjpeg", "yuvj420p", ["-q:v", 2]),
        ("prores.mov", "prores_ks", "yuva444p10le", []),
        ("lossless.mkv", "ffv1", "gbrp", []),
        ("palette.mov", "qtrle", "rgb24", []),
        ("theora.ogv", "libtheora", "yuv420p", ["-q:v", 9]),
        ("wmv.wmv", "wmv2", "yuv420p", ["-q:v", 2]),
        ("bare.h264", "libx264", "yuv420p", ["-bf", 2]),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_codecs(tmp_path, name, codec, pixel_format, options):
    if not has_encoder(codec):
        pytest.skip(f"this ffmpeg has no {codec}")
    fps = 25 if name.endswith((".mpg", ".h264")) else 10  # MPEG-2 knows few rates, a bare stream none but 25
    path = write_video(
        tmp_path / name, number_frames(12), fps=fps, codec=codec, pixel_format=pixel_format, options=options
    )
    info, frames, warnings = frames_of(path)
    assert numbers_of(frames) == list(range(12))
    assert [frame.index for frame in frames] == list(range(12))
    assert warnings == []
    assert (info.width, info.height) == (96, 64)
    assert info.frame_count == 12
    intervals_s = np.diff([frame.time_s for frame in frames])
    np.testing.assert_allclose(intervals_s, 1 / fps, atol=2e-3)
    assert not info.variable_frame_rate

    _, spread, _ = frames_of(path, SamplingPlan.spread(4))
    assert len(spread) == 4
    assert numbers_of(spread) == [frame.index for frame in spread]


@pytest.mark.parametrize("mirrored", [False, True], ids=["", "mirrored"])
@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_orientation(tmp_path, rotation_deg, mirrored):
    stored = [stored_frame(number_frame(number), rotation_deg, mirrored) for number in range(3)]
    path = write_video(tmp_path / "turned.mp4", stored, rotation_deg=rotation_deg, mirrored=mirrored)
    info, frames, _ = frames_of(path)
    assert numbers_of(frames) == [0, 1, 2]
    assert (info.rotation_deg, info.mirrored) == (rotation_deg, mirrored)
    assert (info.width, info.height) == (96, 64)


@pytest.mark.parametrize("size", [(95, 63), (97, 50), (64, 96)], ids=str)
def test_odd_sizes(tmp_path, size):
    path = write_video(tmp_path / "odd.mkv", number_frames(4, size), pixel_format="yuv444p")
    info, frames, _ = frames_of(path)
    assert numbers_of(frames) == [0, 1, 2, 3]
    assert (info.width, info.height) == size


def test_one_pixel(tmp_path):
    white = np.full((1, 1, 3), 255, np.uint8)
    path = write_video(tmp_path / "dot.mkv", [white] * 3, codec="ffv1", pixel_format="gbrp")
    _, frames, _ = frames_of(path)
    assert [frame.image.tolist() for frame in frames] == [white.tolist()] * 3


def test_best_of_several_video_streams(tmp_path):
    small = write_video(tmp_path / "small.mp4", number_frames(5, (48, 32)))
    large = write_video(tmp_path / "large.mp4", number_frames(8))
    both = tmp_path / "both.mkv"
    maps = ["-map", 0, "-map", 1, "-c", "copy"]
    run_ffmpeg("-i", small, "-i", large, *maps, "-disposition:v", 0, both)
    info, frames, _ = frames_of(both)
    assert (info.width, info.stream, info.frame_count) == (96, 1, 8)
    assert numbers_of(frames) == list(range(8))

    run_ffmpeg("-i", small, "-i", large, *maps, "-disposition:v:0", "default", "-disposition:v:1", 0, both)
    assert probe(both).width == 48


def test_webm_without_duration(tmp_path):
    path = write_video(tmp_path / "stream.webm", number_frames(12), codec="libvpx", options=["-live", 1, "-b:v", "1M"])
    info, frames, _ = frames_of(path, SamplingPlan.spread(4))
    assert info.declared_duration_s is None
    assert info.duration_s == pytest.approx(1.2, abs=0.01)
    assert numbers_of(frames) == [1, 4, 7, 10]


def test_interlaced_is_deinterlaced(tmp_path):
    """Two moments woven into one frame show as a comb of rows unless they are told apart."""
    woven = []
    for top, bottom in [(30, 220), (90, 180), (200, 60), (40, 150), (230, 100)]:
        frame = np.full((64, 96, 3), top, np.uint8)
        frame[1::2] = bottom
        woven.append(frame)
    lossless = ["-qp", 1, "-g", 1]
    fields = write_video(
        tmp_path / "fields.ts", woven, filters="setfield=tff", options=[*lossless, "-flags", "+ildct+ilme"]
    )
    info, frames, _ = frames_of(fields)
    assert info.interlaced
    assert len(frames) == 5
    assert comb(frames[2].image) < 30

    info, frames, _ = frames_of(write_video(tmp_path / "lines.ts", woven, options=lossless))
    assert not info.interlaced
    assert comb(frames[2].image) > 120


def comb(image: np.ndarray) -> float:
    """Mean step from one row to the next, off the borders."""
    return float(np.abs(np.diff(image[8:-8, 48, 0].astype(int))).mean())


COLORS = [(200, 60, 60), (60, 180, 70), (50, 70, 190), (225, 180, 150), (110, 70, 50), (128,) * 3, (240,) * 3]


def patches(width: int, height: int) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    for number, color in enumerate(COLORS):
        image[:, number * width // len(COLORS) :] = color
    return image


@pytest.mark.parametrize(
    ("size", "matrix", "value_range", "tags"),
    [
        ((280, 64), "bt709", "tv", "colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"),
        ((280, 64), "smpte170m", "tv", "colorspace=smpte170m:range=tv"),
        ((280, 64), "bt2020", "tv", "colorspace=bt2020nc:range=tv"),
        ((280, 64), "bt709", "pc", "colorspace=bt709:range=pc"),
        ((1290, 40), "smpte170m", "tv", "colorspace=smpte170m:range=tv"),
        ((280, 64), "smpte170m", "tv", None),
        ((1290, 40), "bt709", "tv", None),
        ((40, 600), "bt709", "tv", None),
    ],
    ids=lambda value: str(value).split(":")[0],
)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p10le"])
def test_colors(tmp_path, size, matrix, value_range, tags, pixel_format):
    """Colours come out whatever the matrix, named by a tag or taken for granted at that size."""
    image = patches(*size)
    convert = f"scale=out_color_matrix={matrix}:out_range={value_range}:flags=accurate_rnd+full_chroma_int"
    tag = f",setparams={tags or 'colorspace=unknown:color_primaries=unknown:range=unknown'}"
    path = write_video(
        tmp_path / "colors.mkv",
        [image] * 2,
        pixel_format=pixel_format,
        filters=f"{convert},format={pixel_format}{tag}",
        options=["-qp", 1],
    )
    info, frames, warnings = frames_of(path)
    assert (info.color_matrix is None) == (tags is None)
    assert warnings == []
    width, height = size
    for number, color in enumerate(COLORS):
        seen = frames[0].image[height // 2, (2 * number + 1) * width // (2 * len(COLORS))]
        assert np.abs(seen.astype(int) - color).max() <= 4, f"{color} came out as {seen}"


def test_color_of_a_turned_video_is_that_of_the_stored_one(tmp_path):
    image = patches(280, 600)
    convert = "scale=out_color_matrix=smpte170m:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv444p"
    path = write_video(
        tmp_path / "turned.mp4",
        [np.rot90(image)] * 2,
        pixel_format="yuv444p",
        filters=f"{convert},setparams=colorspace=unknown:color_primaries=unknown:range=unknown",
        options=["-qp", 1],
        rotation_deg=90,
    )
    info, frames, _ = frames_of(path)
    assert (info.width, info.height, info.color_matrix) == (280, 600, None)
    assert np.abs(frames[0].image[300, 20].astype(int) - COLORS[0]).max() <= 4


def hdr_steps(path, transfer: str, codes: list[float], tags: str = "") -> list[int]:
    """Write grey steps with these code values (0..1), and give the grey levels that come out."""
    image = np.repeat(np.array(codes) * 255, 16).round().astype(np.uint8)
    image = np.broadcast_to(image[None, :, None], (64, image.size, 3)).copy()
    tags = tags or f"colorspace=bt2020nc:color_primaries=bt2020:color_trc={transfer}:range=tv"
    write_video(
        path,
        [image] * 2,
        pixel_format="yuv420p10le",
        filters=f"scale=out_color_matrix=bt2020:out_range=tv,format=yuv420p10le,setparams={tags}",
        options=["-qp", 1],
    )
    info, frames, warnings = frames_of(path)
    assert info.hdr_transfer == transfer
    assert warnings == []
    levels = frames[0].image[32, 8::16].astype(int)
    assert np.ptp(levels, axis=1).max() <= 1, "grey came out coloured"
    return levels[:, 0].tolist()


def pq(nits: float) -> float:
    """Code value of a luminance, SMPTE ST 2084."""
    y = (nits / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


@pytest.mark.parametrize(
    "tags", ["", "color_trc=smpte2084:colorspace=unknown:color_primaries=unknown:range=unknown"], ids=["", "bare"]
)
def test_pq_is_tone_mapped(tmp_path, tags):
    codes = [pq(nits) for nits in (0, 20.3, 40.6, 203, 1000)]
    levels = hdr_steps(tmp_path / "pq.mkv", "smpte2084", codes, tags)
    # Light below half of the white of 203 cd/m2 comes out as it is, coded for a display of gamma 2.4.
    expected = [round(255 * x ** (1 / 2.4)) for x in (0.1, 0.2)]
    assert levels[0] <= 2
    assert levels[1:3] == pytest.approx(expected, abs=5)
    assert 215 < levels[3] < 240 < levels[4]


def test_hlg_is_tone_mapped(tmp_path):
    levels = hdr_steps(tmp_path / "hlg.mkv", "arib-std-b67", [0, 0.25, 0.5, 0.75, 1])
    assert levels[0] <= 2
    assert levels == sorted(levels)
    assert 215 < levels[3] < 240 < levels[4]  # 75% is reference white


def test_hdr_without_tone_mapping_is_said(tmp_path, monkeypatch):
    path = tmp_path / "pq.mkv"
    hdr_steps(path, "smpte2084", [0, 0.5, 1])
    for module in (conversion, decoding_report):
        monkeypatch.setattr(module, "has_filter", lambda binary, name: False)
    _, frames, warnings = frames_of(path)
    assert len(frames) == 2
    assert len(warnings) == 1
    assert "HDR" in warnings[0]
