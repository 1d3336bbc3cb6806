"""The folder of a server: its register, the files that it was given, and what was made of them.

    serve.sqlite        the register
    uploads/ID          a file as it came
    results/ID.json     its result
    results/ID.*        its page and its annotated copy

Nothing in it is named by what a client said.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from classifiers.atomic_file import remove_parts_below
from pipeline.batch.folder_lock import FolderHeldError, FolderLock
from pipeline.media.errors import quoted
from pipeline.results.verdict import Verdict, read_verdict
from pipeline.results.writers import WriteError, json_line, write_whole
from pipeline.server.register import Register, Scan

_USUAL_NAME = "unnamed"
_LONGEST_NAME = 200
_ROOM_LEFT = 256 << 20
"""Bytes of the disk that uploads leave free, for results and for others."""


@dataclass(frozen=True, slots=True)
class Found:
    """A scan as clients see it.

    Attributes:
        scan: the row.
        received: bytes of its file that are there.
        result: the JSON of its verdict; None while there is none.
    """

    scan: Scan
    received: int
    result: str | None


class Store:
    """Holds the folder until it is closed; use it in a `with`. Several threads may use it at a time.

    Args:
        folder: where; it is made if it is not there.
        keep_s: seconds after its result that a scan expires.

    Raises:
        WriteError: it cannot be written to, or another server holds it.
    """

    def __init__(self, folder: Path, keep_s: float) -> None:
        self._keep_s = keep_s
        self._uploads, self._results = folder / "uploads", folder / "results"
        self._tidying = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = FolderLock(folder)
        except FolderHeldError:
            raise WriteError(
                f"another server or scan uses {quoted(folder)}: end it, or name another folder with --data"
            ) from None
        except OSError as error:
            raise WriteError(f"cannot make the folder {quoted(folder)}: {error.strerror}") from error
        try:
            for each in (self._uploads, self._results):
                each.mkdir(exist_ok=True, mode=0o700)
            self.register = Register(folder / "serve.sqlite")
            self.register.resume()
            remove_parts_below(folder)
            self._remove_strays()
        except OSError as error:
            self._lock.release()
            raise WriteError(f"cannot use the folder {quoted(folder)}: {error.strerror}") from error
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self.register.close()
        self._lock.release()

    def upload(self, scan_id: str) -> Path:
        """Name the file of a scan."""
        return self._uploads / scan_id

    def result(self, scan_id: str) -> Path:
        """Name the file of its result; what is made of it lies beside."""
        return self._results / f"{scan_id}.json"

    def has_room(self, size: int) -> bool:
        """Tell whether a file of so many bytes may come."""
        return shutil.disk_usage(self._uploads).free > size + _ROOM_LEFT

    def received(self, scan_id: str) -> int:
        """Count the bytes of a file that are there."""
        try:
            return self.upload(scan_id).stat().st_size
        except FileNotFoundError:
            return 0

    def find(self, scan_id: str) -> Found | None:
        """Give a scan as clients see it; None where there is none."""
        scan = self.register.find(scan_id)
        return self.seen(scan) if scan else None

    def seen(self, scan: Scan) -> Found:
        """Give the scan of a row as clients see it."""
        received = self.received(scan.id) if scan.state == "uploading" else scan.size
        try:
            result = self.result(scan.id).read_text(encoding="utf-8") if scan.state == "done" else None
        except FileNotFoundError:  # removed a moment ago
            result = None
        return Found(scan, received, result)

    def take_in(self, part: Path, scan_id: str, name: str) -> None:
        """Make a file that has come a scan that waits."""
        part.replace(self.upload(scan_id))
        self.register.queue(scan_id, name, self.received(scan_id))

    def finish(self, scan_id: str, verdict: Verdict, scanner: str) -> None:
        """Keep a result; where its scan was removed meanwhile, all of it goes.

        Raises:
            WriteError: it cannot be written.
        """
        write_whole(self.result(scan_id), json_line(verdict))
        expires_at = time.time() + self._keep_s
        kept = self.register.finish(scan_id, expires_at, verdict.input.sha256, scanner, verdict.status, verdict.label)
        if not kept:
            self.drop_files(scan_id)
            self.register.forget(scan_id)

    def verdict(self, scan_id: str) -> Verdict | None:
        """Read a result; None where there is none."""
        try:
            return read_verdict(self.result(scan_id).read_bytes())
        except FileNotFoundError:
            return None

    def remove(self, scan_id: str) -> bool:
        """Remove a scan with all that belongs to it, what is being scanned as soon as that ends.

        Returns:
            Whether there was one.
        """
        state = self.register.remove(scan_id)
        if state is not None and state != "scanning":
            self.drop_files(scan_id)
        return state is not None

    def drop_files(self, scan_id: str) -> None:
        """Remove the files of a scan."""
        for file in [self.upload(scan_id), *self._results.glob(f"{scan_id}.*")]:
            file.unlink(missing_ok=True)

    def remove_expired(self) -> list[str]:
        """Remove the scans whose time is over, and name them."""
        with self._tidying:
            return [scan_id for scan_id in self.register.expired() if self.remove(scan_id)]

    def _remove_strays(self) -> None:
        """Remove files of scans that there are not: a server was killed between two steps."""
        ids = self.register.ids()
        for folder in (self._uploads, self._results):
            for file in folder.iterdir():
                if file.name.partition(".")[0] not in ids:
                    file.unlink(missing_ok=True)


def new_id() -> str:
    """Make up the name of a scan, which nobody can guess."""
    return secrets.token_hex(16)


def shown_name(name: str) -> str:
    """Keep of a name that a client gave what can be shown: the last part, without what steers a terminal."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in last if c.isprintable()).strip()[:_LONGEST_NAME]
    return _USUAL_NAME if kept.strip(".") == "" else kept


def sync(file: Path) -> None:
    """Have a file on disk before anybody is told that it is there."""
    descriptor = os.open(file, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
