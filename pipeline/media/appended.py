"""Finds pictures and videos that a file holds behind its image, as motion photos do and cameras with two lenses.

Viewers of pictures show the first alone, galleries of phones the others too.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Literal

from PIL import TiffImagePlugin

_BOX_FORMATS = ("avif", "heic")
_VIDEO_BOXES = {b"mpvd": "a video behind the image (motion photo)", b"moov": "a sequence of pictures beside the image"}

# A file of the MP4 family begins with the size of its first box, which is small; then Matroska, JPEG, PNG.
_FILE = re.compile(rb"\0\0\0[\x08-\xff]ftyp|\x1aE\xdf\xa3|\xff\xd8\xff|\x89PNG\r\n\x1a\n", re.DOTALL)

# A marker of JPEG that is neither in the midst of coded data nor fill.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_START, _END = 0xD8, 0xD9

# What HDR displays brighten the very picture with that it lies behind, as Google, Apple and ISO 21496-1 mark it.
_GAIN_MAP = re.compile(rb"hdr-gain-map|hdrgainmap|iso:ts:21496")

_ENTRIES, _ENTRY_BYTES = 0xB002, 16
_THUMBNAILS = (0x010001, 0x010002)


def find_appended(data: bytes, image_format: str, index: bytes = b"") -> list[str]:
    """Name what a file holds behind its image, or beside it.

    Args:
        data: all of the file.
        image_format: its format.
        index: of a JPEG's pictures, which the CIPA calls Multi-Picture Format.

    Returns:
        What there is, in words; thumbnails and gain maps are left out.
    """
    if image_format in _BOX_FORMATS:
        kinds = set(_boxes(data))
        return [words for kind, words in _VIDEO_BOXES.items() if kind in kinds]
    if image_format == "jpeg":
        return _behind(data, _jpeg_end(data, 0), _thumbnails(index))
    if image_format == "png":
        return _behind(data, _png_end(data, 0), 0)
    return []


def _behind(data: bytes, end: int, thumbnails: int) -> list[str]:
    """Name what follows the end of an image."""
    pictures, videos = -thumbnails, []
    while match := _FILE.search(data, end):
        if match[0].endswith(b"ftyp") or match[0].startswith(b"\x1a"):
            videos = ["a video behind the image (motion photo)"]
            break  # the rest is of it
        ends = _jpeg_end if match[0].startswith(b"\xff") else _png_end
        end = ends(data, match.start())
        pictures += _GAIN_MAP.search(data, match.start(), end) is None
    if pictures < 1:
        return videos
    return [
        f"{pictures} more pictures behind the image" if pictures > 1 else "another picture behind the image",
        *videos,
    ]


def _jpeg_end(data: bytes, start: int) -> int:
    """Give where a JPEG ends that begins at a place; the end of the file where it is cut off."""
    place = start
    while match := _MARKER.search(data, place):
        kind, place = match[0][1], match.end()
        if kind == _END:
            return place
        if kind != _START and kind != 0x01:
            # Segments hold thumbnails, which are JPEGs too.
            place += max(2, int.from_bytes(data[place : place + 2], "big"))
    return len(data)


def _png_end(data: bytes, start: int) -> int:
    place = start + 8
    while place + 8 <= len(data):
        kind = data[place + 4 : place + 8]
        place += 12 + int.from_bytes(data[place : place + 4], "big")
        if kind == b"IEND":
            return place
    return len(data)


def _boxes(data: bytes) -> Iterator[bytes]:
    """Give the types of the boxes of which a file consists."""
    place = 0
    while place + 8 <= len(data):
        size, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        yield kind
        if size == 1:
            size = int.from_bytes(data[place + 8 : place + 16], "big")
        if size < 8:  # to the end of the file
            return
        place += size


def _thumbnails(index: bytes) -> int:
    """Count the pictures that an index calls thumbnails."""
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(index[:8])
        file = io.BytesIO(index)
        file.seek(tags.next)
        tags.load(file)
        entries = tags[_ENTRIES]
        order: Literal["big", "little"] = "big" if index.startswith(b"MM") else "little"
        kinds = [int.from_bytes(entries[at : at + 4], order) & 0xFFFFFF for at in range(0, len(entries), _ENTRY_BYTES)]
    except Exception:  # whatever Pillow raises where there is none, or a damaged one
        return 0
    return sum(kind in _THUMBNAILS for kind in kinds)
