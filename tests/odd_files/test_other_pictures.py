"""Files that hold more pictures than those that are looked at: what was not is named."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from pipeline.media import probe
from pipeline.results.parts import ProbeRecord
from pipeline.results.schema import schema
from pipeline.results.verdict import Verdict
from tests.evidence import verdict
from tests.media_files import frames_of, number_frame, number_frames, read_number, run_ffmpeg, write_video

BEHIND = "a video behind the image (motion photo)"


def encoded(form: str, number: int = 7, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(number_frame(number)).save(file, form, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("streams")
    write_video(folder / "large.mp4", number_frames(10))
    write_video(folder / "small.mp4", number_frames(10, (48, 32)), sound=True)
    write_video(folder / "vp8.webm", number_frames(10, (80, 48)), codec="libvpx", options=["-b:v", "1M"])
    (folder / "cover.png").write_bytes(encoded("PNG"))
    return folder


STREAMS = {
    "two cameras.mkv": (["large.mp4", "small.mp4"], [], ["video stream 1 (h264, 48 x 32)"]),
    "two cameras.mp4": (["large.mp4", "small.mp4"], [], ["video stream 1 (h264, 48 x 32)"]),
    "two cameras.ts": (["large.mp4", "small.mp4"], [], ["video stream 1 (h264, 48 x 32)"]),
    "three cameras.mkv": (
        ["small.mp4", "large.mp4", "vp8.webm"],
        [],
        ["video stream 0 (h264, 48 x 32)", "video stream 2 (vp8, 80 x 48)"],
    ),
    "film with a cover.mp4": (["large.mp4", "cover.png"], ["-disposition:v:1", "attached_pic"], []),
    "film with a cover.mkv": (["large.mp4"], ["-attach", "cover.png", "-metadata:s:t", "mimetype=image/png"], []),
}


@pytest.mark.parametrize("name", STREAMS)
def test_other_streams_of_a_video(folder, tmp_path, name):
    inputs, options, others = STREAMS[name]
    sources = [word for file in inputs for word in ("-i", folder / file)]
    maps = [word for number in range(len(inputs)) for word in ("-map", f"{number}:v")]
    options = [folder / option if option == "cover.png" else option for option in options]
    run_ffmpeg(*sources, *maps, "-c", "copy", "-disposition:v", 0, *options, tmp_path / name)
    info, frames, warnings = frames_of(tmp_path / name)
    assert (info.width, len(frames)) == (96, 10)
    assert list(info.not_looked_at) == others
    assert warnings == ([f"Not looked at: {'; '.join(others)}."] if others else [])


def with_thumbnail(number: int) -> bytes:
    """A JPEG with a thumbnail in its EXIF, which is a JPEG too."""
    exif = Image.Exif()
    exif[0x0112] = 1
    tags = exif.tobytes()
    thumbnail = encoded("JPEG", number)
    return encoded("JPEG", 7, exif=tags + b"\0" * 10 + thumbnail)


def several(kinds: list[int]) -> bytes:
    """A picture with others behind it in an index of the CIPA (MPO), of these kinds."""
    first, *others = (Image.fromarray(number_frame(number)) for number in range(7, 8 + len(kinds)))
    file = io.BytesIO()
    first.save(file, "MPO", save_all=True, append_images=others)
    data = bytearray(file.getvalue())
    # Entries of 16 bytes, little-endian here, begin with the kind; their first is of the first picture.
    entries = data.index(struct.pack("<HHL", 0xB002, 7, 16 * (1 + len(kinds)))) + 8
    start = data.index(b"MPF\0") + 4 + struct.unpack_from("<L", data, entries)[0]
    for place, kind in enumerate(kinds, start=1):
        data[start + 16 * place : start + 16 * place + 4] = struct.pack("<L", kind)
    return bytes(data)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


GAIN_MAP = encoded("JPEG", 1, exif=b"", comment=b"http://ns.adobe.com/hdr-gain-map/1.0/")

STILLS: dict[str, tuple[Callable[[bytes], bytes], list[str]]] = {
    "plain.jpg": (lambda video: encoded("JPEG"), []),
    "progressive.jpg": (lambda video: encoded("JPEG", progressive=True, quality=95), []),
    "thumbnail.jpg": (lambda video: with_thumbnail(3), []),
    "with junk behind.jpg": (lambda video: encoded("JPEG") + bytes(range(256)) * 9, []),
    "with a gain map.jpg": (lambda video: encoded("JPEG") + GAIN_MAP, []),
    "motion photo.jpg": (lambda video: encoded("JPEG") + video, [BEHIND]),
    "motion photo of another maker.jpg": (
        lambda video: with_thumbnail(3) + b"\0\0\1\2MotionPhoto_Data" + video + b"SEFT",
        [BEHIND],
    ),
    "motion photo with a gain map.jpg": (lambda video: encoded("JPEG") + GAIN_MAP + video, [BEHIND]),
    "two lenses.jpg": (lambda video: several([0x020002]), ["another picture behind the image"]),
    "panorama.jpg": (lambda video: several([0x020001] * 3), ["3 more pictures behind the image"]),
    "with previews.jpg": (lambda video: several([0x010001, 0x010002]), []),
    "preview and more.jpg": (lambda video: several([0x010002, 0]), ["another picture behind the image"]),
    "one behind the other.png": (
        lambda video: encoded("PNG") + encoded("PNG", 3),
        ["another picture behind the image"],
    ),
    "video behind.png": (lambda video: encoded("PNG") + video, [BEHIND]),
    "plain.png": (lambda video: encoded("PNG"), []),
    "plain.avif": (lambda video: encoded("AVIF"), []),
    "motion photo.avif": (lambda video: encoded("AVIF") + box(b"mpvd", video), [BEHIND]),
}


@pytest.mark.parametrize("name", STILLS)
def test_what_lies_behind_an_image(folder, tmp_path, name):
    make, others = STILLS[name]
    (tmp_path / name).write_bytes(make((folder / "small.mp4").read_bytes()))
    info, frames, warnings = frames_of(tmp_path / name)
    assert [read_number(frame.image) for frame in frames] == [7]
    assert list(info.not_looked_at) == others
    assert warnings == ([f"Not looked at: {'; '.join(others)}."] if others else [])


def test_an_animation_is_looked_at_whole(tmp_path):
    first, *rest = (Image.fromarray(frame) for frame in number_frames(4))
    for name in ("a.avif", "a.png", "a.gif", "a.webp"):
        first.save(tmp_path / name, save_all=True, append_images=rest, duration=100)
        assert (probe(tmp_path / name).frame_count, probe(tmp_path / name).not_looked_at) == (4, ())


def test_a_damaged_index_of_pictures_hides_none(tmp_path):
    data = bytearray(several([0x010001]))
    data[data.index(b"MPF\0") + 9 : data.index(b"MPF\0") + 13] = b"\xff" * 4
    (tmp_path / "a.jpg").write_bytes(data)
    assert probe(tmp_path / "a.jpg").not_looked_at == ("another picture behind the image",)


def test_the_result_names_it(folder, tmp_path):
    path = tmp_path / "both.mkv"
    maps = ["-map", "0:v", "-map", "1:v", "-c", "copy"]
    run_ffmpeg("-i", folder / "large.mp4", "-i", folder / "small.mp4", *maps, path)
    media = probe(path)
    document = json.loads(json.dumps(verdict(path, media=media).to_json()))
    jsonschema.validate(document, schema())
    assert document["input"]["probe"]["not_looked_at"] == ["video stream 1 (h264, 48 x 32)"]
    assert Verdict.from_json(document).probe == ProbeRecord.of(media)


def test_bytes_of_a_chunk_are_no_picture(tmp_path):
    """A PNG may hold a JPEG in a chunk, as a comment or a profile."""
    data = encoded("PNG")
    hidden = b"jpEg" + encoded("JPEG")
    chunk = struct.pack(">I", len(hidden) - 4) + hidden + struct.pack(">I", zlib.crc32(hidden))
    (tmp_path / "a.png").write_bytes(data[:33] + chunk + data[33:])
    info, frames, _ = frames_of(tmp_path / "a.png")
    assert info.not_looked_at == ()
    assert np.array_equal(frames[0].image, number_frame(7))
