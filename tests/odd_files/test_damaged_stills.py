"""Stills that are cut off, broken, or not what they claim: what decodes is judged, and it is said what is missing."""

from __future__ import annotations

import io
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeline.media import MediaError, open_frames, probe
from pipeline.media.limits import Limits
from tests.bombs import outcome_of
from tests.media_files import EVERY, frames_of


def photo(side: int = 256) -> np.ndarray:
    """Soft shapes with grain, RGB uint8: no two rows are alike, and none has one colour."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(40, 216, (9, 9, 3), np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    grain = rng.integers(-6, 7, (side, side, 3))
    return np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8)


PHOTO = photo()


def encoded(form: str, mode: str = "RGB", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PHOTO).convert(mode).save(file, form, **options)
    return file.getvalue()


def png(width: int, height: int, rows: int, interlaced: bool = False) -> bytes:
    """A well-formed PNG of a size that has data for some rows only, all of one grey."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    compressor = zlib.compressobj(9)
    data = b"".join(compressor.compress(b"\0" + b"\x40" * 3 * width) for _ in range(rows)) + compressor.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


ROTATED = Image.Exif()
ROTATED[0x0112] = 3

KINDS = {
    "a.jpg": encoded("JPEG", quality=90),
    "grey.jpg": encoded("JPEG", "L", quality=90),
    "cmyk.jpg": encoded("JPEG", "CMYK", quality=90),
    "with restarts.jpg": encoded("JPEG", quality=90, restart_marker_blocks=4),
    "a.png": encoded("PNG"),
    "grey.png": encoded("PNG", "LA"),
    "palette.png": encoded("PNG", "P"),
    "a.bmp": encoded("BMP"),
    "a.gif": encoded("GIF", "P"),
    "a.tiff": encoded("TIFF"),
}


@pytest.mark.parametrize("share", [0.3, 0.6])
@pytest.mark.parametrize("name", KINDS)
def test_cut_off_still(tmp_path, name, share):
    whole = tmp_path / f"whole {name}"
    whole.write_bytes(KINDS[name])
    expected = frames_of(whole)[1][0].image.astype(int)
    (tmp_path / name).write_bytes(KINDS[name][: round(len(KINDS[name]) * share)])
    info, frames, warnings = frames_of(tmp_path / name)
    (image,) = [frame.image for frame in frames]
    assert (info.kind, image.shape) == ("image", (256, 256, 3))
    (said,) = [re.search(r"(\d+)% of it is missing", warning) for warning in warnings]
    same = (np.abs(image - expected).max(axis=(1, 2)) <= 1).mean()
    assert same == pytest.approx(share, abs=0.15)
    assert 1 - int(said[1]) / 100 == pytest.approx(same, abs=0.08)


@pytest.mark.parametrize("name", ["a.jpg", "grey.jpg", "cmyk.jpg", "with restarts.jpg"])
@pytest.mark.parametrize("lost", [1, 2])
def test_jpeg_without_its_end_marker(tmp_path, name, lost):
    (tmp_path / name).write_bytes(KINDS[name])
    expected = frames_of(tmp_path / name)[1][0].image
    (tmp_path / name).write_bytes(KINDS[name][:-lost])
    _, frames, warnings = frames_of(tmp_path / name)
    np.testing.assert_array_equal(frames[0].image, expected)
    assert len(warnings) <= 1
    assert all("but the picture is there" in warning for warning in warnings)


@pytest.mark.parametrize("share", [0.4, 0.8])
def test_progressive_jpeg_is_coarser(tmp_path, share):
    data = encoded("JPEG", quality=90, progressive=True)
    (tmp_path / "a.jpg").write_bytes(data[: round(len(data) * share)])
    _, frames, warnings = frames_of(tmp_path / "a.jpg")
    assert np.abs(frames[0].image.astype(int) - PHOTO).mean() < 25
    assert len(warnings) == 1 and "coarser" in warnings[0]


def test_turned_still_that_is_cut_off(tmp_path):
    data = encoded("JPEG", quality=90, exif=ROTATED)
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2])
    _, frames, warnings = frames_of(tmp_path / "a.jpg")
    assert np.abs(frames[0].image[::-1, ::-1][:80].astype(int) - PHOTO[:80]).mean() < 8
    assert len(warnings) == 1


def test_png_that_ends_early_but_well(tmp_path):
    (tmp_path / "a.png").write_bytes(png(256, 256, 100))
    _, frames, warnings = frames_of(tmp_path / "a.png")
    assert set(frames[0].image[:100].ravel()) == {64}
    assert set(frames[0].image[100:].ravel()) == {128}
    assert warnings == ["The image is cut off or damaged: 61% of it is missing."]


