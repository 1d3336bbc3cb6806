"""Folders for what is needed while this process lives."""

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
from pipeline.results.writers import WriteError

_YOUNG_S = 60.0
"""A folder may be younger than the lock that says whose it is, but not by so much."""


@contextlib.contextmanager
def temporary_folder(prefix: str, place: Path | None = None) -> Iterator[Path]:
    """Make a folder that only this user may enter, and remove it when the block ends.

    What a killed process leaves is removed when the next one makes a folder of the same prefix.

    Args:
        prefix: of its name.
        place: where it is made; None for where the system keeps temporary files.

    Raises:
        OSError: it cannot be made.
        WriteError: it cannot be locked.
    """
    place = place or Path(tempfile.gettempdir())
    _remove_left_behind(place, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    try:
        lock = FolderLock(folder)
        try:
            yield folder
        finally:
            lock.release()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _remove_left_behind(place: Path, prefix: str) -> None:
    """Remove what processes left that were killed; once in a process."""
    for folder in place.glob(f"{prefix}*"):
        with contextlib.suppress(OSError, WriteError):
            status = folder.lstat()
            is_ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
            if is_ours and time.time() - status.st_mtime > _YOUNG_S and not is_held(folder):
                shutil.rmtree(folder, ignore_errors=True)
