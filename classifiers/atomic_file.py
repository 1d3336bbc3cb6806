"""Files that are written whole or not at all, so that nobody ever reads half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

# File systems take 255 bytes; what is written must not be refused for the name that it has meanwhile.
_KEPT_OF_NAME = 50


def write_whole(path: Path, data: bytes | str) -> None:
    """Write a file in one step; what was there before stays until all of the new one is on disk.

    Args:
        path: the file, in a folder that exists.
        data: its content; text is written as UTF-8, line ends as they are.

    Raises:
        OSError: it cannot be written.
        UnicodeEncodeError: the text holds lone surrogates, as names of files do that are no text.
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    with replacing(path) as part:
        part.write_bytes(content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a new file, which takes the place of another when the block ends without an error.

    For libraries that write files by themselves. Several threads, processes and machines may do this with one path at
    a time: the last one wins.

    Args:
        path: the file to replace or make, in a folder that exists.

    Yields:
        A hidden path in the same folder that ends as the name does, so that the suffix stays. The block must write a
        file there. If it raises, that file is removed; only a process that is killed leaves it behind.

    Raises:
        OSError: the file cannot be written.
    """
    part = path.with_name(f".part-{secrets.token_hex(4)}-{path.name[-_KEPT_OF_NAME:]}")
    try:
        yield part
        with part.open("rb+") as file:
            # Before it is renamed: a crash of the machine could else leave the new name and no content.
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def remove_parts(path: Path) -> None:
    """Remove what killed processes left behind of a file, if nobody is writing it now."""
    for part in path.parent.glob(f".part-*-{path.name[-_KEPT_OF_NAME:]}"):
        part.unlink(missing_ok=True)


def remove_parts_below(folder: Path) -> None:
    """Remove what killed processes left behind in a folder and those in it, if nobody is writing there now."""
    for part in folder.rglob(".part-*"):
        part.unlink(missing_ok=True)
