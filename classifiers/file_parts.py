"""Files that repeat numbers of other files, and are stored without them.

The default model is two others side by side, and a network is written for Keras and for OpenVINO: the same kernels in
another order. In place of such a file lies `NAME.parts`, which says which arrays of which files beside it are copied
where, and what is then to be added. What comes of it is the file itself, to the last byte.
"""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path, PureWindowsPath

import numpy as np

ENDING = ".parts"

# Bytes that are added or not as one: most blocks of a file need nothing.
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Copy:
    """An array of another file that lies in this one, perhaps with its axes in another order.

    Attributes:
        source: name of the other file.
        offset: bytes before the array there.
        shape: of the array there.
        axes: the order of its axes here.
        itemsize: bytes of a number: 1, 2, 4 or 8.
        place: bytes before the array here.
    """

    source: str
    offset: int
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    itemsize: int
    place: int

    def lay(self, sources: Mapping[str, bytes], content: np.ndarray) -> None:
        """Copy the array into the uint8 bytes of this file."""
        count = math.prod(self.shape)
        array = np.frombuffer(sources[self.source], f"u{self.itemsize}", count, self.offset).reshape(self.shape)
        here = content[self.place : self.place + array.nbytes].view(array.dtype)
        here.reshape([self.shape[axis] for axis in self.axes])[...] = array.transpose(self.axes)


def read_file(path: Path) -> bytes:
    """Read a file, or make it from its parts where only they are there.

    Raises:
        OSError: neither can be read, or a file that others are made of cannot.
        ValueError: the parts are damaged.
    """
    parts = path.with_name(path.name + ENDING)
    if path.exists() or not parts.exists():
        return path.read_bytes()
    try:
        with np.load(parts, allow_pickle=False) as arrays:
            copies = [Copy(*values) for values in json.loads(bytes(arrays["copies"]))]
            size, blocks, added = int(arrays["size"]), arrays["blocks"], arrays["added"]
        names = {copy.source for copy in copies}
        if any(PureWindowsPath(name).name != name for name in names):
            raise ValueError("files are made of those beside them only")
        sources = {name: path.with_name(name).read_bytes() for name in names}
        content = _laid(copies, sources, size)
        content[blocks] += added
        return content.tobytes()[:size]
    except (KeyError, IndexError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{parts} is damaged: {error}") from error


def write_parts(path: Path, content: bytes, copies: Iterable[Copy]) -> Path:
    """Write what `read_file` makes a file from.

    Args:
        path: of the file, which is not written itself; those that are copied lie beside it, whole.
        content: of the file.
        copies: arrays of other files that lie in it, but for single numbers.

    Returns:
        The file of the parts.

    Raises:
        OSError: a file cannot be read or written.
    """
    copies = list(copies)
    sources = {name: path.with_name(name).read_bytes() for name in {copy.source for copy in copies}}
    laid = _laid(copies, sources, len(content))
    added = np.frombuffer(content.ljust(laid.size, b"\0"), np.uint8).reshape(laid.shape) - laid
    blocks = np.flatnonzero(added.any(axis=1))
    places = np.frombuffer(json.dumps([astuple(copy) for copy in copies]).encode(), np.uint8)
    parts = path.with_name(path.name + ENDING)
    with parts.open("wb") as file:
        np.savez_compressed(file, size=len(content), copies=places, blocks=blocks, added=added[blocks])
    return parts


def make_whole(path: Path) -> None:
    """Store a file whole that was stored as parts, so that files which it repeats may change.

    Raises:
        OSError, ValueError: as `read_file`, or the file cannot be written.
    """
    parts = path.with_name(path.name + ENDING)
    if parts.exists():
        path.write_bytes(read_file(path))
        parts.unlink()


def _laid(copies: Iterable[Copy], sources: Mapping[str, bytes], size: int) -> np.ndarray:
    """Copy all arrays into zeros: uint8 (n, `_BLOCK`), of which the last may be longer than the file."""
    content = np.zeros((-(-size // _BLOCK), _BLOCK), np.uint8)
    for copy in copies:
        copy.lay(sources, content.reshape(-1))
    return content
