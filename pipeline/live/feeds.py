"""What can be watched: a camera, a file that plays in real time, a stream from a network."""

from __future__ import annotations

import contextlib
import math
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import ffmpeg

from pipeline.live.addresses import StreamAddress, find, is_address
from pipeline.live.errors import SourceError
from pipeline.live.tunnel import Tunnel
from pipeline.media.confinement import Grants
from pipeline.media.errors import MediaError, quoted
from pipeline.media.ffmpeg_input import CONTAINERS, live_input, source_input
from pipeline.media.limits import Limits, TimeLimit
from pipeline.media.source_file import Readable, SourceFile

USUAL_TIMEOUT_S = 15.0

Kind = Literal["camera", "file", "stream"]

_CAMERAS = {"linux": ("v4l2", "video4linux2,v4l2"), "darwin": ("avfoundation",) * 2, "win32": ("dshow",) * 2}
"""What ffmpeg calls the cameras of a system, and the formats that it may take."""

# Several would each keep a picture back.
_THREADS = 1

# More formats that cameras of a network speak: pictures one after the other, and playlists.
_STREAMED = f"{CONTAINERS},mpjpeg"
_ANALYSED_US = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """What is watched, ready to be decoded as often as it is lost; for one watch.

    Attributes:
        name: as it may be written down.
        kind: of source.
        input: of ffmpeg's graph.
        readable: what ffmpeg gets open.
        grants: what it may use beside.
        timeout_s: seconds without a picture after which it is lost.
        stopped: ends its decoder once it is set.
        is_paced: whether it would come faster than it plays if it were let.
        failure: why the network did not lead to it, in words, or "".
    """

    name: str
    kind: Kind
    input: ffmpeg.nodes.FilterableStream
    readable: Readable
    grants: Grants
    timeout_s: float
    stopped: threading.Event
    is_paced: bool = False
    failure: Callable[[], str] = str

    @property
    def comes_back(self) -> bool:
        """Whether it is waited for when it ends: a file is over."""
        return self.kind != "file"

    def __str__(self) -> str:
        return quoted(self.name)


@dataclass(frozen=True, slots=True, eq=False)
class _Opening:
    timeout_s: float
    memory_bytes: int
    stopped: threading.Event = field(default_factory=threading.Event)


class _SilenceLimit(TimeLimit):
    """Counts the seconds in which a picture is waited for, each time anew, whatever the decoder says meanwhile."""

    def begin(self) -> None:
        self._spent_s = 0.0
        super().begin()


class _NothingOpen:
    """In place of a file that a decoder gets open, where it opens something itself."""

    def __init__(self, name: str, opening: _Opening) -> None:
        self.path = Path(name)
        self.limits = Limits(opening.memory_bytes, math.inf)
        self.time: TimeLimit = _SilenceLimit(opening.timeout_s, opening.stopped)

    def reopen(self) -> int:
        return os.open(os.devnull, os.O_RDONLY)


@contextlib.contextmanager
def open_feed(
    source: str,
    *,
    allow_private: bool = False,
    timeout_s: float = USUAL_TIMEOUT_S,
    memory_bytes: int = Limits().memory_bytes,
) -> Iterator[Feed]:
    """Find out what a source is, and make it ready to be decoded.

    Args:
        source: the number or device of a camera, the path of a file, or an address.
        allow_private: whether an address may lie in a private network or on this machine.
        timeout_s: seconds without a picture after which it is lost, or at the start a failure.
        memory_bytes: what its decoder may take.

    Raises:
        SourceError: there is no such source; it is a `RefusedSourceError` where it may not be opened like this.
    """
    opening = _Opening(timeout_s, memory_bytes)
    if is_address(source):
        address = find(source, allow_private=allow_private)
        with contextlib.closing(Tunnel(address)) as tunnel:
            yield _stream(address, tunnel, opening)
    elif (camera := _camera_name(source)) is not None:
        yield _camera(camera, opening)
    else:
        try:
            file = SourceFile(Path(source), Limits(memory_bytes, math.inf), opening.stopped)
        except MediaError as error:
            raise SourceError(str(error)) from error
        with contextlib.closing(file):
            feed = source_input(threads=_THREADS)
            yield Feed(source, "file", feed, file, Grants(), timeout_s, opening.stopped, is_paced=True)


def _camera_name(source: str) -> str | None:
    """Give what ffmpeg calls a camera; None if the source is none."""
    if sys.platform == "linux":
        # A number is a camera, also where a file is called so: a file can be given as ./0.
        return f"/dev/video{source}" if source.isdecimal() else source if source.startswith("/dev/video") else None
    if sys.platform == "win32":
        return source if source.startswith("video=") else None
    return source if source.isdecimal() else None


def _camera(name: str, opening: _Opening) -> Feed:
    if sys.platform == "linux" and not Path(name).exists():
        found = ", ".join(sorted(map(str, Path("/dev").glob("video*"))))
        raise SourceError(f"there is no camera {quoted(name)}: {f'there are {found}' if found else 'there is none'}")
    if sys.platform not in _CAMERAS:
        raise SourceError(f"cameras of this system ({sys.platform}) are not known")
    form, formats = _CAMERAS[sys.platform]
    device = Path(name) if sys.platform == "linux" else None
    feed = live_input(name, formats, f=form, threads=_THREADS)
    readable = _NothingOpen(name, opening)
    return Feed(name, "camera", feed, readable, Grants(device=device), opening.timeout_s, opening.stopped)


def _stream(address: StreamAddress, tunnel: Tunnel, opening: _Opening) -> Feed:
    is_rtsp = address.scheme.startswith("rtsp")
    url = f"{'rtsp' if is_rtsp else 'http'}://{address.user}127.0.0.1:{tunnel.port}{address.path}"
    if is_rtsp:
        feed = live_input(url, "rtsp,rtp,sdp,mpegts", "rtp,tcp", rtsp_transport="tcp", threads=_THREADS)
    else:
        options: dict[str, Any] = {"headers": f"Host: {address.authority}\r\n", "analyzeduration": _ANALYSED_US}
        playlists, keys = (",hls", ",crypto") if address.is_playlist else ("", "")
        feed = live_input(url, _STREAMED + playlists, f"http,tcp{keys}", **options, threads=_THREADS)
    readable = _NothingOpen(str(address), opening)
    # A playlist names seconds at a time.
    grants, paced = Grants(port=tunnel.port), address.is_playlist
    return Feed(
        str(address),
        "stream",
        feed,
        readable,
        grants,
        opening.timeout_s,
        opening.stopped,
        paced,
        lambda: tunnel.failure,
    )


def plain_reason(said: str, name: str) -> str:
    """Say in plain words what ffmpeg complained of.

    Args:
        said: what it said first.
        name: of the source.
    """
    for pattern, words in _REASONS:
        if re.search(pattern, said, re.I):
            return words
    return re.sub(r"\S*127\.0\.0\.1:\d+\S*", name, said)


_REASONS = (
    (r"device or resource busy", "it is in use by another program"),
    (r"permission denied|operation not permitted", "its permissions forbid it"),
    (r"\b401\b", "it wants a user and a password: write them before the host, as in rtsp://user:password@host"),
    (r"\b403\b", "the server forbids it"),
    (r"\b404\b", "there is nothing at this address"),
    (r"http error 5\d\d|server returned 5", "the server has an error"),
    (r"not on whitelist", "it is of no kind that is read"),
    (r"invalid data found|moov atom not found", "it sends no video that can be read"),
)
