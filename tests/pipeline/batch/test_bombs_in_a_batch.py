"""A batch with files that would take all memory, or for ever, or bring a process down."""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from pipeline.media.confinement import offered
from scripts.study_kills import make_clips
from tests.bombs import canvas_gif, long_tables_mp4, measured, png, wide_mkv
from tests.media_files import number_frames, write_video

ROOT = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("limits" not in offered(), reason="the system has no such limits"),
]


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """Twenty clips, the last of them damaged, and five bombs of some hundred KB among them."""
    folder = tmp_path / "in"
    make_clips(folder, 20)
    long_tables_mp4(folder / "03 tables.mp4")
    canvas_gif(folder / "05 canvas.gif", 13000, 3000)
    wide_mkv(folder / "08 wide.mkv", 13300)
    png(folder / "11 pixels.png", 13370, channels=4)
    slow = write_video(folder / "14 slow.avi", number_frames(40), fps=1 / 500, codec="mjpeg", pixel_format="yuvj420p")
    assert all(path.stat().st_size < 60_000_000 for path in folder.iterdir()) and slow.exists()
    return folder


def crash_a_worker(before: set[int], done: threading.Event, crashed: list[int]) -> None:
    """Make the first process that scans do what a fault in a library does."""
    while not done.wait(0.05):
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                ours = process.pid not in before and "spawn_main" in " ".join(process.cmdline())
                if ours and any("ffmpeg" in child.name() for child in process.children()):
                    os.kill(process.pid, signal.SIGSEGV)
                    crashed.append(process.pid)
                    return


def test_each_ends_with_its_status_and_the_others_with_their_verdict(batch, tmp_path):
    out, done, crashed = tmp_path / "out", threading.Event(), list[int]()
    command = [sys.executable, "-m", "facewitness", "scan", str(batch), "-o", str(out), "--frames", "16"]
    known = {child.pid for child in psutil.Process().children(recursive=True)}
    crasher = threading.Thread(target=crash_a_worker, args=(known, done, crashed))
    crasher.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT / "scripts"), str(ROOT))))
            status, memory_bytes, seconds = measured(command)
    finally:
        done.set()
        crasher.join()
    assert crashed
    with (out / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = {Path(row["filename"]).name: row for row in csv.DictReader(file)}
    statuses = {name: row["status"] for name, row in rows.items()}
    bombs = {name: statuses.pop(name) for name in list(statuses) if " " in name}
    print(f"{seconds:.0f} s, {memory_bytes >> 20} MiB, {bombs}")
    assert statuses == {f"{number:02}.mp4": "ok" for number in range(19)} | {"19.mp4": "undecodable"}
    assert bombs.pop("14 slow.avi") == "no_face"
    assert set(bombs.values()) <= {"undecodable", "unsupported", "no_face", "timeout"}
    assert bombs["03 tables.mp4"] == "undecodable" and bombs["05 canvas.gif"] == "unsupported"
    assert status == 1
    assert seconds < 300
    assert memory_bytes < 4 << 30
    assert not subprocess.run(["pgrep", "-f", str(batch)], capture_output=True, text=True, check=False).stdout
