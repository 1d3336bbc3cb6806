"""Small files that would take gigabytes or hours: each ends soon, in little memory, with a status and a sentence."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from pipeline.media import MediaError, SamplingPlan, file_sha256, open_frames, probe, video_frames
from pipeline.media.confinement import offered
from pipeline.media.ffmpeg import BINARY_VARIABLE
from pipeline.media.limits import Limits, StoppedError
from tests.bombs import canvas_apng, canvas_gif, long_tables_mp4, outcome_of, png, text_png, wide_mkv
from tests.media_files import number_frames, write_video

LITTLE = Limits(memory_bytes=400 << 20)
LIMITED = pytest.mark.skipif("limits" not in offered(), reason="the system has no such limits")

BOMBS = {
    "animation of one-pixel changes on a large canvas, GIF": (
        lambda folder: canvas_gif(folder / "a.gif", 13000, 3000),
        *(None, "unsupported", "3000 pictures of 13000 x 13000 pixels"),
    ),
    "animation of one-pixel changes on a large canvas, PNG": (
        lambda folder: canvas_apng(folder / "a.png", 4000, 1500),
        *(None, "unsupported", "1500 pictures of 4000 x 4000 pixels"),
    ),
    "comment of 200 MB in a PNG of 200 KB": (
        lambda folder: text_png(folder / "a.png", 200_000_000),
        *(None, "undecodable", "damaged image"),
    ),
    "sample tables of 100 million entries in 8 KB": (
        lambda folder: long_tables_mp4(folder / "a.mp4"),
        *(None, "undecodable", "no picture in it"),
    ),
    "image that takes more memory than it may": (
        lambda folder: png(folder / "a.png", 12000),
        *(LITTLE, "unsupported", "400 MB of memory to decode: allow more with --memory"),
    ),
    "video that takes more memory than it may": (
        lambda folder: wide_mkv(folder / "a.mkv", 5000),
        *(LITTLE, "unsupported", "400 MB of memory to decode: allow more with --memory"),
    ),
}


@LIMITED
@pytest.mark.parametrize(("make", "limits", "status", "sentence"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_ends_soon_and_in_little_memory(tmp_path, make, limits, status, sentence):
    path = make(tmp_path)
    assert path.stat().st_size < 2_000_000
    outcome = outcome_of(path, limits)
    assert (outcome.error.status, str(outcome.error).count("\n")) == (status, 0)
    assert sentence in str(outcome.error)
    assert str(path) in str(outcome.error)
    assert outcome.memory_bytes < 450 << 20
    assert outcome.seconds < 20


@pytest.fixture
def stuck_ffmpeg(tmp_path, monkeypatch):
    """An ffmpeg that says its version, but then nothing more."""
    program = tmp_path / "ffmpeg"
    program.write_text('#!/bin/sh\n[ "$1" = -version ] && echo ffmpeg version 7.0 && exit\nexec sleep 60\n')
    program.chmod(0o755)
    return lambda: monkeypatch.setenv(BINARY_VARIABLE, str(program))


def test_pictures_that_are_far_apart_do_not_buy_silence(tmp_path, stuck_ffmpeg, monkeypatch):
    """Players would wait 500 s for the next picture; a decoder that is silent for so long is stuck."""
    monkeypatch.setattr(video_frames, "MAX_SILENCE_S", 0.5)
    path = tmp_path / "slow.avi"
    info = probe(write_video(path, number_frames(3), fps=1 / 500, codec="mjpeg", pixel_format="yuvj420p"))
    stuck_ffmpeg()
    began = time.monotonic()
    with pytest.raises(MediaError) as caught, open_frames(info, SamplingPlan.spread(2), stall_timeout_s=0.2) as reader:
        list(reader)
    assert caught.value.status == "timeout"
    assert time.monotonic() - began < 10


def late(path: Path, timeout_s: float = 0.6) -> str:
    """What is said of a file that takes too long."""
    began = time.monotonic()
    with (
        pytest.raises(MediaError) as caught,
        open_frames(probe(path, limits=Limits(timeout_s=timeout_s)), SamplingPlan.spread(2)) as reader,
    ):
        list(reader)
    assert time.monotonic() - began < 10
    assert caught.value.status == "timeout"
    return str(caught.value)


def test_time_limit_of_a_video(clip, stuck_ffmpeg):
    stuck_ffmpeg()
    assert late(clip) == f"'{clip}' takes longer than 0.6 s to read: allow more with --timeout."


def test_time_limit_of_an_animation(tmp_path):
    assert "allow more with --timeout" in late(canvas_gif(tmp_path / "a.gif", 3000, 1500))


@pytest.fixture
def endless(tmp_path) -> Path:
    """300 GB of zeros that take no room on the disk."""
    path = tmp_path / "endless.mp4"
    path.touch()
    os.truncate(path, 300 << 30)
    return path


def test_time_limit_of_hashing(endless):
    assert "allow more with --timeout" in late(endless)


@pytest.mark.parametrize("read", [probe, file_sha256], ids=["probe", "hash"])
def test_reading_can_be_stopped(endless, read):
    stopped = threading.Event()
    timer = threading.Timer(0.3, stopped.set)
    timer.start()
    began = time.monotonic()
    with pytest.raises(StoppedError):
        read(endless, stopped=stopped)
    assert time.monotonic() - began < 5


def test_a_video_can_be_stopped_while_nothing_is_heard_of_it(clip, stuck_ffmpeg):
    stopped = threading.Event()
    info = probe(clip, stopped=stopped)
    stuck_ffmpeg()
    threading.Timer(0.3, stopped.set).start()
    began = time.monotonic()
    with pytest.raises(StoppedError), open_frames(info, SamplingPlan.spread(2)) as reader:
        list(reader)
    assert time.monotonic() - began < 5


def test_an_animation_can_be_stopped(tmp_path):
    stopped = threading.Event()
    threading.Timer(0.3, stopped.set).start()
    began = time.monotonic()
    with pytest.raises(StoppedError):
        probe(canvas_gif(tmp_path / "a.gif", 3000, 1500), stopped=stopped)
    assert time.monotonic() - began < 5
