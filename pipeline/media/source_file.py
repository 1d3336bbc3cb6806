"""A file that is opened once: what is hashed is what is decoded, whatever becomes of its name meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.media.errors import MediaError, is_address, quoted
from pipeline.media.limits import Limits, TimeLimit

_HASH_CHUNK_BYTES = 1 << 20

# Opening a named pipe that took the place of a file must not block.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file came from that is a copy for the time of a scan.

    Attributes:
        name: what it is called in results and sentences.
        spent_s: seconds that making the copy took, which count as reading the file.
    """

    name: Path
    spent_s: float


class Readable(Protocol):
    """What a decoder reads.

    Attributes:
        path: its name, for sentences.
        limits: what reading it may take.
        time: what is left of the time that it may take.
    """

    path: Path
    limits: Limits
    time: TimeLimit

    def reopen(self) -> int:
        """Give a descriptor for the decoder's standard input; whoever asks for it closes it."""
        ...


class SourceFile:
    """A regular file, open for reading; it is closed by `close`, at the latest when nothing refers to it any more.

    Args:
        path: any path.
        limits: what reading it may take.
        stopped: breaks off reading once it is set.
        origin: where it came from, if it is a copy.

    Raises:
        MediaError: it cannot be opened, or is no regular file, or empty.

    Attributes:
        path: as it was given; of a copy, the name of what it is a copy of. It is for sentences, not for opening.
        size: bytes.
        limits: what reading it may take.
        time: what is left of the time that it may take.
    """

    def __init__(
        self,
        path: Path,
        limits: Limits | None = None,
        stopped: threading.Event | None = None,
        origin: Origin | None = None,
    ) -> None:
        self.path = origin.name if origin else path
        self.limits = limits or Limits()
        self.time = TimeLimit(self.limits.timeout_s, stopped, origin.spent_s if origin else 0.0)
        self._place = path.absolute()
        try:
            # Looked at before, because opening a device may do something to it, and after, because it may be another.
            self._check_kind(path.stat())
            self._descriptor = os.open(path, _OPEN_FLAGS)
            self.close = weakref.finalize(self, os.close, self._descriptor)
            self._status = os.fstat(self._descriptor)
            self._check_kind(self._status)
        except FileNotFoundError:
            if is_address(path):
                raise MediaError(
                    "error",
                    f"{quoted(self.path)} is an address, from which nothing is fetched: save what is there to a file.",
                ) from None
            raise MediaError("error", f"{quoted(self.path)} does not exist.") from None
        except PermissionError:
            raise MediaError("error", f"{quoted(self.path)} may not be read: its permissions forbid it.") from None
        except (OSError, ValueError) as error:  # ValueError: a null character in the path
            reason = error.strerror if isinstance(error, OSError) else error
            raise MediaError("error", f"{quoted(self.path)} could not be opened: {reason}.") from error
        self.size = self._status.st_size

    def head(self, count: int) -> bytes:
        """Give the first bytes, at most so many.

        Raises:
            MediaError: the file cannot be read.
        """
        with self._reading():
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            return os.read(self._descriptor, count)

    def sha256(self) -> str:
        """Hash the whole file: SHA-256 in hexadecimal.

        Raises:
            MediaError: the file cannot be read to its end, or takes too long.
            StoppedError: reading was stopped.
        """
        digest = hashlib.sha256()
        self.time.begin()
        try:
            with self._reading():
                os.lseek(self._descriptor, 0, os.SEEK_SET)
                while chunk := os.read(self._descriptor, _HASH_CHUNK_BYTES):
                    digest.update(chunk)
                    self.time.check(self.path)
        finally:
            self.time.end()
        return digest.hexdigest()

    def reopen(self) -> int:
        """Open the same file once more, so that it has a position of its own.

        Returns:
            A descriptor at the beginning of the file; whoever asks for it closes it.

        Raises:
            MediaError: it is no longer there, or may no longer be read.
        """
        with self._reading():
            with contextlib.suppress(FileNotFoundError):
                # Linux follows this to the file itself, also if its name is gone. What is like it elsewhere shares the
                # position.
                return os.open(f"/proc/self/fd/{self._descriptor}", _OPEN_FLAGS)
            descriptor = os.open(self._place, _OPEN_FLAGS)
        if _identity(os.fstat(descriptor)) != _identity(self._status):
            os.close(descriptor)
            raise self._changed()
        return descriptor

    def check_unchanged(self) -> None:
        """Make sure that the file is what it was when it was opened, by its size, its time of change and its name.

        Raises:
            MediaError: it is not.
        """
        try:
            now, there = os.fstat(self._descriptor), self._place.stat()
        except OSError as error:
            raise self._changed() from error
        if not _identity(now) == _identity(there) == _identity(self._status):
            raise self._changed()

    def _check_kind(self, status: os.stat_result) -> None:
        name = quoted(self.path)
        if stat.S_ISDIR(status.st_mode):
            os.scandir(self._place).close()  # raises where it is locked, so that nobody knows what is in it
            raise MediaError("error", f"{name} is a folder, and no video or image was found in it.")
        if not stat.S_ISREG(status.st_mode):
            raise MediaError("unsupported", f"{name} is a pipe or a device, not a file: copy it to one.")
        if status.st_size == 0:
            raise MediaError("undecodable", f"{name} is empty: it has no bytes.")

    def _changed(self) -> MediaError:
        name = quoted(self.path)
        return MediaError("error", f"{name} was changed, replaced or moved while it was read: scan it again.")

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            name = quoted(self.path)
            raise MediaError("error", f"{name} could not be read to its end: {error.strerror}.") from error


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
