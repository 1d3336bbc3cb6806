"""Reads the list of paths that comes in on standard input."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from typing import BinaryIO

from pipeline.media.signatures import is_media

_BLOCK_BYTES = 1 << 16

_LONGEST_PATH = 1 << 15
"""Bytes. No system takes longer ones; where no path ends for so long there is no list."""

_CONTROL_BYTES = bytes({*range(0x20), 0x7F} - set(b"\0\t\n\r"))
_CONTROL_SHARE = 0.02
"""Of the bytes of names hardly any are control characters, of those of compressed data one in nine."""


class PathListError(Exception):
    """What came in is no list of paths; the message is one sentence for the user."""


def read_paths(stream: BinaryIO) -> Iterator[str]:
    """Read paths, one on each line, or each with a NUL behind it as `find -print0` writes them.

    They are in the encoding of the file system. A list that begins with the mark of UTF-8 or UTF-16 is in that
    encoding, as PowerShell and editors of Windows write it. Empty lines are passed over.

    Args:
        stream: is read block by block, to its end.

    Yields:
        The paths, as soon as they are read.

    Raises:
        PathListError: it is something else, such as the bytes of a video.
    """
    blocks = _blocks(stream)
    block = next(blocks, b"")
    _check(block)
    separator = b"\0" if b"\0" in block else b"\n"
    rest = b""
    while block:
        *names, rest = (rest + block).split(separator)
        if len(rest) > _LONGEST_PATH:
            raise PathListError(_no_list("no path ends in the first 32,768 bytes of one"))
        yield from _paths(names, separator)
        block = next(blocks, b"")
    yield from _paths([rest], separator)


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Read a stream, in the encoding of the file system whatever it is in."""
    block = stream.read(_BLOCK_BYTES)
    if not block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        block = block.removeprefix(codecs.BOM_UTF8)
        while block:
            yield block
            block = stream.read(_BLOCK_BYTES)
        return
    decoder = codecs.getincrementaldecoder("utf-16")()
    try:
        while block:
            yield os.fsencode(decoder.decode(block))
            block = stream.read(_BLOCK_BYTES)
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise PathListError(_no_list("it begins as UTF-16 and goes on as something else")) from error


def _paths(names: list[bytes], separator: bytes) -> Iterator[str]:
    for name in names:
        if separator == b"\n":
            name = name.rstrip(b"\r")
            if b"\0" in name:
                raise PathListError(_no_list("it has both lines and NUL characters"))
        if name:
            yield os.fsdecode(name)


def _check(head: bytes) -> None:
    if is_media(head):
        raise PathListError(
            "a video or picture came in on standard input, where - reads a list of paths: save it as a file, and "
            "scan that"
        )
    characters = head.replace(b"\0", b"")
    control = len(head) - len(head.translate(None, _CONTROL_BYTES))
    if control > _CONTROL_SHARE * len(head) or (head and not characters):
        raise PathListError(_no_list("it is no text"))
    if head and 2 * len(characters) == len(head) and characters in (head[::2], head[1::2]):
        raise PathListError(_no_list("it seems to be UTF-16: write it in UTF-8"))


def _no_list(reason: str) -> str:
    return f"what came in on standard input is no list of paths that can be read: {reason}"
