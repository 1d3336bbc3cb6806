"""What comes in on standard input for `scan -`: lists as programs write them, and what is no list."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.batch.inputs import expand_inputs
from pipeline.batch.path_lists import PathListError
from pipeline.cli import main

SAMPLES = Path(__file__).parents[2] / "sample_videos"
MANY = [f"é/{number}.mp4" for number in range(20_000)]
NAMES = ["clips/a.mp4", "with space.mp4", "käse.mp4", "漢字.mp4"]


def paths(stream: bytes) -> list[str]:
    return [str(source.path) for source in expand_inputs(["-"], io.BytesIO(stream))]


def lines(names: list[str], end: str = "\n") -> str:
    return "".join(f"{name}{end}" for name in names)


LISTS = {
    "lines": (lines(NAMES).encode(), NAMES),
    "lines-without-a-last-break": (lines(NAMES).rstrip().encode(), NAMES),
    "lines-of-windows": (lines(NAMES, "\r\n").encode(), NAMES),
    "empty-lines": (lines(NAMES, "\n\n").encode(), NAMES),
    "nul": (lines(NAMES, "\0").encode(), NAMES),
    "nul-without-the-last": (lines(NAMES, "\0").rstrip("\0").encode(), NAMES),
    "one-name-with-nul": (b"clip.mp4\0", ["clip.mp4"]),
    "nul-and-line-breaks-in-names": (b"two\nlines.mp4\0b.mp4\0", ["two\nlines.mp4", "b.mp4"]),
    "utf-8-with-a-mark": (codecs.BOM_UTF8 + lines(NAMES).encode(), NAMES),
    "utf-16-of-powershell": (lines(NAMES, "\r\n").encode("utf-16"), NAMES),
    "utf-16-big-endian": (codecs.BOM_UTF16_BE + lines(NAMES).encode("utf-16-be"), NAMES),
    "control-characters-in-names": (b"a\x1b[31m.mp4\n" + b"b.mp4\n" * 30, ["a\x1b[31m.mp4", *["b.mp4"] * 30]),
    "names-that-are-no-utf-8": (b"caf\xe9.mp4\n", [os.fsdecode(b"caf\xe9.mp4")]),
    "nothing": (b"", []),
    "many-blocks": (lines(MANY).encode(), MANY),
    "many-blocks-of-nul": (lines(MANY, "\0").encode(), MANY),
    "many-blocks-of-utf-16": (lines(MANY).encode("utf-16"), MANY),
}


@pytest.mark.parametrize(("stream", "expected"), LISTS.values(), ids=LISTS)
def test_lists(tmp_path, monkeypatch, stream, expected):
    monkeypatch.chdir(tmp_path)
    assert paths(stream) == expected


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.txt", np.random.default_rng(0).bytes(5000))
    return content.getvalue()


A_VIDEO = "save it as a file, and scan that"
NO_LIST = "is no list of paths"
OTHERS = {
    "mp4": ((SAMPLES / "real.mp4").read_bytes(), A_VIDEO),
    "webm": (b"\x1aE\xdf\xa3" + bytes(100), A_VIDEO),
    "transport-stream": ((b"G" + bytes(187)) * 10, A_VIDEO),
    "jpeg": (b"\xff\xd8\xff\xe0" + bytes(100), A_VIDEO),
    "utf-16-without-a-mark": (lines(["clips/a.mp4"]).encode("utf-16-le"), "it seems to be UTF-16: write it in UTF-8"),
    "utf-16-big-endian-without-a-mark": (lines(["a.mp4"]).encode("utf-16-be"), "it seems to be UTF-16"),
    "utf-16-that-breaks-off": (codecs.BOM_UTF16_LE + b"a\0\n\0b", "begins as UTF-16 and goes on as something else"),
    "noise": (np.random.default_rng(0).bytes(200_000), NO_LIST),
    "zip": (archive(), NO_LIST),
    "gzip": (gzip.compress(b"clip.mp4\n" * 1000), NO_LIST),
    "zeros": (bytes(100_000), NO_LIST),
    "no-line-break": (b"x" * 200_000, NO_LIST),
    "list-with-a-nul-later": (b"a.mp4\n" * 20_000 + b"b.mp4\0c.mp4\n", "it has both lines and NUL characters"),
}


@pytest.mark.parametrize(("stream", "words"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_list_is_refused_in_one_sentence(stream, words):
    with pytest.raises(PathListError) as refused:
        paths(stream)
    assert words in str(refused.value)
    assert str(refused.value).isprintable() and len(str(refused.value)) < 200


def test_a_video_ends_the_command_in_one_line(capsys, monkeypatch):
    with (SAMPLES / "real.mp4").open("rb") as file, io.TextIOWrapper(file) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["scan", "-"]) == 2
    output, errors = capsys.readouterr()
    assert output == "" and errors.count("\n") == 1 and A_VIDEO in errors


def test_standard_input_that_is_closed(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["scan", "-"]) == 2
    assert "standard input is closed" in capsys.readouterr().err


@pytest.mark.slow
def test_find_print0_into_scan(tmp_path):
    for name in ("a\nb.mp4", "c.mp4"):
        (tmp_path / name).write_bytes(b"no video")
    with subprocess.Popen(["find", ".", "-name", "*.mp4", "-print0"], cwd=tmp_path, stdout=subprocess.PIPE) as find:
        program = "import sys; from pipeline.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", program, "scan", "-"]
        run = subprocess.run(command, cwd=tmp_path, stdin=find.stdout, capture_output=True, text=True)
    assert run.returncode == 1 and run.stderr == ""
    assert run.stdout.count("undecodable") == 2 and r"a\nb.mp4" in run.stdout
