"""Finds out what a file is: a picture by its first bytes, anything else by asking ffmpeg."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from pipeline.media import image_files, video_probe
from pipeline.media.limits import Limits
from pipeline.media.source_file import Origin, SourceFile
from pipeline.media.types import STALL_TIMEOUT_S, MediaError, MediaInfo

_FFMPEG_IMAGES = ("jpegxl_pipe",)
"""Formats of pictures that Pillow does not read, as ffmpeg calls them."""

_HEAD_BYTES = 256


def probe(
    path: Path,
    *,
    stall_timeout_s: float = STALL_TIMEOUT_S,
    limits: Limits | None = None,
    stopped: threading.Event | None = None,
    origin: Origin | None = None,
) -> MediaInfo:
    """Find out what a file is.

    Reads the whole file twice, for its hash and for the timestamps of its frames, and decodes nothing but animated
    images. What the file is called does not matter. It stays open as long as what is returned: frames are decoded from
    the very file that was hashed.

    Args:
        path: any path; it is never taken for an option, a pattern or a protocol.
        stall_timeout_s: seconds without a sign of life from ffmpeg after which it is killed.
        limits: what probing and decoding may take; None for the usual.
        stopped: breaks off probing and decoding once it is set.
        origin: where the file came from, if it is a copy.

    Raises:
        MediaError: there is nothing to decode, and why.
        StoppedError: `stopped` was set.
    """
    source = SourceFile(path, limits, stopped, origin)
    try:
        return _probe(source, stall_timeout_s)
    except BaseException:
        source.close()  # which whoever keeps the exception would put off
        raise


def _probe(source: SourceFile, stall_timeout_s: float) -> MediaInfo:
    image_format = _image_format(source.head(_HEAD_BYTES))
    sha256 = source.sha256()
    try:
        if image_format is not None:
            return image_files.probe(source, image_format, sha256)
        info = video_probe.probe(source, sha256, stall_timeout_s)
    except MediaError:
        # A file that is still being written has its own reason to be damaged.
        source.check_unchanged()
        raise
    if info.container in _FFMPEG_IMAGES:
        return replace(info, kind="image", duration_s=0.0, frame_rate=None, time_base=None)
    return info


def file_sha256(path: Path, *, stopped: threading.Event | None = None) -> str:
    """Hash a whole file: SHA-256 in hexadecimal.

    Raises:
        MediaError: the file cannot be read to its end.
        StoppedError: `stopped` was set.
    """
    return SourceFile(path, stopped=stopped).sha256()


_IMAGE_SIGNATURES = {
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
    b"BM": "bmp",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"\0\0\0\x0cjP  \r\n\x87\n": "jpeg2000",
    b"\xff\x4f\xff\x51": "jpeg2000",
}

_IMAGE_BRANDS = {b"avif": "avif", b"avis": "avif", b"heic": "heic", b"heix": "heic", b"mif1": "heic"}


def _image_format(head: bytes) -> str | None:
    """Tell an image by its first bytes, which unlike its name cannot lie; None means: ask ffmpeg."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        major, compatible = head[8:12], head[16 : int.from_bytes(head[:4], "big")]
        return "avif" if major == b"mif1" and b"avif" in compatible else _IMAGE_BRANDS.get(major)
    return next((name for start, name in _IMAGE_SIGNATURES.items() if head.startswith(start)), None)
