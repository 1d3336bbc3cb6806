"""Limits of memory and time as a user sets them, and Ctrl-C where nothing is heard of a file."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.cli import main
from pipeline.media.confinement import MEASURES, offered
from tests.bombs import png

SAMPLES = Path(__file__).parents[3] / "sample_videos"


def sparse(path: Path) -> Path:
    """300 GB of zeros that take no room on the disk."""
    path.touch()
    os.truncate(path, 300 << 30)
    return path


@pytest.mark.parametrize(
    "arguments", [["--timeout", "0"], ["--timeout", "nan"], ["--timeout", "x"], ["--memory", "100"], ["--memory", "2G"]]
)
def test_limits_that_cannot_be_are_wrong_usage(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        main(["scan", str(SAMPLES / "real.mp4"), *arguments])
    assert stop.value.code == 2
    assert arguments[0] in capsys.readouterr().err


@pytest.mark.skipif(offered() != MEASURES, reason="this system does not offer every measure")
def test_limits_hold_for_each_file_and_cost_the_others_nothing(tmp_path, capsys):
    inputs = [sparse(tmp_path / "endless.mp4"), png(tmp_path / "large.png", 12000), SAMPLES / "no_face.mp4"]
    options = ["--timeout", "4", "--memory", "512", "--frames", "4", "-o", str(tmp_path / "out")]
    assert main(["scan", *map(str, inputs), *options]) == 1
    documents = [json.loads((tmp_path / "out" / f"{path.name}.json").read_text()) for path in inputs]
    assert [document["status"] for document in documents] == ["timeout", "unsupported", "no_face"]
    endless, large, other = documents
    assert endless["message"] == f"'{inputs[0]}' takes longer than 4 s to read: allow more with --timeout."
    assert large["message"] == (f"'{inputs[1]}' takes more than 512 MB of memory to decode: allow more with --memory.")
    assert other["input"]["confinement"] == list(MEASURES)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("again", [False, True], ids=["first run", "rerun"])
def test_hashing_a_huge_file_is_interrupted(tmp_path, again):
    path, out = tmp_path / "clip.mp4", tmp_path / "out"
    if again:
        shutil.copy(SAMPLES / "no_face.mp4", path)
        assert main(["scan", str(path), "-o", str(out), "--frames", "2"]) == 0
    sparse(path)
    command = [sys.executable, "-c", "import sys; from pipeline.cli import main; sys.exit(main())"]
    run = subprocess.Popen(
        [*command, "scan", str(path), "-o", str(out), "--frames", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while run.poll() is None and not has_open(run.pid, path):
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=20)
    assert run.returncode == 130
    assert "Traceback" not in errors


def has_open(program: int, path: Path) -> bool:
    """Tell whether a program or a process of its own has a file open."""
    with contextlib.suppress(psutil.Error, OSError):
        parent = psutil.Process(program)
        return any(file.path == str(path) for each in (parent, *parent.children()) for file in each.open_files())
    return False
