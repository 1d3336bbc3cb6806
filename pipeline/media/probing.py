"""Finds out what a file is: a picture by its first bytes, anything else by asking ffmpeg."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import replace
from pathlib import Path

from pipeline.media import images, video_probe
from pipeline.media.types import STALL_TIMEOUT_S, MediaError, MediaInfo, is_address, quoted

_FFMPEG_IMAGES = ("jpegxl_pipe",)
"""Formats of pictures that Pillow does not read, as ffmpeg calls them."""

_HEAD_BYTES = 256
_HASH_CHUNK_BYTES = 1 << 20


def probe(path: Path, *, stall_timeout_s: float = STALL_TIMEOUT_S) -> MediaInfo:
    """Find out what a file is.

    Reads the whole file twice, for its hash and for the timestamps of its frames, and decodes nothing but animated
    images. What the file is called does not matter.

    Args:
        path: any path; it is never taken for an option, a pattern or a protocol.
        stall_timeout_s: seconds without a sign of life from ffmpeg after which it is killed.

    Raises:
        MediaError: there is nothing to decode, and why.
    """
    size, head = _open(path)
    sha256 = file_sha256(path)
    image_format = _image_format(head)
    if image_format is not None:
        return images.probe(path, image_format, sha256, size)
    info = video_probe.probe(path, sha256, size, stall_timeout_s)
    if info.container in _FFMPEG_IMAGES:
        return replace(info, kind="image", duration_s=0.0, frame_rate=None, time_base=None)
    return info


def _open(path: Path) -> tuple[int, bytes]:
    """Give the size of a regular file and its first bytes."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            os.scandir(path).close()  # raises where it is locked, so that nobody knows what is in it
            raise MediaError("error", f"{quoted(path)} is a folder, and no video or image was found in it.")
        # Opening a named pipe would block until somebody writes to it.
        if not stat.S_ISREG(status.st_mode):
            raise MediaError("unsupported", f"{quoted(path)} is a pipe or a device, not a file: copy it to one.")
        if status.st_size == 0:
            raise MediaError("undecodable", f"{quoted(path)} is empty: it has no bytes.")
        with path.open("rb") as file:
            return status.st_size, file.read(_HEAD_BYTES)
    except FileNotFoundError:
        if is_address(path):
            raise MediaError(
                "error", f"{quoted(path)} is an address, from which nothing is fetched: save what is there to a file."
            ) from None
        raise MediaError("error", f"{quoted(path)} does not exist.") from None
    except PermissionError:
        raise MediaError("error", f"{quoted(path)} may not be read: its permissions forbid it.") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise MediaError("error", f"{quoted(path)} could not be opened: {reason}.") from error


def file_sha256(path: Path) -> str:
    """Hash a whole file: SHA-256 in hexadecimal.

    Raises:
        MediaError: the file cannot be read to its end.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_HASH_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise MediaError("error", f"{quoted(path)} could not be read to its end: {error.strerror}.") from error
    return digest.hexdigest()


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
