"""Finds what a file is made of: the boxes, chunks, elements, segments or packets of its format.

The file may be damaged: what is found then is what a reader that believes its sizes would find.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

_PNG_START = b"\x89PNG\r\n\x1a\n"
_TS_PACKET = 188
_SLICES = 16
_MOST_PARTS = 4096

# What holds boxes of its own, and the bytes before the first of these.
_MP4_PARENTS = {
    **dict.fromkeys((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"mvex"), 8),
    **dict.fromkeys((b"moof", b"traf", b"dinf", b"iprp", b"ipco"), 8),
    **dict.fromkeys((b"avc1", b"hev1", b"hvc1", b"av01"), 86),
    **{b"meta": 12, b"stsd": 16, b"mp4a": 36},
}
_EBML_PARENTS = {
    *(0x1A45DFA3, 0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0xE1),
    *(0x1F43B675, 0xA0, 0x1C53BB6B, 0xBB, 0xB7, 0x1254C367, 0x7373),
}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a file.

    Attributes:
        start: place of its first byte.
        end: place behind its last.
        size_place: where its size is written.
        size_bytes: how many bytes that has, 0 where the format writes none.
        order: of the bytes in numbers.
    """

    start: int
    end: int
    size_place: int = 0
    size_bytes: int = 0
    order: Literal["big", "little"] = "big"


def find_parts(data: bytes) -> list[Part]:
    """Find the parts of a file, outer ones before those in them; equal slices where its format has no known parts."""
    found = []
    for part in _finder(data)(data, 0, len(data)):
        if part.start < part.end <= len(data):
            found.append(part)
        if len(found) == _MOST_PARTS:
            break
    return found or list(_slices(data, 0, len(data)))


def with_checksums(data: bytes) -> bytes:
    """Give a PNG whose chunks have the right checksums; other files as they are."""
    if not data.startswith(_PNG_START):
        return data
    mended = bytearray(data)
    for part in find_parts(data):
        if part.size_bytes and part.end - part.start >= 12:
            mended[part.end - 4 : part.end] = zlib.crc32(mended[part.start + 4 : part.end - 4]).to_bytes(4, "big")
    return bytes(mended)


def _finder(data: bytes) -> Callable[[bytes, int, int], Iterator[Part]]:
    if data[:4] == b"RIFF":
        return _riff
    if data[4:8] in (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free"):
        return _boxes
    starts = {b"\x1aE\xdf\xa3": _elements, _PNG_START: _png, b"GIF8": _gif, b"\xff\xd8\xff": _jpeg, b"G": _packets}
    return next((finder for start, finder in starts.items() if data.startswith(start)), _slices)


def _number(data: bytes, place: int, count: int, order: Literal["big", "little"] = "big") -> int:
    return int.from_bytes(data[place : place + count], order)


def _slices(data: bytes, start: int, end: int) -> Iterator[Part]:
    step = max(1, -(-(end - start) // _SLICES))
    for place in range(start, end, step):
        yield Part(place, min(place + step, end))


def _boxes(data: bytes, start: int, end: int) -> Iterator[Part]:
    while start + 8 <= end:
        size = _number(data, start, 4)
        place, count = start, 4
        if size == 1:
            place, count, size = start + 8, 8, _number(data, start + 8, 8)
        stop = min(start + size, end) if size >= 8 else end
        yield Part(start, stop, place, count)
        if inside := _MP4_PARENTS.get(data[start + 4 : start + 8]):
            yield from _boxes(data, start + inside, stop)
        start = stop


def _riff(data: bytes, start: int, end: int) -> Iterator[Part]:
    while start + 8 <= end:
        size = _number(data, start + 4, 4, "little")
        stop = min(start + 8 + size + size % 2, end)
        yield Part(start, stop, start + 4, 4, "little")
        if data[start : start + 4] in (b"RIFF", b"LIST"):
            yield from _riff(data, start + 12, stop)
        start = stop


def _elements(data: bytes, start: int, end: int) -> Iterator[Part]:
    while start + 2 <= end:
        id_bytes = 9 - data[start].bit_length()
        place = start + id_bytes
        if place >= end:
            return
        size_bytes = 9 - data[place].bit_length()
        if id_bytes > 4 or size_bytes > 8:
            return
        content = place + size_bytes
        size = _number(data, place, size_bytes) & ((1 << 7 * size_bytes) - 1)
        stop = min(content + size, end)
        yield Part(start, stop, place, size_bytes)
        if _number(data, start, id_bytes) in _EBML_PARENTS:
            yield from _elements(data, content, stop)
        start = max(stop, start + 2)


def _png(data: bytes, start: int, end: int) -> Iterator[Part]:
    start += len(_PNG_START)
    while start + 8 <= end:
        stop = min(start + 12 + _number(data, start, 4), end)
        yield Part(start, stop, start, 4)
        start = stop


def _jpeg(data: bytes, start: int, end: int) -> Iterator[Part]:
    start += 2
    while start + 4 <= end and data[start] == 0xFF:
        stop = min(start + 2 + max(2, _number(data, start + 2, 2)), end)
        yield Part(start, stop, start + 2, 2)
        if data[start + 1] == 0xDA:
            yield from _slices(data, stop, end)
            return
        start = stop


def _gif(data: bytes, start: int, end: int) -> Iterator[Part]:
    def palette_bytes(flags: int) -> int:
        return 3 << (flags & 7) + 1 if flags & 0x80 else 0

    yield Part(start, min(13, end))
    start += 13 + palette_bytes(_number(data, 10, 1))
    while start + 1 < end:
        place = start + 2
        if data[start : start + 1] == b",":
            place = start + 11 + palette_bytes(_number(data, start + 9, 1))
        while place < end and data[place]:
            place += 1 + data[place]
        stop = min(place + 1, end)
        yield Part(start, stop)
        start = stop


def _packets(data: bytes, start: int, end: int) -> Iterator[Part]:
    for place in range(start, end, _TS_PACKET):
        yield Part(place, min(place + _TS_PACKET, end))
