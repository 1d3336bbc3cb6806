"""One run at a time writes to a folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pipeline.media.types import quoted
from pipeline.results.writers import WriteError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FolderHeldError(WriteError):
    """A folder that another process holds."""


class FolderLock:
    """Holds a folder until it is released; a process that ends, in whatever way, releases it.

    Args:
        folder: that exists.

    Raises:
        FolderHeldError: another process holds it.
        WriteError: it cannot be held.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._descriptor = _open(folder)
            try:
                _hold(self._descriptor)
            except BaseException:
                os.close(self._descriptor)
                raise
        except BlockingIOError as error:
            raise FolderHeldError(
                f"another scan is writing to {quoted(folder)}: wait until it has ended, or name another folder with -o"
            ) from error
        except OSError as error:
            raise WriteError(f"cannot lock the folder {quoted(folder)}: {error.strerror}") from error

    def release(self) -> None:
        """Let the next run have it."""
        os.close(self._descriptor)


def is_held(folder: Path) -> bool:
    """Tell whether a process holds a folder.

    Raises:
        WriteError: that cannot be found out.
    """
    try:
        descriptor = _open(folder)
    except OSError as error:
        raise WriteError(f"cannot look at the folder {quoted(folder)}: {error.strerror}") from error
    try:
        _hold(descriptor)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


if sys.platform == "win32":

    def _open(folder: Path) -> int:
        return os.open(folder / "ledger.lock", os.O_RDWR | os.O_CREAT)

    def _hold(descriptor: int) -> None:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(error.errno, error.strerror) from error

else:

    def _open(folder: Path) -> int:
        return os.open(folder, os.O_RDONLY)

    def _hold(descriptor: int) -> None:
        # Python opens files so that programs it starts do not have them: none of these holds the folder any longer.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
