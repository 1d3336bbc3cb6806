"""What tests ask of a server, as its clients do."""

from __future__ import annotations

import base64
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

TUS = {"Tus-Resumable": "1.0.0"}
PATCH = {**TUS, "Content-Type": "application/offset+octet-stream"}


def client(address: str, **options: Any) -> httpx.Client:
    return httpx.Client(base_url=address, timeout=30, trust_env=False, **options)


def send(asked: httpx.Client, content: bytes, name: str = "clip.mp4") -> dict[str, Any]:
    """Upload a file as a form, and give its scan."""
    answer = asked.post("/v1/scans", files={"file": (name, content)})
    assert answer.status_code == 201, answer.text
    return answer.json()["scans"][0]


def begin(asked: httpx.Client, size: int, name: str = "clip.mp4") -> str:
    """Begin an upload by tus, and give its path."""
    metadata = f"filename {base64.b64encode(name.encode()).decode()}".strip()
    answer = asked.post("/v1/uploads", headers={**TUS, "Upload-Length": str(size), "Upload-Metadata": metadata})
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def patch(asked: httpx.Client, path: str, offset: int, content: bytes | Iterator[bytes]) -> httpx.Response:
    return asked.patch(path, headers={**PATCH, "Upload-Offset": str(offset)}, content=content)


def scan_of(path: str) -> str:
    return path.rsplit("/", 1)[1]


def wait_for(asked: httpx.Client, scan_id: str, timeout_s: float = 60.0) -> dict[str, Any]:
    """Wait for the result of a scan."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        scan = asked.get(f"/v1/scans/{scan_id}").json()
        if scan["state"] == "done":
            return scan
        time.sleep(0.05)
    raise AssertionError(f"no result after {timeout_s} s: {scan}")


def events(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Give the events of a stream."""
    kind = ""
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)


def bytes_in(folder: Path) -> dict[str, int]:
    """Size of each upload and result in the folder of a server."""
    return {
        file.relative_to(folder).as_posix(): file.stat().st_size
        for part in ("uploads", "results")
        for file in (folder / part).iterdir()
    }


def soon(tell: Any, timeout_s: float = 5.0) -> bool:
    """Tell whether something becomes true."""
    deadline = time.monotonic() + timeout_s
    while not tell():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Raw:
    """A connection over which a client sends what it likes; use it in a `with`."""

    def __init__(self, address: str, head: str) -> None:
        place = urlsplit(address)
        self.socket = socket.create_connection((place.hostname, place.port), timeout=20)
        lines = [*head.strip().splitlines(), f"Host: {place.netloc}", "", ""]
        self.socket.sendall("\r\n".join(line.strip() for line in lines).encode())

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()

    def send(self, content: bytes) -> None:
        self.socket.sendall(content)

    def answer(self) -> str:
        """Give all that comes until the server ends the connection, or for a second nothing does."""
        got = b""
        while b"\r\n\r\n" not in got and (piece := self.socket.recv(65536)):
            got += piece
        self.socket.settimeout(0.3)
        try:
            while piece := self.socket.recv(65536):
                got += piece
        except TimeoutError:
            pass
        return got.decode()


def padded(content: bytes, tail: int | None = None) -> bytes:
    """Give other bytes that are the same clip: what stands behind the last box of MP4 is left out by decoders."""
    free = os.urandom(8) if tail is None else tail.to_bytes(8, "big")
    return content + (16).to_bytes(4, "big") + b"free" + free
