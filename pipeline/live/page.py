"""A page of this machine that shows what is watched, as pictures one after the other (MJPEG)."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.live.errors import SourceError

USUAL_PORT = 8720
MOST_VIEWERS = 4

_HOST = "127.0.0.1"
_QUALITY = 80
_BOUNDARY = "facewitness-picture"
_PATIENCE_S = 1.0
# Who takes longer to accept a picture has gone.
_SEND_TIMEOUT_S = 10.0
_HTML = (Path(__file__).parent / "page.html").read_bytes()
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Page:
    """Serves the page until it is closed; use it in a `with`.

    Only programs of this machine reach it, and a browser only by its own address: a page from elsewhere that is open in
    the same browser can neither read nor show it.

    Args:
        port: of TCP; 0 for any that is free.

    Raises:
        SourceError: the port is taken.

    Attributes:
        port: where it is.
    """

    def __init__(self, port: int = USUAL_PORT) -> None:
        try:
            self._server = _Server((_HOST, port), _Request)
        except OSError as error:
            raise SourceError(f"port {port} cannot be used ({error.strerror}): give another with --page PORT") from None
        self.port: int = self._server.server_address[1]
        self._server.names = {f"{name}:{self.port}" for name in (_HOST, "localhost")}
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{_HOST}:{self.port}/"

    @property
    def is_watched(self) -> bool:
        """Whether anybody is looking, so that pictures are worth drawing."""
        return self._server.viewers > 0

    def __enter__(self) -> Page:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.pictures.end()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def show(self, image: npt.NDArray[np.uint8]) -> None:
        """Show a picture, RGB uint8 (height, width, 3), to all who look."""
        _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        self._server.pictures.put(data.tobytes())


class _Pictures:
    """The newest picture, for any number of viewers; who is slow misses some."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._number = 0
        self._picture = b""
        self._ended = False

    def put(self, picture: bytes) -> None:
        with self._changed:
            self._picture, self._number = picture, self._number + 1
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def stream(self) -> Iterator[bytes]:
        """Give pictures as they come, and the last one again while none does: it shows whether anybody is there."""
        seen = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._number > seen, _PATIENCE_S)  # noqa: B023 - called here
                if self._ended:
                    return
                seen, picture = self._number, self._picture
            if picture:
                yield picture


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # Another program that waits there would be shown in place of ours.
    allow_reuse_address = False

    def __init__(self, address: tuple[str, int], request: type[_Request]) -> None:
        self.pictures = _Pictures()
        self.names: set[str] = set()
        self.viewers = 0
        self.counting = threading.Lock()
        super().__init__(address, request)


class _Request(http.server.BaseHTTPRequestHandler):
    server: _Server
    server_version = "facewitness"
    sys_version = ""
    timeout = _SEND_TIMEOUT_S

    def do_GET(self) -> None:
        if self.headers.get("Host") not in self.server.names:
            # A name of somebody else's that leads here.
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
        elif self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            self.send_error(HTTPStatus.FORBIDDEN)
        elif self.path == "/":
            self._answer("text/html; charset=utf-8", len(_HTML))
            self.wfile.write(_HTML)
        elif self.path == "/stream":
            self._stream()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, form: str, *arguments: object) -> None:
        """Say nothing: requests are no events of the watch."""

    def _answer(self, kind: str, length: int | None = None) -> None:
        self.send_response(HTTPStatus.OK)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _stream(self) -> None:
        server = self.server
        with server.counting:
            if server.viewers >= MOST_VIEWERS:
                self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
                return
            server.viewers += 1
        try:
            self._answer(f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
            for picture in server.pictures.stream():
                head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self.wfile.write(head.encode() + picture + b"\r\n")
        except OSError:  # whoever looked has gone
            pass
        finally:
            self.close_connection = True
            with server.counting:
                server.viewers -= 1
