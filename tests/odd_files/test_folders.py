"""Folders as they lie on disks: what is taken for a video or picture, what is left out, and that it is said."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from classifiers.datasets import DataError, open_dataset
from pipeline.batch.folders import LeftOut
from pipeline.batch.inputs import expand_inputs
from pipeline.cli import main
from pipeline.evidence.report import report_folder
from pipeline.media import MediaError, SamplingPlan, open_frames, probe
from tests.media_files import has_encoder, number_frame, number_frames, run_ffmpeg, write_video


def encoded(path: Path, *options: object) -> None:
    """Write a few frames in the format that the options say."""
    if "-c:v" in options and not has_encoder(options[options.index("-c:v") + 1]):
        pytest.skip("this ffmpeg cannot write it")
    source = ("-f", "lavfi", "-i", "testsrc=size=96x64:rate=25:duration=0.4")
    run_ffmpeg(*source, *options, path)


def picture(path: Path, image_format: str, **options: object) -> None:
    Image.fromarray(number_frame(7)).save(path, image_format, **options)


def other(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("clip.mp4", b"x" * 500)


def two_pictures(path: Path) -> None:
    more = [Image.fromarray(number_frame(number)) for number in (8, 9)]
    picture(path, "MPO", save_all=True, append_images=more)


MEDIA: dict[str, Callable[[Path], object]] = {
    "mp4": lambda path: encoded(path, "-c:v", "libx264", "-f", "mp4"),
    "fragmented-mp4": lambda path: encoded(path, "-movflags", "frag_keyframe+empty_moov", "-f", "mp4"),
    "mov": lambda path: encoded(path, "-c:v", "mjpeg", "-f", "mov"),
    "3gp": lambda path: encoded(path, "-c:v", "mpeg4", "-f", "3gp"),
    "matroska": lambda path: encoded(path, "-c:v", "libx264", "-f", "matroska"),
    "webm": lambda path: encoded(path, "-c:v", "libvpx", "-f", "webm"),
    "avi": lambda path: encoded(path, "-c:v", "mpeg4", "-f", "avi"),
    "flv": lambda path: encoded(path, "-f", "flv"),
    "asf": lambda path: encoded(path, "-c:v", "wmv2", "-f", "asf"),
    "ogg": lambda path: encoded(path, "-c:v", "libtheora", "-f", "ogg"),
    "mxf": lambda path: encoded(path, "-c:v", "mpeg2video", "-f", "mxf"),
    "transport-stream": lambda path: encoded(path, "-c:v", "mpeg2video", "-f", "mpegts"),
    "bluray-stream": lambda path: encoded(path, "-c:v", "libx264", "-f", "mpegts", "-mpegts_m2ts_mode", "1"),
    "program-stream-of-a-camcorder": lambda path: encoded(path, "-c:v", "mpeg2video", "-f", "vob"),
    "mpeg-1": lambda path: encoded(path, "-c:v", "mpeg1video", "-f", "mpeg1video"),
    "h264": lambda path: encoded(path, "-c:v", "libx264", "-f", "h264"),
    "hevc": lambda path: encoded(path, "-c:v", "libx265", "-x265-params", "log-level=none", "-f", "hevc"),
    "ivf": lambda path: encoded(path, "-c:v", "libvpx", "-f", "ivf"),
    "nut": lambda path: encoded(path, "-c:v", "mpeg4", "-f", "nut"),
    "y4m": lambda path: encoded(path, "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe"),
    "rm": lambda path: encoded(path, "-c:v", "rv20", "-f", "rm"),
    "jpeg": lambda path: picture(path, "JPEG"),
    "mpo": two_pictures,
    "png": lambda path: picture(path, "PNG"),
    "gif": lambda path: picture(path, "GIF"),
    "webp": lambda path: picture(path, "WEBP"),
    "avif": lambda path: picture(path, "AVIF"),
    "bmp": lambda path: picture(path, "BMP"),
    "jp2": lambda path: picture(path, "JPEG2000"),
    "j2k": lambda path: picture(path, "JPEG2000", no_jp2=True),
    "jxl": lambda path: encoded(path, "-frames:v", 1, "-c:v", "libjxl", "-f", "image2", "-update", 1),
}

OTHERS: dict[str, Callable[[Path], object]] = {
    "text": other(b"notes on the clips\n" * 50),
    "text-that-begins-as-a-bitmap": other(b"BMW is the make of the car in the second clip.\n" * 20),
    "text-that-begins-as-a-packet": other(b"Good clips:\n" * 200),
    "go-module": other(b"module example.org/x\n\ngo 1.22\n"),
    "empty": other(b""),
    "one-byte": other(b"G"),
    "zeros": other(bytes(2000)),
    "json": other(b'{"clips": []}'),
    "pdf": other(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(1000)),
    "zip": archive,
    "program": other(b"\x7fELF\x02\x01\x01" + bytes(1000)),
    "wav": lambda path: run_ffmpeg("-f", "lavfi", "-i", "sine=duration=0.1", "-f", "wav", path),
    "m4a": other(b"\0\0\0\x1cftypM4A \0\0\x02\0" + bytes(100)),
    "ogg-sound": other(b"OggS\0\x02" + bytes(22) + b"\x01\x1e\x01vorbis" + bytes(100)),
    "raw-picture-of-a-camera": other(b"II*\0\x10\0\0\0CR\x02\0" + bytes(1000)),
    "canon-raw": other(b"\0\0\0\x18ftypcrx \0\0\0\x01" + bytes(1000)),
}


def found(folder: Path, left_out: LeftOut | None = None) -> list[str]:
    inputs = expand_inputs([str(folder)], left_out=left_out)
    return [source.path.relative_to(folder).as_posix() for source in inputs if source.path != folder]


@pytest.mark.parametrize("make", MEDIA.values(), ids=MEDIA)
def test_media_are_known_by_their_content(tmp_path, make):
    names = ["clip", "clip.mod", "clip.mp4.part"]
    make(tmp_path / names[0])
    for name in names[1:]:
        shutil.copy(tmp_path / names[0], tmp_path / name)
    assert found(tmp_path) == names
    with open_frames(probe(tmp_path / names[0]), SamplingPlan.spread(1)) as reader:
        (frame,) = reader
    assert frame.image.shape == (64, 96, 3)


@pytest.mark.parametrize("ending", ["", ".part"])
@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_others_are_left_out(tmp_path, make, ending):
    make(tmp_path / f"file{ending}")
    left_out = LeftOut()
    assert found(tmp_path, left_out) == []
    kind = ending or "without a usual ending"
    assert str(left_out) == f"left out 1 file that is no video or picture: 1 {kind}"


@pytest.mark.parametrize("ending", [
    ".264", ".265", ".qt", ".3gpp", ".mpo", ".insv", ".lrv", ".jxl", ".jp2", ".MP4", ".QT",
])  # fmt: skip
def test_known_endings_are_taken_whatever_they_hold(tmp_path, ending):
    """So that a damaged file is told, and not left out."""
    (tmp_path / f"clip{ending}").write_bytes(b"damaged")
    left_out = LeftOut()
    assert found(tmp_path, left_out) == [f"clip{ending}"] and str(left_out) == ""


def test_jpeg_xl_is_a_picture(tmp_path):
    encoded(tmp_path / "a.jxl", "-frames:v", 1, "-c:v", "libjxl", "-distance", 0)
    info = probe(tmp_path / "a.jxl")
    assert (info.kind, info.codec, info.width, info.height, info.duration_s) == ("image", "jpegxl", 96, 64, 0.0)


def test_hidden_folders_and_those_of_systems_are_left_out(tmp_path):
    places = (
        ".thumbnails",
        ".Trash/files",
        "@eaDir/clip.mp4",
        "#recycle",
        "$RECYCLE.BIN/S-1-5",
        "__MACOSX",
        "day/.cache",
    )
    for place in (*places, "day", "."):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "a.mp4").write_bytes(b"x")
    left_out = LeftOut()
    assert found(tmp_path, left_out) == ["a.mp4", "day/a.mp4"]
    assert str(left_out) == ""
    for place in places:
        assert found(tmp_path / place) == ["a.mp4"], "what is named by itself is taken"


def test_patterns_pass_over_the_folders_of_systems(tmp_path):
    for place in ("@eaDir", "day"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "a.mp4").write_bytes(b"x")
    names = [source.relative.as_posix() for source in expand_inputs([str(tmp_path / "*" / "*.mp4")])]
    assert names == ["day/a.mp4"]
    assert [source.relative.name for source in expand_inputs([str(tmp_path / "@eaDir" / "*.mp4")])] == ["a.mp4"]


def test_kinds_are_counted_the_most_frequent_first(tmp_path):
    names = ["a.txt", "b.TXT", "sub/c.txt", "d.pdf", "e.zip", "f.doc", "g.xls", "h.csv", "Makefile", "odd.\x1b[31m"]
    for name in (*names, ".hidden.txt", "clip.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    left_out = LeftOut()
    assert found(tmp_path, left_out) == ["clip.mp4"]
    assert str(left_out) == (
        "left out 10 files that are no video or picture: "
        "3 .txt, 2 without a usual ending, 1 .csv, 1 .doc, 1 .pdf, 2 others"
    )


def test_what_is_left_out_is_said_in_one_line(tmp_path, capsys):
    write_video(tmp_path / "clip.mp4", number_frames(2)).rename(tmp_path / "clip")
    (tmp_path / "notes.txt").write_text("notes")
    assert main(["scan", str(tmp_path), "--frames", "1"]) == 0
    output, errors = capsys.readouterr()
    assert errors == "facewitness scan: left out 1 file that is no video or picture: 1 .txt\n"
    assert "/clip " in output and "notes" not in output


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken link").symlink_to(tmp_path / "gone")
    left_out = LeftOut()
    assert found(tmp_path, left_out) == []
    assert "1 without a usual ending" in str(left_out) and "1 that cannot be read" in str(left_out)


@pytest.fixture
def locked() -> Iterator[Callable[[Path], None]]:
    """Takes a folder or file away from everybody; root, whom nothing is locked for, becomes nobody meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)
        done: list[Path] = []

        def lock(path: Path) -> None:
            path.chmod(0)
            done.append(path)
            if os.geteuid() == 0:
                os.seteuid(65534)

        lock.place = place
        yield lock
        if os.getuid() == 0:
            os.seteuid(0)
        for path in done:
            path.chmod(0o755)


