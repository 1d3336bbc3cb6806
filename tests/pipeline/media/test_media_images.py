"""Images and animations."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from pipeline.media import MediaError, image_files, probe
from pipeline.media.sampling import SamplingPlan
from tests.media_files import EVERY, frames_of, number_frame, number_frames, read_number, stored_frame

ORIENTATIONS = {
    1: (0, False),
    2: (0, True),
    3: (180, False),
    4: (180, True),
    5: (270, True),
    6: (90, False),
    7: (90, True),
    8: (270, False),
}


def save(path, array: np.ndarray, mode: str | None = None, **options) -> None:
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)


@pytest.mark.parametrize("plan", [EVERY, SamplingPlan.spread(32), SamplingPlan.at_fps(2)], ids=str)
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.bmp", "a.tiff", "a.gif", "a.avif"])
def test_still_is_one_frame(tmp_path, name, plan):
    save(tmp_path / name, number_frame(1234))
    info, frames, warnings = frames_of(tmp_path / name, plan)
    assert (info.kind, info.frame_count, info.duration_s, info.frame_rate) == ("image", 1, 0.0, None)
    assert (info.width, info.height) == (96, 64)
    assert info.decoder.startswith("Pillow ")
    assert [(frame.index, frame.time_s) for frame in frames] == [(0, 0.0)]
    assert read_number(frames[0].image) == 1234
    assert frames[0].image.flags.writeable
    assert warnings == []


@pytest.mark.parametrize("name", ["photo.mp4", "%03d.png", "-.jpg", "no suffix"])
def test_name_does_not_matter(tmp_path, name):
    save(tmp_path / name, number_frame(5), format="PNG")
    info, frames, _ = frames_of(tmp_path / name)
    assert info.codec == "png"
    assert read_number(frames[0].image) == 5


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tiff", "a.avif"])
def test_exif_orientation(tmp_path, name, orientation):
    rotation_deg, mirrored = ORIENTATIONS[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(tmp_path / name, stored_frame(number_frame(99), rotation_deg, mirrored), exif=exif)
    info, frames, _ = frames_of(tmp_path / name)
    assert read_number(frames[0].image) == 99
    assert (info.rotation_deg, info.mirrored) == (rotation_deg, mirrored)
    assert (info.width, info.height) == (96, 64)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("cmyk.jpg", "CMYK"),
        ("cmyk.tiff", "CMYK"),
        ("palette.png", "P"),
        ("palette.gif", "P"),
        ("ycc.jpg", "YCbCr"),
        ("opaque.png", "RGBA"),
        ("opaque.webp", "RGBA"),
    ],
)
def test_color_modes(tmp_path, name, mode):
    save(tmp_path / name, number_frame(77), mode)
    _, frames, _ = frames_of(tmp_path / name)
    assert read_number(frames[0].image) == 77


@pytest.mark.parametrize(("name", "mode"), [("a.png", "L"), ("a.jpg", "L"), ("a.png", "LA"), ("a.png", "1")])
def test_grey(tmp_path, name, mode):
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[None], 32, axis=0)
    save(tmp_path / name, ramp, mode, **({"quality": 100} if name == "a.jpg" else {}))
    _, frames, _ = frames_of(tmp_path / name)
    image = frames[0].image
    assert image.shape == (32, 64, 3)
    assert np.ptp(image, axis=2).max() == 0
    if mode != "1":
        assert np.abs(image[16, :, 0].astype(int) - ramp[16]).max() <= 1


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_sixteen_bits_are_scaled(tmp_path, name):
    values = np.array([[0, 128, 129, 257, 32768, 65407, 65535]], dtype=np.uint16)
    save(tmp_path / name, values)
    _, frames, _ = frames_of(tmp_path / name)
    assert frames[0].image[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255, 255]


@pytest.mark.parametrize("orientation", [3, 6])
def test_sixteen_bits_upright(tmp_path, orientation):
    values = np.array([[0, 65535, 65535], [65535, 65535, 65535]], dtype=np.uint16)
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(tmp_path / "a.png", values, exif=exif)
    _, frames, _ = frames_of(tmp_path / "a.png")
    assert np.argwhere(frames[0].image[..., 0] == 0).tolist() == [{3: [1, 2], 6: [0, 1]}[orientation]]


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_translucent_lies_on_grey(tmp_path, name):
    image = np.zeros((8, 8, 4), np.uint8)
    image[:4] = (255, 0, 0, 255)
    image[4:] = (255, 0, 0, 0)
    save(tmp_path / name, image, **({"lossless": True} if name == "a.webp" else {}))
    _, frames, _ = frames_of(tmp_path / name)
    assert frames[0].image[0, 0].tolist() == [255, 0, 0]
    assert frames[0].image[7, 0].tolist() == [128, 128, 128]


def test_transparent_palette_lies_on_grey(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((0, 0), 0)
    image.save(tmp_path / "a.png", transparency=0)
    _, frames, _ = frames_of(tmp_path / "a.png")
    assert frames[0].image[0, 0].tolist() == [128, 128, 128]
    assert frames[0].image[1, 1].tolist() == [0, 255, 0]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_wider_pixels_are_unsupported(tmp_path, mode):
    Image.new(mode, (4, 4)).save(tmp_path / "a.tiff")
    with pytest.raises(MediaError, match="convert it to 8-bit RGB") as caught:
        frames_of(tmp_path / "a.tiff")
    assert caught.value.status == "unsupported"


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif", "a.webp"])
def test_one_pixel(tmp_path, name):
    save(tmp_path / name, np.full((1, 1, 3), 255, np.uint8))
    _, frames, _ = frames_of(tmp_path / name)
    assert frames[0].image.tolist() == [[[255, 255, 255]]]


@pytest.mark.parametrize("name", ["a.webp", "a.gif", "a.png", "a.avif"])
def test_animation_is_a_video(tmp_path, name):
    first, *rest = (Image.fromarray(frame) for frame in number_frames(12))
    first.save(tmp_path / name, save_all=True, append_images=rest, duration=[100, 50] * 6, quality=95)
    starts_s = [0.0, 0.1, 0.15, 0.25, 0.3, 0.4, 0.45, 0.55, 0.6, 0.7, 0.75, 0.85]
    info, frames, warnings = frames_of(tmp_path / name)
    assert (info.kind, info.frame_count, info.variable_frame_rate) == ("video", 12, True)
    assert info.duration_s == pytest.approx(0.9)
    assert info.frame_rate == pytest.approx(11 / 0.85)
    assert [read_number(frame.image) for frame in frames] == list(range(12))
    assert [frame.index for frame in frames] == list(range(12))
    np.testing.assert_allclose([frame.time_s for frame in frames], starts_s)
    np.testing.assert_allclose(info.frame_times_s, starts_s)
    assert warnings == []

    _, frames, _ = frames_of(tmp_path / name, SamplingPlan.spread(3))
    assert [read_number(frame.image) for frame in frames] == [2, 6, 10]
    _, frames, _ = frames_of(tmp_path / name, SamplingPlan.at_fps(4))
    assert [read_number(frame.image) for frame in frames] == [0, 3, 7, 10]


def test_frames_without_a_time_are_shown_as_browsers_do(tmp_path):
    first, *rest = (Image.fromarray(frame) for frame in number_frames(3))
    first.save(tmp_path / "a.gif", save_all=True, append_images=rest, duration=0)
    info, _, _ = frames_of(tmp_path / "a.gif")
    np.testing.assert_allclose(info.frame_times_s, [0, 0.1, 0.2])


def test_only_the_first_page_of_a_document(tmp_path):
    first, *rest = (Image.fromarray(frame) for frame in number_frames(3))
    first.save(tmp_path / "a.tiff", save_all=True, append_images=rest)
    info, frames, warnings = frames_of(tmp_path / "a.tiff")
    assert info.kind == "image"
    assert [read_number(frame.image) for frame in frames] == [0]
    assert info.not_looked_at == ("pages 2 to 3",)
    assert warnings == ["Not looked at: pages 2 to 3."]


@pytest.mark.parametrize(
    ("name", "share"),
    [
        *(("a.webp", 0.5), ("a.avif", 0.5)),  # these come whole or not at all
        *((name, 0.06) for name in ("a.jpg", "a.png", "a.tiff", "a.gif", "a.bmp")),
    ],
)
def test_cut_off_image(tmp_path, name, share):
    noise = np.random.default_rng(0).integers(0, 256, (256, 384, 3), dtype=np.uint8)
    save(tmp_path / name, noise)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: round(len(data) * share)])
    with pytest.raises(MediaError) as caught:
        frames_of(tmp_path / name)
    assert caught.value.status == "undecodable"
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["a.gif", "a.png"])
def test_cut_off_animation_gives_the_frames_that_are_there(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 256, (10, 64, 96, 3), dtype=np.uint8)
    first, *rest = (Image.fromarray(frame) for frame in noise)
    first.save(tmp_path / name, save_all=True, append_images=rest, duration=100)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) * 55 // 100])
    _, frames, warnings = frames_of(tmp_path / name)
    assert 4 <= len(frames) <= 6
    assert len(warnings) == 1
    assert "damaged" in warnings[0]


@pytest.mark.parametrize("start", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"MM\0*", b"RIFF1234WEBP"])
def test_nothing_but_a_signature(tmp_path, start):
    path = tmp_path / "a.jpg"
    path.write_bytes(start + b"\0\1\2\3" * 20)
    with pytest.raises(MediaError) as caught:
        frames_of(path)
    assert caught.value.status == "undecodable"


def test_decompression_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "MAX_PIXELS", 96 * 64 - 1)
    save(tmp_path / "a.png", number_frame(1))
    with pytest.raises(MediaError, match="96 x 64") as caught:
        probe(tmp_path / "a.png")
    assert caught.value.status == "unsupported"


def test_heic(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a.heic", stored_frame(number_frame(9), 90), exif=exif.tobytes())
    info, frames, _ = frames_of(tmp_path / "a.heic")
    assert (info.width, info.height) == (96, 64)
    assert read_number(frames[0].image) == 9


def test_heic_without_its_library(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(100))
    with pytest.raises(MediaError, match="pillow-heif") as caught:
        probe(path)
    assert caught.value.status == "unsupported"
