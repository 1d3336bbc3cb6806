"""Files of equal bytes, which need to be scanned once only."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.media.types import MediaError


class EqualFiles:
    """Keeps files that are being worked on apart by their bytes; only those of one size have to be read for that.

    Args:
        hash_of: gives the SHA-256 of a file, in hexadecimal.
    """

    def __init__(self, hash_of: Callable[[Path], str]) -> None:
        self._hash_of = hash_of
        self._busy = threading.Lock()
        self._at_work: dict[int, list[_File]] = defaultdict(list)

    @contextlib.contextmanager
    def working_on(self, path: Path, size: int, *, met: bool) -> Iterator[str | None]:
        """Work on a file once no other of the same bytes is being worked on.

        Args:
            path: the file.
            size: its bytes.
            met: whether another file of so many bytes was worked on before.

        Yields:
            SHA-256 of the file where another of its size was met; None if there was none, or if it cannot be read.
        """
        file = _File(path, self._hash_of)
        with self._busy:
            others = list(self._at_work[size])
            self._at_work[size].append(file)
        try:
            sha256 = file.sha256() if others or met else None
            for other in others:
                # Only what came before is waited for, so that nobody waits for each other.
                if sha256 is not None and other.sha256() == sha256:
                    other.done.wait()
            yield sha256
        finally:
            file.done.set()
            with self._busy:
                self._at_work[size].remove(file)
                if not self._at_work[size]:
                    del self._at_work[size]


class _File:
    """One that is being worked on; it is hashed at most once."""

    def __init__(self, path: Path, hash_of: Callable[[Path], str]) -> None:
        self.done = threading.Event()
        self._path, self._hash_of = path, hash_of
        self._hashing = threading.Lock()
        self._sha256: str | None = None
        self._is_hashed = False

    def sha256(self) -> str | None:
        with self._hashing:
            if not self._is_hashed:
                with contextlib.suppress(MediaError):
                    self._sha256 = self._hash_of(self._path)
                self._is_hashed = True
        return self._sha256
