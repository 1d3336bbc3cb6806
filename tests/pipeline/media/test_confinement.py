"""What a process that decodes may not do, and what is said of it."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from pipeline.media import confinement, ffmpeg, image_process, landlock, open_frames, probe
from pipeline.media.confinement import MEASURES, Grants, offered, start
from pipeline.media.limits import Limits
from tests.evidence import verdict
from tests.media_files import EVERY, frames_of, number_frame, read_number, run_ffmpeg

# What each stands for is tried by a program that was started; it prints "refused" or "allowed".
TRIES = {
    "reads a file": ("landlock", "open(FILE).read()"),
    "lists a folder": ("landlock", "os.listdir(FOLDER)"),
    "starts a program": ("landlock", "os.execv('/bin/sh', ['sh', '-c', 'echo allowed'])"),
    "writes a file": ("seccomp", "open(FILE, 'w')"),
    "makes a file": ("seccomp", "open(FOLDER + '/new', 'x')"),
    "makes a folder": ("seccomp", "os.mkdir(FOLDER + '/new')"),
    "deletes a file": ("seccomp", "os.unlink(FILE)"),
    "renames a file": ("seccomp", "os.rename(FILE, FILE + '2')"),
    "opens a file to others": ("seccomp", "os.chmod(FILE, 0o777)"),
    "sets a file's time": ("seccomp", "os.utime(FILE)"),
    "opens a socket": ("seccomp", "socket.socket()"),
    "opens a socket to the machine": ("seccomp", "socket.socket(socket.AF_UNIX)"),
    "sends a signal": ("seccomp", "os.kill(os.getppid(), 0)"),
    "makes a namespace": ("seccomp", "libc('unshare', 0x10000000)"),
    "lets itself be traced": ("seccomp", "libc('ptrace', 0, 0, 0, 0)"),
    "takes much memory": ("limits", "bytearray(1 << 30)"),
    "opens many files": ("limits", "[os.dup(0) for _ in range(200)]"),
}
PROGRAM = """
import ctypes, os, resource, socket, sys
FOLDER, FILE = sys.argv[1:]
# It ends once all measures have been taken.
sys.stdin.read()

def libc(name, *arguments):
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) == -1:
        raise OSError(ctypes.get_errno())

try:
    {}
    print("allowed")
except (OSError, MemoryError):
    print("refused")
