"""Streams from virtual cameras on this machine: they are watched, cut, and watched again."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pipeline.live.feeds import open_feed
from pipeline.live.reader import LiveFrame, Notice, Reader
from pipeline.media import landlock, probe
from pipeline.media.confinement import offered
from tests.media_files import SAMPLES, run_ffmpeg
from tests.pipeline.live.cameras import LIVE, free_port, http_camera, playing, rtsp_camera, wait_for

CLIP = SAMPLES / "two_people.mp4"
ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow


@contextlib.contextmanager
def watching(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run `facewitness watch` in a process of its own."""
    command = [sys.executable, "-c", "import sys; from pipeline.cli import main; sys.exit(main(sys.argv[1:]))"]
    with subprocess.Popen(
        [*command, "watch", *map(str, arguments), "--json", "--allow-private"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(process: subprocess.Popen[str], kind: str, **fields: object) -> list[dict]:
    """Read events up to one of a kind, with that one."""
    events = []
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["event"] == kind and fields.items() <= events[-1].items():
            return events
    pytest.fail(f"no {kind}, but {events} and {process.stderr.read()}")


def test_a_stream_that_is_cut_comes_back_and_an_interrupt_leaves_a_whole_recording(tmp_path):
    port, target = free_port(), tmp_path / "kept.mp4"
    with contextlib.ExitStack() as camera:
        camera.enter_context(http_camera(CLIP, port))
        with watching(f"http://127.0.0.1:{port}/live.ts", "--record", target) as process:
            first = until(process, "label", label="likely_fake")
            assert first[0]["event"] == "began"
            camera.close()
            (lost,) = until(process, "lost")[-1:]
            assert "is lost" in lost["message"]
            with http_camera(CLIP, port, "-vf", "scale=320:180"):
                back = until(process, "size")
                assert "returned" in [event["event"] for event in back]
                time.sleep(1)
                # As Ctrl-C does, to everything that the terminal started.
                os.killpg(process.pid, signal.SIGINT)
                ended = until(process, "ended")
                assert process.wait(30) == 130
    assert ended[-1]["time_s"] > back[-1]["time_s"] > lost["time_s"]
    assert probe(target).frame_count == ended[-1]["frames_looked_at"]
    assert json.loads((tmp_path / "kept.mp4.json").read_text())["verdict"] == "likely_fake"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.mp4", "kept.mp4.json"]


def read(address: str, frames: int, timeout_s: float = 15) -> tuple[list[LiveFrame], list[Notice]]:
    """Read some pictures of a stream, or as many as there are."""
    found, notices = [], []
    with open_feed(address, allow_private=True, timeout_s=timeout_s) as feed, Reader(feed) as reader:
        while len(found) < frames:
            item = reader.next()
            if isinstance(item, LiveFrame):
                found.append(item)
            elif item is not None:
                notices.append(item)
                if item.kind in ("failed", "ended"):
                    break
    return found, notices


def test_rtsp(tmp_path):
    with rtsp_camera(CLIP) as address:
        frames, notices = read(address, 20)
    assert [notice.kind for notice in notices] == ["began"]
    assert {frame.frame.pixels.shape for frame in frames} == {(360, 640, 3)}
    assert frames[-1].frame.time_s > 0.5


def test_hls(tmp_path):
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    options = ("-f", "hls", "-hls_time", 1, "-hls_list_size", 4, "-an")
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        playing(CLIP, *LIVE, *options, tmp_path / "live.m3u8"),
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        wait_for(lambda: len(list(tmp_path.glob("*.ts"))) > 2)
        frames, notices = read(f"http://127.0.0.1:{server.server_address[1]}/live.m3u8", 50)
        server.shutdown()
    assert [notice.kind for notice in notices] == ["began"]
    # At the pace of the stream, though whole seconds of it come at once.
    assert 1.5 < frames[-1].due - frames[0].due < 4


def test_a_video_at_an_address_plays_in_real_time_and_is_over(tmp_path):
    run_ffmpeg("-i", CLIP, "-t", 2, "-c", "copy", "-movflags", "faststart", tmp_path / "clip.mp4")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        frames, notices = read(f"http://127.0.0.1:{server.server_address[1]}/clip.mp4", 1000)
        server.shutdown()
    assert [notice.kind for notice in notices] == ["began", "ended"]
    assert frames[0].frame.time_s == 0 and 1.5 < frames[-1].due - frames[0].due < 2.5


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Sends whoever asks to another port of this machine, and keeps the name by which it was asked."""

    port, asked_as = 0, ""

    def do_GET(self):
        Elsewhere.asked_as = self.headers["Host"]
        self.send_response(302)
        self.send_header("Location", f"http://127.0.0.1:{self.port}/secret.ts")
        self.end_headers()


@pytest.mark.skipif(
    "landlock" not in offered() or landlock.interface_version() < 4, reason="this kernel does not check ports"
)
def test_a_server_cannot_send_the_decoder_elsewhere():
    with (
        socket.create_server(("127.0.0.1", 0)) as secret,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server,
    ):
        Elsewhere.port = secret.getsockname()[1]
        secret.settimeout(0.5)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        name = f"localhost:{server.server_address[1]}"
        frames, (notice,) = read(f"http://{name}/live.ts", 1)
        assert (frames, notice.kind, Elsewhere.asked_as) == ([], "failed", name)
        with pytest.raises(TimeoutError):
            secret.accept()
        server.shutdown()


def test_a_source_that_never_sends_a_picture_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        frames, (notice,) = read(f"http://127.0.0.1:{silent.getsockname()[1]}/live.ts", 1, timeout_s=2)
    assert (frames, notice.kind, notice.reason) == ([], "failed", "nothing has come for 2 s")


def test_a_watch_of_a_silent_source_ends_at_once():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/live.ts"
        with open_feed(address, allow_private=True, timeout_s=60) as feed, Reader(feed) as reader:
            assert reader.next() is None
            silent.accept()
            began = time.monotonic()
        assert time.monotonic() - began < 5