def test_a_locked_folder_is_not_called_empty(locked):
    folder = locked.place / "clips"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"x")
    locked(folder)
    (source,) = expand_inputs([str(folder)])
    with pytest.raises(MediaError, match="may not be read: its permissions forbid it"):
        probe(source.path)


def test_an_empty_folder_is_called_so(tmp_path):
    with pytest.raises(MediaError, match="is a folder, and no video or image was found in it"):
        probe(tmp_path)


def test_a_locked_folder_in_a_folder_is_told(locked):
    (locked.place / "clips" / "inner").mkdir(parents=True)
    (locked.place / "clips" / "a.mp4").write_bytes(b"x")
    locked(locked.place / "clips" / "inner")
    names = [source.path.name for source in expand_inputs([str(locked.place / "clips")])]
    assert names == ["a.mp4", "inner"]


def test_a_locked_file_without_a_known_ending_is_counted(locked):
    (locked.place / "clips").mkdir()
    for name in ("a.mp4", "secret"):
        (locked.place / "clips" / name).write_bytes(b"x")
    locked(locked.place / "clips" / "secret")
    left_out = LeftOut()
    assert found(locked.place / "clips", left_out) == ["a.mp4"]
    assert "1 that cannot be read" in str(left_out)


def test_a_locked_folder_of_results_is_not_called_empty(locked):
    folder = locked.place / "results"
    folder.mkdir()
    locked(folder)
    with pytest.raises(PermissionError):
        report_folder(folder)


def test_a_locked_folder_of_a_data_set_is_told(locked):
    for place in ("real", "fake", "fake/inner"):
        (locked.place / "set" / place).mkdir(parents=True, exist_ok=True)
        (locked.place / "set" / place / "a.jpg").write_bytes(b"x")
    locked(locked.place / "set" / "fake" / "inner")
    with pytest.raises(DataError, match=r"cannot read the folder .*inner: Permission denied"):
        open_dataset(locked.place / "set")
