"""What a ledger says of files and runs; see `pipeline.batch.ledger`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.results.summary import Summary


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What tells, without reading it, whether a file is still what it was.

    Attributes:
        size: bytes; 0 where a server does not say.
        mtime_ns: time of change; 0 for a file on a server.
        inode: its number on its disk; 0 for a file on a server.
        tag: what a server calls this version of the file, its entity tag and date; "" for a file here.
    """

    size: int
    mtime_ns: int
    inode: int
    tag: str = ""

    @classmethod
    def of(cls, path: Path) -> FileIdentity | None:
        """Look at a file; None where there is none."""
        try:
            status = path.stat()
        except (OSError, ValueError):  # ValueError: a null character in the path
            return None
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger knows of a file.

    Attributes:
        state: "running" from before its scan begins until its result is written, then "done".
        attempts: how many scans of it have begun since the last that ended.
        identity: of the file when it was scanned, or None.
        scanner: names all that the result depends on beside the file; "" if that is not known.
        result: the file of its result, relative to the folder; None if it has none.
        result_mtime_ns: when that file was written.
        has_document: whether the result is kept in the ledger.
        summary: of the result; None if there is none.
    """

    state: Literal["waiting", "running", "done"]
    attempts: int
    identity: FileIdentity | None
    scanner: str
    result: Path | None
    result_mtime_ns: int | None
    has_document: bool
    summary: Summary | None


@dataclass(frozen=True, slots=True)
class Run:
    """How far the latest run has come.

    Attributes:
        began_at, ended_at: seconds since 1970; `ended_at` is None while it runs, or if it was killed.
        total: number of files that it was given.
        done: of these, how many have a result.
        scanned: of these, how many it scanned itself.
        running: files that are being scanned, or were when it was killed.
    """

    began_at: float
    ended_at: float | None
    total: int
    done: int
    scanned: int
    running: list[str]