@pytest.mark.parametrize("level", [85, 64, 128])
def test_even_picture_is_not_taken_for_a_damaged_one(tmp_path, level):
    for name in ("a.png", "a.bmp", "a.tiff"):
        Image.new("RGB", (64, 48), (level,) * 3).save(tmp_path / name)
        _, frames, warnings = frames_of(tmp_path / name)
        assert (set(frames[0].image.ravel()), warnings) == ({level}, [])


NOTHING = {
    "a row of 256.png": png(256, 256, 1),
    "twenty rows of 256.png": png(256, 256, 20),
    "interlaced, a row of 256.png": png(256, 256, 1, interlaced=True),
    "a row of 13370.png": png(13370, 13370, 1),
    "header of a large picture.jpg": encoded("JPEG").replace(
        struct.pack(">HH", 256, 256), struct.pack(">HH", 13000, 13000)
    ),
    "header of a large picture.bmp": encoded("BMP")[:18] + struct.pack("<II", 13000, 13000) + encoded("BMP")[26:200],
    "a twentieth.jpg": KINDS["a.jpg"][: len(KINDS["a.jpg"]) // 20],
    "a twentieth.png": KINDS["a.png"][: len(KINDS["a.png"]) // 20],
    "half.webp": encoded("WEBP")[: len(encoded("WEBP")) // 2],
}


@pytest.mark.parametrize("name", NOTHING)
def test_still_of_which_next_to_nothing_is_there_is_undecodable(tmp_path, name):
    (tmp_path / name).write_bytes(NOTHING[name])
    with pytest.raises(MediaError) as caught:
        frames_of(tmp_path / name)
    assert caught.value.status == "undecodable"


def test_a_claim_of_many_pixels_takes_no_memory(tmp_path):
    (tmp_path / "a.png").write_bytes(png(13370, 13370, 1))
    outcome = outcome_of(tmp_path / "a.png")
    assert outcome.error.status == "undecodable"
    assert outcome.memory_bytes < 100 << 20


def float_tiff() -> bytes:
    """An RGB TIFF of 32-bit floats, of four pixels in a strip."""
    strip = np.linspace(0, 1, 12, dtype="<f4").tobytes()
    tags = [(256, 3, 1, 2), (257, 3, 1, 2), (258, 3, 3, 200), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 220)]
    tags += [(277, 3, 1, 3), (278, 3, 1, 2), (279, 4, 1, len(strip)), (339, 3, 3, 210)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    data = head.ljust(200, b"\0") + struct.pack("<3H", 32, 32, 32)
    return data.ljust(210, b"\0") + struct.pack("<3H", 3, 3, 3).ljust(10, b"\0") + strip


def twelve_bit_jpeg() -> bytes:
    data = bytearray(encoded("JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("floats.tiff", float_tiff()),
        ("twelve bits.jpg", twelve_bit_jpeg()),
        ("rle.bmp", encoded("BMP").replace(b"\x18\0\0\0\0\0", b"\x18\0\x09\0\0\0", 1)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_pixels_that_are_not_read_are_not_called_damaged(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(MediaError, match="convert it to 8-bit RGB") as caught:
        probe(tmp_path / name)
    assert caught.value.status == "unsupported"


def test_a_tiff_that_breaks_off_amid_its_tags_is_damaged(tmp_path):
    (tmp_path / "a.tiff").write_bytes(float_tiff()[:150])
    with pytest.raises(MediaError) as caught:
        probe(tmp_path / "a.tiff")
    assert caught.value.status == "undecodable"


def test_picture_whose_palette_is_lost(tmp_path):
    whole = KINDS["palette.png"]
    start = whole.index(b"PLTE") - 4
    path = tmp_path / "a.png"
    path.write_bytes(whole[:start] + whole[start + 12 + int.from_bytes(whole[start : start + 4], "big") :])
    error = outcome_of(path, Limits(timeout_s=20)).error
    assert error.status == "undecodable"
    assert "is a damaged image" in str(error)


def test_animation_in_which_a_picture_has_no_palette(tmp_path):
    def picture(palette: bytes) -> bytes:
        place = struct.pack("<HHHHB", 0, 0, 2, 2, 0x80 if palette else 0)
        return b"!\xf9\x04\0\x0a\0\0\0," + place + palette + b"\x02\x03\x44\x02\x05\0"

    palette = b"\0\0\0\xff\xff\xff"
    path = tmp_path / "a.gif"
    head = b"GIF89a" + struct.pack("<HHBBB", 2, 2, 0, 0, 0)
    path.write_bytes(head + picture(b"") + picture(palette) + picture(palette) + b";")
    info = probe(path, limits=Limits(timeout_s=20))
    with open_frames(info, EVERY) as reader:
        assert len(list(reader)) == info.frame_count == 1
    assert reader.warnings == ["Not looked at: pictures behind the first, which cannot be read."]
