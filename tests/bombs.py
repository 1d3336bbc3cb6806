"""Makes small files that take gigabytes or hours of whoever decodes them without limits.

outcome = outcome_of(canvas_gif(path))
outcome.error.status, outcome.memory_bytes, outcome.seconds
"""

from __future__ import annotations

import contextlib
import io
import struct
import threading
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline.media import MediaError, open_frames, probe
from pipeline.media.limits import Limits
from tests.media_files import EVERY, run_ffmpeg


@dataclass(frozen=True)
class Outcome:
    """What came of a file.

    Attributes:
        error: what was said of it, None if every frame could be decoded.
        memory_bytes: the most that all processes had together beyond what they had before.
        seconds: how long it took.
    """

    error: MediaError | None
    memory_bytes: int
    seconds: float


def outcome_of(path: Path, limits: Limits | None = None) -> Outcome:
    """Probe and decode a file, and measure."""
    began, before, peak, done = time.monotonic(), _memory(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], _memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    error = None
    try:
        with open_frames(probe(path, limits=limits), EVERY) as reader:
            for _ in reader:
                pass
    except MediaError as caught:
        error = caught
    finally:
        done.set()
        watcher.join()
    return Outcome(error, max(0, peak[0] - before), time.monotonic() - began)


def measured(command: list[str]) -> tuple[int, int, float]:
    """Run a program: its exit status, the most memory that it and what it started had together, and the seconds."""
    began, peak = time.monotonic(), 0
    with psutil.Popen(command) as process:
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                peak = max(peak, _memory(process))
            time.sleep(0.03)
    return process.returncode, peak, time.monotonic() - began


def _memory(root: psutil.Process | None = None) -> int:
    total = 0
    root = root or psutil.Process()
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.Error):  # it has ended
            total += process.memory_full_info().uss
    return total


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(path: Path, side: int, *, channels: int = 3, bits: int = 8, extra: bytes = b"") -> Path:
    """A square PNG of one colour, which packs a thousand bytes into one."""
    colour_type = {3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", side, side, bits, colour_type, 0, 0, 0)
    rows = _packed(side, b"\0" + b"\x40" * (side * channels * bits // 8))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    return path


def text_png(path: Path, length: int) -> Path:
    """A small PNG with a comment that is long when it is unpacked."""
    return png(path, 64, extra=chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"A" * length, 9)))


def canvas_gif(path: Path, side: int, pictures: int) -> Path:
    """A GIF of pictures that change one pixel each on a large canvas."""
    data = io.BytesIO()
    data.write(b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff")
    for number in range(pictures):
        data.write(b"!\xf9\x04" + struct.pack("<BHB", 0x08, 5, 0) + b"\0")
        data.write(b"," + struct.pack("<HHHHB", number % side, 0, 1, 1, 0) + b"\x02\x02D\x01\0")
    path.write_bytes(data.getvalue() + b";")
    return path


def canvas_apng(path: Path, side: int, pictures: int) -> Path:
    """The same as PNG."""
    parts = [
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)),
        chunk(b"acTL", struct.pack(">II", pictures, 0)),
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, side, side, 0, 0, 1, 10, 0, 0)),
        chunk(b"IDAT", _packed(side, b"\0" * (1 + 4 * side))),
    ]
    for number in range(1, pictures):
        parts.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", 2 * number - 1, 1, 1, number % side, 0, 1, 10, 0, 0)))
        parts.append(chunk(b"fdAT", struct.pack(">I", 2 * number) + zlib.compress(b"\0\1\2\3\xff")))
    path.write_bytes(b"".join(parts) + chunk(b"IEND", b""))
    return path


def long_tables_mp4(path: Path, claimed: int = 100_000_000) -> Path:
    """An MP4 of 8 KB whose three tracks claim so many samples of 24 bytes, more than a decoder gets."""
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=d=1:s=64x64:r=10", "-map", "0", "-map", "0", "-map", "0", path)
    data = bytearray(path.read_bytes())
    tables = {b"stsz": (8, (1, claimed)), b"stts": (8, (1, claimed, 512)), b"stsc": (8, (1, 1, claimed, 1))}
    for box, (offset, values) in tables.items():
        place = data.find(box)
        while place >= 0:
            struct.pack_into(f">{len(values)}I", data, place + offset, *values)
            place = data.find(box, place + 4)
    for box in (b"ctts", b"stss"):
        data = data.replace(box, b"free")
    path.write_bytes(data)
    return path


def wide_mkv(path: Path, side: int) -> Path:
    """A Matroska file of one picture with four times 16 bits a pixel."""
    picture = png(path.with_suffix(".png"), side, channels=4, bits=16)
    run_ffmpeg("-i", picture, "-c", "copy", path)
    picture.unlink()
    return path


def _packed(rows: int, row: bytes) -> bytes:
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(row) for _ in range(rows)) + packer.flush()
