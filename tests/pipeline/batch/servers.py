"""Servers on this machine that files are fetched from."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class WebServer:
    """Serves files over HTTP, and does what else servers do, by the first part of the path.

    Attributes:
        files: content by path.
        asked: "METHOD path" of every request.
        pause_s: seconds between the bytes of what is slow.
        address: of its root.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.pause_s = 0.1
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                server.answer(self)

            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fetched(self) -> list[str]:
        """Paths whose content was asked for."""
        return [each.split()[1] for each in self.asked if each.startswith("GET")]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path  # a proxy is asked for the whole address
        self.asked.append(f"{request.command} {request.path}")
        what = path.split("/")[1]
        if what == "loop":
            self._say(request, 302, {"Location": f"/loop/{len(self.asked)}", "Content-Length": "0"})
        elif what == "moved":
            self._say(request, 302, {"Location": path.removeprefix("/moved"), "Content-Length": "0"})
        elif what.isdigit():
            self._say(request, int(what), {"Content-Length": "0"})
        elif what == "away":
            self._say(request, 302, {"Location": "file:///etc/hosts", "Content-Length": "0"})
        elif (what == "unasked" and request.command == "HEAD") or (
            what == "signed" and "Signature=rechtens" not in request.path
        ):
            self._say(request, 403, {"Content-Length": "0"})
        elif what == "locked" and request.headers.get("Authorization") is None:
            self._say(request, 401, {"Content-Length": "0"})
        elif what == "busy" and len(self.fetched()) < 3:
            self._say(request, 503, {"Content-Length": "0"})
        elif path not in self.files:
            self._say(request, 404, {"Content-Length": "0"})
        else:
            self._give(request, what, self.files[path])

    def _give(self, request: BaseHTTPRequestHandler, what: str, content: bytes) -> None:
        said = {"Content-Length": str(len(content)), "ETag": f'"{hash(content)}"'}
        if what == "unsized":
            said = {"Transfer-Encoding": "chunked"}
        if what == "packed":
            said["Content-Encoding"] = "gzip"
        if what == "untagged":
            del said["ETag"]
        self._say(request, 200, said)
        if request.command == "HEAD":
            return
        with contextlib.suppress(ConnectionError):
            if what == "slow" and self.pause_s:
                for byte in content:
                    request.wfile.write(bytes([byte]))
                    time.sleep(self.pause_s)
            elif what == "cut":
                request.wfile.write(content[: len(content) // 2])
                request.close_connection = True
            elif what == "unsized":
                for start in range(0, len(content), 1 << 16):
                    part = content[start : start + (1 << 16)]
                    request.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                request.wfile.write(b"0\r\n\r\n")
            else:
                request.wfile.write(content)

    def _say(self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()


@contextlib.contextmanager
def web_server() -> Iterator[WebServer]:
    server = WebServer()
    try:
        yield server
    finally:
        server.close()


def texts_below(folder: Path) -> bytes:
    """Give all bytes of all files in a folder, and their names."""
    return b"\n".join(path.name.encode() + path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
