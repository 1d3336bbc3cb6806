"""The container of bundles: a ZIP file of which every byte follows from the names and contents.

Entries are stored, not compressed, have no times, rights or comments, and follow each other without a gap. So a reader
can build what must be there, and any other byte is an error: there is nowhere to hide anything, nothing that two
programs could read in two ways, and nothing that grows when it is unpacked.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from pipeline.evidence.bundle.errors import BundleError

MOST_BYTES = (1 << 32) - 1
"""What the 32 bits of sizes and offsets can say."""

_CHUNK_BYTES = 1 << 20
_MOST_NAME_BYTES = 255

_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_LOCAL_MARK, _CENTRAL_MARK, _END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_VERSION = 20  # plain files, of a system without rights
_FIRST_DAY = 0x21  # 1980-01-01, with which the time of ZIP files begins


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a container: its name in ASCII, its size in bytes and its CRC-32."""

    name: str
    size: int
    crc: int

    @property
    def header(self) -> bytes:
        """What stands before its content."""
        name = self.name.encode("ascii")
        return (
            _LOCAL.pack(_LOCAL_MARK, _VERSION, 0, 0, 0, _FIRST_DAY, self.crc, self.size, self.size, len(name), 0) + name
        )


def entry_of(name: str, content: bytes) -> Entry:
    """Describe a file by its content."""
    return Entry(name, len(content), zlib.crc32(content))


def write_entry(file: BinaryIO, entry: Entry, content: Iterable[bytes]) -> None:
    """Append one file.

    Raises:
        BundleError: the container gets too large.
    """
    if file.tell() + len(entry.header) + entry.size > MOST_BYTES:
        raise BundleError("it would have more than 4 GB; leave the original out, which is known by its hash")
    file.write(entry.header)
    for chunk in content:
        file.write(chunk)


def write_end(file: BinaryIO, entries: Sequence[Entry]) -> None:
    """Append the directory, with which a container ends."""
    file.write(_directory(entries))


def at_entry(file: BinaryIO) -> bool:
    """Tell whether another file follows; the position stays."""
    mark = file.read(len(_LOCAL_MARK))
    file.seek(-len(mark), 1)
    return mark == _LOCAL_MARK


def read_entry(file: BinaryIO) -> Entry:
    """Read what stands before the content of a file.

    Raises:
        BundleError: it is cut off, or not as `Entry.header` writes it.
    """
    raw = file.read(_LOCAL.size)
    if len(raw) < _LOCAL.size:
        raise BundleError("it is cut off")
    crc, size, name_size = (_LOCAL.unpack(raw)[at] for at in (6, 7, 9))
    name = file.read(min(name_size, _MOST_NAME_BYTES))
    if len(name) < min(name_size, _MOST_NAME_BYTES):
        raise BundleError("it is cut off")
    entry = Entry(name.decode("ascii", "replace").replace("\ufffd", "?"), size, crc)
    if raw + name != entry.header:
        raise BundleError("it is a ZIP file of another kind, or what stands before one of its files was changed")
    return entry


def read_content(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """Give the content of a file in pieces.

    Raises:
        BundleError: it is cut off, or has another CRC-32.
    """
    left, crc = entry.size, 0
    while left:
        chunk = file.read(min(left, _CHUNK_BYTES))
        if not chunk:
            raise BundleError("it is cut off")
        left, crc = left - len(chunk), zlib.crc32(chunk, crc)
        yield chunk
    if crc != entry.crc:
        raise BundleError(f"{entry.name} was changed")


def check_end(file: BinaryIO, entries: Sequence[Entry]) -> None:
    """Make sure that the rest of a container is the directory of these files.

    Raises:
        BundleError: it is anything else.
    """
    wanted = _directory(entries)
    found = file.read(len(wanted))
    if found != wanted:
        cut = len(found) < len(wanted) and wanted.startswith(found)
        raise BundleError("it is cut off" if cut else "its directory was changed")
    if file.read(1):
        raise BundleError("something was put behind its end")


def _directory(entries: Sequence[Entry]) -> bytes:
    lines, start = b"", 0
    for entry in entries:
        name = entry.name.encode("ascii")
        sizes = (entry.crc, entry.size, entry.size, len(name))
        lines += (
            _CENTRAL.pack(_CENTRAL_MARK, _VERSION, _VERSION, 0, 0, 0, _FIRST_DAY, *sizes, 0, 0, 0, 0, 0, start) + name
        )
        start += len(entry.header) + entry.size
    return lines + _END.pack(_END_MARK, 0, 0, len(entries), len(entries), len(lines), start, 0)