"""


def said(code: str, folder: Path, measures=MEASURES, grants: Grants | None = None) -> str:
    """What a confined program prints."""
    (folder / "file").write_text("secret")
    with start(
        [sys.executable, "-S", "-c", PROGRAM.format(code), str(folder), str(folder / "file")],
        [name for name in measures if name in offered()],
        Limits(memory_bytes=512 << 20),
        grants,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        return process.communicate()[0].decode().strip()


@pytest.mark.parametrize(("measure", "code"), TRIES.values(), ids=TRIES)
def test_each_measure_refuses_a_program_what_it_needs_not(tmp_path, measure, code):
    if measure not in offered():
        pytest.skip(f"this system does not offer {measure}")
    assert said(code, tmp_path, ["no_new_privs", measure]) == "refused"
    assert (tmp_path / "file").read_text() == "secret"
    assert said(code, tmp_path, []) == "allowed"


@pytest.mark.skipif(offered() != MEASURES, reason="this system does not offer every measure")
@pytest.mark.parametrize(
    ("code", "answer"),
    {
        "socket.create_connection(('127.0.0.1', PORT))": "allowed",
        "socket.create_connection(('127.0.0.1', OTHER))": "refused",
        "socket.create_server(('127.0.0.1', 0))": "refused",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)": "refused",
        "socket.socket(socket.AF_INET6)": "refused",
        "socket.socket(socket.AF_UNIX)": "refused",
        "socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)": "refused",  # TCP on several ways
        "open(FILE).read()": "refused",
        "open(FOLDER + '/new', 'x')": "refused",
    }.items(),
)
def test_what_reads_a_stream_may_connect_to_one_port_and_nothing_else(tmp_path, code, answer):
    if "OTHER" in code and landlock.interface_version() < 4:
        pytest.skip("this kernel does not check ports")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port = one.getsockname()[1]
        code = code.replace("PORT", str(port)).replace("OTHER", str(other.getsockname()[1]))
        assert said(code, tmp_path, grants=Grants(port=port)) == answer


@pytest.mark.skipif(offered() != MEASURES, reason="this system does not offer every measure")
@pytest.mark.parametrize(
    ("code", "answer"),
    {
        "open('/dev/null', 'r+b')": "allowed",
        "open('/dev/zero', 'r+b')": "refused",
        "open(FILE, 'w')": "refused",
        "os.unlink(FILE)": "refused",
        "socket.socket()": "refused",
    }.items(),
)
def test_what_reads_a_camera_may_open_one_device_and_nothing_else(tmp_path, code, answer):
    assert said(code, tmp_path, grants=Grants(device=Path("/dev/null"))) == answer
    assert (tmp_path / "file").read_text() == "secret"


def test_whoever_starts_it_keeps_all_rights(tmp_path):
    assert said("socket.socket()", tmp_path) in ("refused", "allowed")
    (tmp_path / "written").write_text("still allowed")
    socket.socket().close()
    assert subprocess.run([sys.executable, "-S", "-c", "open('/dev/null', 'w')"]).returncode == 0


def rights_of(process: psutil.Process) -> tuple[str, str, int]:
    """What the kernel says of a process: no new privileges, filtered system calls, bytes of memory."""
    status = dict(line.split(":\t") for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    return status["NoNewPrivs"], status["Seccomp"], process.rlimit(psutil.RLIMIT_AS)[0]


@pytest.mark.skipif(offered() != MEASURES, reason="this system does not offer every measure")
@pytest.mark.parametrize("name", ["large.mkv", "still.png"])
def test_the_processes_that_decode_are_confined(tmp_path, name):
    if name == "still.png":
        Image.fromarray(number_frame(5)).save(tmp_path / name)
    else:
        run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=1280x720:d=3", "-c:v", "mjpeg", tmp_path / name)
    info = probe(tmp_path / name, limits=Limits(memory_bytes=1 << 30))
    with open_frames(info, EVERY) as reader:
        next(iter(reader))
        # The rest waits in the pipe. The server of images is the one that knows what it does.
        decoding = [
            process
            for process in psutil.Process().children(recursive=True)
            if process.status() != psutil.STATUS_ZOMBIE and rights_of(process)[2] == 1 << 30
        ]
        assert [rights_of(process) for process in decoding] == [("1", "2", 1 << 30)]
    assert info.confinement == MEASURES


def test_a_result_names_the_measures(clip):
    info = probe(clip)
    document = json.loads(json.dumps(verdict(media=info).to_json()))
    assert document["input"]["confinement"] == list(info.confinement)


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A script that starts ffmpeg, as some systems have: it has to start programs, so it cannot do with less."""
    program = tmp_path / "ffmpeg"
    program.write_text(f'#!/bin/sh\nexec "{ffmpeg.find_binary().path}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv(ffmpeg.BINARY_VARIABLE, str(program))


@pytest.mark.skipif(offered() != MEASURES, reason="this system does not offer every measure")
def test_less_is_never_silent(clip, script, caplog):
    confinement.warn_of_less.cache_clear()
    with caplog.at_level(logging.WARNING):
        infos = [frames_of(clip)[0] for _ in range(2)]
    assert {info.confinement for info in infos} == {("limits", "no_new_privs", "seccomp")}
    assert [record.message for record in caplog.records] == [
        "a decoder runs without landlock, which this system or its ffmpeg cannot bear"
    ]


def test_codecs_that_hardly_any_video_has_are_not_decoded(clip, tmp_path):
    path = tmp_path / "a.mov"
    run_ffmpeg("-i", clip, "-an", "-c:v", "targa", path)
    with pytest.raises(ffmpeg.MediaError) as caught:
        probe(path)
    assert caught.value.status == "unsupported"
    assert "coded with targa" in str(caught.value)


def test_sound_that_is_not_decoded_is_no_error_of_the_file(clip, tmp_path):
    path = tmp_path / "a.mkv"
    run_ffmpeg("-i", clip, "-c:v", "copy", "-c:a", "dfpwm", path)
    info, frames, warnings = frames_of(path)
    assert (info.has_audio, len(frames), warnings) == (True, 30, [])


def test_an_ffmpeg_that_reads_no_descriptors_opens_the_file_by_them(clip, monkeypatch):
    """Up to version 5.1 it opens it anew, by a name, which is all that it may open."""
    monkeypatch.setattr(ffmpeg.Binary, "is_at_least", lambda self, version: version <= (5, 1))
    _, frames, warnings = frames_of(clip)
    assert ([read_number(frame.image) for frame in frames], warnings) == (list(range(30)), [])


def test_an_image_cannot_reach_the_next_one(tmp_path):
    """Each has a process of its own, which ends with what was asked of it."""
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        Image.fromarray(number_frame(number)).save(path)
    infos = [probe(path) for path in paths]
    assert [read_number(frames_of(path)[1][0].image) for path in paths] == [0, 1, 2]
    server = image_process._server._process
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    assert len(children) >= len(infos)
    del infos


def test_an_image_that_kills_its_process_is_an_error(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(number_frame(7)).save(path)
    server = psutil.Process(image_process._server._process.pid)
    before = server.children()
    info = probe(path)
    (process,) = set(server.children()) - set(before)
    process.kill()
    with pytest.raises(ffmpeg.MediaError, match="Pillow crashed") as caught, open_frames(info, EVERY) as reader:
        list(reader)
    assert caught.value.status == "error"


def test_a_server_that_was_killed_is_started_again(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(number_frame(7)).save(path)
    assert len(frames_of(path)[1]) == 1
    image_process._server._process.kill()
    image_process._server._process.wait()
    assert np.array_equal(frames_of(path)[1][0].image, number_frame(7))
