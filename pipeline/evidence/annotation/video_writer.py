"""Writes pictures with times of their own, beside the sound of another file, as a video that browsers play.

A pipe of raw pictures has no room for timestamps. So the pictures are wrapped into Matroska, which ffmpeg reads from a
pipe: one cluster for each picture, with its time and duration in microseconds. The result is MP4 with H.264 in 4:2:0,
colours of BT.709 and the index in front.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import ffmpeg
import numpy as np
import numpy.typing as npt

from pipeline.evidence.annotation.stream_facts import NO_SOUND, StreamFacts
from pipeline.media import confinement
from pipeline.media.ffmpeg import find_binary
from pipeline.media.ffmpeg_input import file_url, source_input
from pipeline.media.limits import Limits
from pipeline.media.types import STALL_TIMEOUT_S, MediaInfo, quoted
from pipeline.results.writers import WriteError

TIMESCALE = 90_000
"""Ticks a second of the times in the written file."""

MP4_SOUND = ("aac", "mp3")
"""Codecs that are copied as they are. Browsers play few others from MP4; these become AAC."""

_OUTPUT_OPTIONS = {
    "format": "mp4",
    "movflags": "+faststart",
    "c:v": "libx264",
    "preset": "veryfast",
    "crf": 20,
    # MP4 stores durations in the order of decoding: with frames in another order the last one's is lost.
    "bf": 0,
    "fps_mode": "passthrough",
    "enc_time_base": f"1/{TIMESCALE}",
    "video_track_timescale": TIMESCALE,
    # Nothing that the source's author wrote is taken over: a copy with boxes on it is not their work.
    "map_metadata": -1,
    "map_chapters": -1,
    "metadata": "comment=Annotated copy made by Facewitness",
}

_US = 1_000_000
_WATCH_INTERVAL_S = 0.25
_ENCODER_BYTES = 6 << 30
"""What encoding may take beside reading the source: x264 keeps many pictures, more with more cores."""

_KEPT_ERRORS = 3


class _Encoder(NamedTuple):
    """A running ffmpeg, and its ends of two pipes."""

    process: subprocess.Popen[bytes]
    pictures: IO[bytes]
    log: IO[bytes]


class VideoWriter:
    """Writes one video; use it in a `with`. The file is there, whole, after `finish`, or else not at all.

    Args:
        target: what to write; a file of that name is replaced.
        size: width and height of the pictures, both even.
        source: the video whose sound is taken over, and whose clock the times of the pictures are of; None for none.
        stream_facts: what of it is taken over.
        stall_timeout_s: seconds without progress after which ffmpeg is killed.

    Raises:
        WriteError: ffmpeg cannot encode H.264, or the folder cannot be written to.
    """

    def __init__(
        self,
        target: Path,
        size: tuple[int, int],
        source: MediaInfo | None,
        stream_facts: StreamFacts = NO_SOUND,
        stall_timeout_s: float = STALL_TIMEOUT_S,
    ) -> None:
        self._target, self._size, self._source, self._stream_facts = target, size, source, stream_facts
        self._stall_timeout_s = stall_timeout_s
        self._part = target.with_name(f".part-{secrets.token_hex(8)}.mp4")
        self._encoder: _Encoder | None = None
        self._waiting: tuple[npt.NDArray[np.uint8], int] | None = None
        self._first_us = 0
        self._blocked_since: float | None = None
        self._stalled = False
        self._errors: list[str] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._encoder is not None:
            self._encoder.process.kill()
            self._settle(self._encoder)
        self._part.unlink(missing_ok=True)

    def write(self, image: npt.NDArray[np.uint8], time_s: float) -> None:
        """Add a picture.

        Args:
            image: RGB uint8 (height, width, 3).
            time_s: when it is shown, in seconds of the source's clock; later than every one before it.

        Raises:
            WriteError: it cannot be written.
        """
        # Some files give several frames one time; a tick is the least that a player can tell.
        time_us = round(time_s * _US)
        if self._encoder is None or self._waiting is None:
            self._encoder = self._start(time_us)
            self._send(self._encoder, _header(self._size))
        else:
            time_us = max(time_us, self._waiting[1] + _US // TIMESCALE + 1)
            self._put(self._encoder, *self._waiting, time_us)
        self._waiting = image, time_us

    def finish(self, end_s: float) -> None:
        """Write the last picture, which is shown until a time, and put the file into its place.

        Raises:
            WriteError: no picture was given, or the file cannot be written.
        """
        encoder = self._encoder
        if encoder is None or self._waiting is None:
            raise WriteError(f"{quoted(self._target)} was not written: there is no picture for it")
        self._put(encoder, *self._waiting, max(round(end_s * _US), self._waiting[1] + 1000))
        with contextlib.suppress(OSError):  # what went wrong shows in the exit status
            encoder.pictures.close()
        self._await_end(encoder)
        self._settle(encoder)
        if encoder.process.returncode != 0:
            raise self._failure(encoder)
        try:
            self._part.replace(self._target)
        except OSError as error:
            raise WriteError(f"cannot write {quoted(self._target)}: {error.strerror}") from error

    def _start(self, first_us: int) -> _Encoder:
        self._first_us = first_us
        if not _encodes_h264():
            raise WriteError(f"cannot write {quoted(self._target)}: {find_binary()} was built without libx264")
        # ffmpeg lets every input begin at time 0; the offset gives the first picture its time back.
        first_s = first_us / _US + self._stream_facts.delay_s
        pictures = ffmpeg.input("pipe:", format="matroska", itsoffset=f"{first_s:.6f}")
        video = pictures["v:0"].filter("scale", out_color_matrix="bt709", out_range="tv", flags="accurate_rnd")
        video = video.filter("format", "yuv420p")
        video = video.filter("setparams", colorspace="bt709", color_primaries="bt709", color_trc="bt709", range="tv")
        file = self._source.source.reopen() if self._source else os.open(os.devnull, os.O_RDONLY)
        source = source_input(file)
        streams, options = [video], {}
        for position, (stream, codec) in enumerate(self._stream_facts.sound):
            streams.append(source[str(stream)])
            options[f"c:a:{position}"] = "copy" if codec in MP4_SOUND else "aac"
            if codec not in MP4_SOUND:
                options[f"b:a:{position}"] = "192k"
        output = ffmpeg.output(*streams, file_url(self._part), **_OUTPUT_OPTIONS, **options)
        if self._source and self._stream_facts.sound:
            # Read along with the sound, so that both begin at the same time 0, and thrown away.
            unused = ffmpeg.output(source[str(self._source.stream)], "pipe:", format="null", codec="copy")
            output = ffmpeg.merge_outputs(output, unused)
        command = [find_binary().path, "-hide_banner", "-nostats", "-loglevel", "error", "-y", *ffmpeg.get_args(output)]
        reading_bytes = self._source.source.limits.memory_bytes if self._source else 0
        try:
            self._part.touch(exist_ok=False)
            process = confinement.start(
                command,
                find_binary().confinement,
                Limits(reading_bytes + _ENCODER_BYTES, math.inf),
                confinement.Grants(self._part),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[file],
                # What plays cannot be drawn again: an interrupt must not end it before the last pictures have come.
                start_new_session=self._source is None,
            )
        except OSError as error:
            raise WriteError(f"cannot write {quoted(self._target)}: {error.strerror}") from error
        finally:
            os.close(file)
        assert process.stdin and process.stderr, "both were asked for"
        encoder = _Encoder(process, process.stdin, process.stderr)
        tasks = (self._read_log, self._watch)
        self._threads = [threading.Thread(target=task, args=(encoder,), daemon=True) for task in tasks]
        for thread in self._threads:
            thread.start()
        return encoder

    def _put(self, encoder: _Encoder, image: npt.NDArray[np.uint8], time_us: int, until_us: int) -> None:
        for part in _cluster(image, time_us - self._first_us, until_us - time_us):
            self._send(encoder, part)

    def _send(self, encoder: _Encoder, data: bytes | memoryview) -> None:
        self._blocked_since = time.monotonic()
        try:
            encoder.pictures.write(data)
        except OSError:  # ffmpeg has gone
            encoder.process.wait()
            self._settle(encoder)
            raise self._failure(encoder) from None
        finally:
            self._blocked_since = None

    def _await_end(self, encoder: _Encoder) -> None:
        """Wait while the file still changes: sound can be longer than pictures, and the index goes to the front."""
        seen, since = None, time.monotonic()
        while True:
            try:
                encoder.process.wait(_WATCH_INTERVAL_S)
                return
            except subprocess.TimeoutExpired:
                status = self._part.stat()
                if (status.st_size, status.st_mtime_ns) != seen:
                    seen, since = (status.st_size, status.st_mtime_ns), time.monotonic()
                elif time.monotonic() - since > self._stall_timeout_s:
                    self._stalled = True
                    encoder.process.kill()

    def _watch(self, encoder: _Encoder) -> None:
        while encoder.process.poll() is None:
            time.sleep(_WATCH_INTERVAL_S)
            since = self._blocked_since
            if since is not None and time.monotonic() - since > self._stall_timeout_s:
                self._stalled = True
                encoder.process.kill()

    def _read_log(self, encoder: _Encoder) -> None:
        for line in encoder.log:
            if len(self._errors) < _KEPT_ERRORS:
                self._errors.append(line.decode("utf-8", "replace").strip().rstrip("."))

    def _settle(self, encoder: _Encoder) -> None:
        with contextlib.suppress(OSError):
            encoder.pictures.close()
        encoder.process.wait()
        for thread in self._threads:
            thread.join()
        encoder.log.close()

    def _failure(self, encoder: _Encoder) -> WriteError:
        if self._stalled:
            reason = f"ffmpeg was stopped after {self._stall_timeout_s:g} s without progress"
        else:
            reason = self._errors[0] if self._errors else f"ffmpeg ended with status {encoder.process.returncode}"
        return WriteError(f"cannot write {quoted(self._target)}: {reason}")


def _encodes_h264() -> bool:
    result = subprocess.run(
        [find_binary().path, "-hide_banner", "-encoders"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return b" libx264 " in result.stdout


# Matroska, as far as it is needed: https://www.rfc-editor.org/rfc/rfc9559


def _element(identity: int, content: bytes) -> bytes:
    return _opening(identity, len(content)) + content


def _opening(identity: int, size: int) -> bytes:
    """Write the id of an element and its size, always as eight bytes."""
    return identity.to_bytes((identity.bit_length() + 7) // 8, "big") + (1 << 56 | size).to_bytes(8, "big")


def _number(identity: int, value: int) -> bytes:
    return _element(identity, value.to_bytes(8, "big"))


def _header(size: tuple[int, int]) -> bytes:
    """Write all that comes before the first picture: one track of uncompressed RGB."""
    document = _element(0x4282, b"matroska") + _number(0x4287, 4) + _number(0x4285, 2)
    information = _number(0x2AD7B1, 1000)  # nanoseconds in a tick
    picture = _number(0xB0, size[0]) + _number(0xBA, size[1]) + _element(0x2EB524, b"RGB\x18")
    track = _number(0xD7, 1) + _number(0x73C5, 1) + _number(0x83, 1) + _element(0x86, b"V_UNCOMPRESSED")
    tracks = _element(0xAE, track + _element(0xE0, picture))
    endless = (0x18538067).to_bytes(4, "big") + b"\x01" + b"\xff" * 7
    return _element(0x1A45DFA3, document) + endless + _element(0x1549A966, information) + _element(0x1654AE6B, tracks)


def _cluster(image: npt.NDArray[np.uint8], time_us: int, duration_us: int) -> Iterator[bytes | memoryview]:
    """Write one picture, without copying it."""
    pixels = memoryview(np.ascontiguousarray(image).data).cast("B")
    block = _opening(0xA1, 4 + len(pixels)) + struct.pack(">BhB", 0x81, 0, 0)  # track 1, at the cluster's time
    duration = _number(0x9B, duration_us)
    start = _number(0xE7, time_us)
    group_size = len(block) + len(pixels) + len(duration)
    group = _opening(0xA0, group_size)
    yield _opening(0x1F43B675, len(start) + len(group) + group_size) + start + group + block
    yield pixels
    yield duration
