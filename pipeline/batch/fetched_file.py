"""The copy of a remote file that there is while it is scanned."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.batch.folder_lock import FolderLock, is_held
from pipeline.batch.remote_files import fetch
from pipeline.media.errors import MediaError, quoted
from pipeline.media.source_file import Origin
from pipeline.results.input import Input
from pipeline.results.writers import WriteError

_PREFIX = "facewitness-fetched-"
_YOUNG_S = 60.0
"""A folder may be younger than the lock that says whose it is, but not by so much."""


@contextlib.contextmanager
def fetched(source: Input, most_bytes: int, timeout_s: float) -> Iterator[tuple[Path, Origin]]:
    """Fetch a file, and remove it when the block ends.

    It lies in a folder of its own in that for temporary files, which only this user may enter. What a killed process
    leaves there is removed when the next one fetches something.

    Args:
        source: has an address.
        most_bytes: that it may have.
        timeout_s: seconds that fetching may take.

    Yields:
        The copy, and what it is a copy of.

    Raises:
        MediaError: it cannot be fetched.
    """
    if source.address is None:
        raise ValueError("only what has an address is fetched")
    _remove_left_behind(Path(tempfile.gettempdir()))
    began = time.monotonic()
    with _own_folder(source) as folder:
        copy = folder / "fetched"
        fetch(source.address, copy, most_bytes, timeout_s)
        yield copy, Origin(source.path, time.monotonic() - began)


@contextlib.contextmanager
def _own_folder(source: Input) -> Iterator[Path]:
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    except OSError as error:
        reason = (
            f"{quoted(source.path)} could not be fetched: there is no folder for temporary files ({error.strerror})."
        )
        raise MediaError("error", reason) from error
    try:
        lock = FolderLock(folder)
        try:
            yield folder
        finally:
            lock.release()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _remove_left_behind(place: Path) -> None:
    """Remove what processes left that were killed; once in a process."""
    for folder in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, WriteError):
            status = folder.lstat()
            is_ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
            if is_ours and time.time() - status.st_mtime > _YOUNG_S and not is_held(folder):
                shutil.rmtree(folder, ignore_errors=True)
