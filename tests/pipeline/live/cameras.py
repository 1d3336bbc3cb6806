"""Virtual cameras: ffmpeg plays a clip again and again to whoever connects on this machine."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.media.ffmpeg import find_binary

LIVE = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "25")


def free_port() -> int:
    """Find a TCP port that nobody uses."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextlib.contextmanager
def playing(clip: Path, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Play a clip in real time, over and over, to where the arguments say."""
    command = [find_binary().path, "-v", "quiet", "-nostdin", "-re", "-stream_loop", "-1", "-i", clip, *arguments]
    with subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def http_camera(clip: Path, port: int, *options: object) -> Iterator[str]:
    """Send MPEG-TS to the first who asks for it by HTTP, until the block ends; give the address."""
    address = f"http://127.0.0.1:{port}/live.ts"
    with playing(clip, *LIVE, *options, "-an", "-f", "mpegts", "-listen", "1", address):
        # It takes one connection, so asking whether it is there would use it up.
        wait_for(lambda: is_listening(port))
        yield address


@contextlib.contextmanager
def rtsp_camera(clip: Path) -> Iterator[str]:
    """Serve one viewer by RTSP with RTP in the same connection (RFC 2326, 10.12); give the address."""
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as packets,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        packets.bind(("127.0.0.1", 0))
        sdp = Path(folder) / "sdp"
        target = f"rtp://127.0.0.1:{packets.getsockname()[1]}?pkt_size=1200"
        with playing(clip, *LIVE, "-an", "-sdp_file", sdp, "-f", "rtp", target):
            wait_for(lambda: sdp.exists() and b"m=video" in sdp.read_bytes())
            thread = threading.Thread(target=_serve, args=(server, packets, sdp.read_text()), daemon=True)
            thread.start()
            yield f"rtsp://127.0.0.1:{server.getsockname()[1]}/cam"


def _serve(server: socket.socket, packets: socket.socket, sdp: str) -> None:
    with contextlib.suppress(OSError):
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as requests:
            while (method := _answer(connection, requests, sdp)) != "PLAY":
                assert method, "the viewer has gone"
            while True:
                packet = packets.recv(2048)
                connection.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)


def _answer(connection: socket.socket, requests, sdp: str) -> str:
    lines = []
    while (line := requests.readline().decode().strip()) or not lines:
        if not line:
            return ""
        lines.append(line)
    number = next(line for line in lines if line.lower().startswith("cseq:"))
    method = lines[0].partition(" ")[0]
    body = sdp.replace("SDP:\n", "") + "a=control:track0\r\n" if method == "DESCRIBE" else ""
    head = {
        "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
        "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n",
        "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n",
    }.get(method, "Session: 1\r\n")
    connection.sendall(f"RTSP/1.0 200 OK\r\n{number}\r\n{head}\r\n{body}".encode())
    return method


def is_listening(port: int) -> bool:
    """Tell whether a program of this machine waits at a port, without connecting to it."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def wait_for(condition, seconds: float = 20.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
