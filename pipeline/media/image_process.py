"""Has images read by a confined process, see `pipeline.media.image_server`."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.media import confinement
from pipeline.media.errors import MediaError, nonsense, quoted
from pipeline.media.image_messages import PIXELS, Kind, read_message
from pipeline.media.image_server import answer_requests
from pipeline.media.source_file import SourceFile

_POLL_S = 0.1
_LINE_BYTES = 64 << 20

# The server finds what this process has found.
_SERVE = "import sys; sys.path[:] = sys.argv[1:]; from pipeline.media.image_server import serve; serve()"


def confined_by() -> tuple[str, ...]:
    """Name the measures that the process takes, of `pipeline.media.confinement.MEASURES`."""
    return confinement.offered() if hasattr(os, "fork") else ()


_waiting: weakref.WeakKeyDictionary[SourceFile, socket.socket] = weakref.WeakKeyDictionary()
"""Connections to the processes of images that are still open."""


class ImageAnswer:
    """What the process says of one image.

    Args:
        source: the image.
        connection: to the process.
    """

    def __init__(self, source: SourceFile, connection: socket.socket) -> None:
        self._source = source
        self._connection = connection
        self._left = bytearray()

    def line(self, *kinds: Kind) -> dict[str, Any]:
        """Give what is said next.

        Args:
            kinds: what may come, of those of `pipeline.media.image_messages`.

        Raises:
            MediaError: the image cannot be read, or what is said of it makes no sense.
            StoppedError: reading was stopped.
        """
        while (end := self._left.find(b"\n")) < 0:
            chunk = bytearray(1 << 12)
            count = self._receive(memoryview(chunk))
            self._left += chunk[:count]
            if len(self._left) > _LINE_BYTES:
                raise _crashed(self._source)
        try:
            said = read_message(self._left[:end], *kinds)
        except ValueError:
            raise nonsense(self._source.path) from None
        del self._left[: end + 1]
        if "bug" in said:
            raise RuntimeError(f"reading {quoted(self._source.path)} failed:\n{said['bug']}")
        if "status" in said:
            raise MediaError(said["status"], said["message"])
        return said

    def fill(self, buffer: memoryview) -> None:
        """Fill a buffer with the pixels of the picture whose head was the last line.

        Raises:
            MediaError: there are less, or it is no longer known how many there are.
            StoppedError: reading was stopped.
        """
        filled = 0
        while filled < len(buffer):
            count = self.line(PIXELS)["bytes"]
            if count > len(buffer) - filled:
                raise nonsense(self._source.path)
            self._take(buffer[filled : filled + count])
            filled += count

    def _take(self, buffer: memoryview) -> None:
        taken = min(len(self._left), len(buffer))
        buffer[:taken] = self._left[:taken]
        del self._left[:taken]
        while taken < len(buffer):
            taken += self._receive(buffer[taken:])

    def _receive(self, buffer: memoryview) -> int:
        time = self._source.time
        time.check(self._source.path)
        time.begin()
        try:
            while True:
                try:
                    count = self._connection.recv_into(buffer)
                except TimeoutError:
                    time.check(self._source.path)
                    continue
                if not count:
                    raise _crashed(self._source)
                return count
        finally:
            time.end()


def _crashed(source: SourceFile) -> MediaError:
    return MediaError("error", f"{quoted(source.path)} could not be read: Pillow crashed.")


@contextmanager
def ask(source: SourceFile, **request: Any) -> Iterator[ImageAnswer]:
    """Have an image read. Its process waits for further questions as long as the source lives.

    Args:
        source: the image.
        request: what is wanted, see `pipeline.media.image_server.answer_requests`.
    """
    connection = _waiting.pop(source, None) or _connect(source)
    try:
        connection.settimeout(None)
        connection.sendall(json.dumps({"path": os.fspath(source.path), **request}).encode() + b"\n")
        connection.settimeout(_POLL_S)
        yield ImageAnswer(source, connection)
    except ConnectionError:
        connection.close()
        raise _crashed(source) from None
    except BaseException:
        connection.close()  # which ends the process, whatever it is at
        raise
    _waiting[source] = connection


def _connect(source: SourceFile) -> socket.socket:
    """Start a process for an image."""
    confinement.warn_of_less(confined_by())
    ours, theirs = socket.socketpair()
    weakref.finalize(source, ours.close)
    image = source.reopen()
    try:
        if hasattr(os, "fork"):
            _server.hand_over(image, theirs.fileno())
        else:
            _answer_here(os.dup(image), theirs.dup())
    finally:
        os.close(image)
        theirs.close()
    ours.sendall(json.dumps(dataclasses.asdict(source.limits)).encode() + b"\n")
    return ours


def _answer_here(image: int, connection: socket.socket) -> None:
    """Answer in a thread of this process, where there is no way to make confined ones."""

    def answer() -> None:
        with connection, open(image, "rb") as file:
            answer_requests(connection, file, None)

    threading.Thread(target=answer, daemon=True).start()


class _Server:
    """The process that makes the confined ones: started when it is first needed, or when it was killed."""

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._requests: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def hand_over(self, *descriptors: int) -> None:
        """Give it an image and the socket for the answer."""
        with self._busy:
            # A process that was forked from this one has to start its own.
            if self._requests is not None and self._owner == os.getpid():
                try:
                    socket.send_fds(self._requests, [b"1"], descriptors)
                    return
                except OSError:
                    self._requests.close()
            self._requests = self._start()
            self._owner = os.getpid()
            socket.send_fds(self._requests, [b"1"], descriptors)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        places = [str(Path(place).absolute()) for place in sys.path]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _SERVE, *places],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # Whatever a picture needs it for, numpy needs no threads, which could not be copied.
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for this process alone
            )
        return ours


_server = _Server()
