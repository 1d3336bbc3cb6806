"""The ledger of an output folder: which files a run is given, what came of each, and which were begun and never ended.

It is a SQLite file that other programs may read while a scan writes to it:

    files    one row for each file that was ever scanned into the folder
    inputs   the files of the latest run, in the order in which they were given
    run      when that run began and ended, and how many files it has
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from pipeline.batch.addresses import stored_input
from pipeline.batch.database import Database
from pipeline.batch.entries import Entry, FileIdentity, Run
from pipeline.media.types import display_path, quoted
from pipeline.results.input import Input
from pipeline.results.naming import folded, plain_name
from pipeline.results.summary import Summary
from pipeline.results.writers import WriteError

LEDGER = "ledger.sqlite"

_VERSION = 1
_ROWS_AT_A_TIME = 1000
_LIST_EVERY_S = 0.5
_SUMMARY = [each.name for each in fields(Summary)]
_SUMMARY_COLUMNS = ", ".join(f"files.{name}" for name in _SUMMARY)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    number INTEGER PRIMARY KEY,
    absolute BLOB NOT NULL UNIQUE,
    size INTEGER, mtime_ns INTEGER, inode INTEGER, tag TEXT NOT NULL DEFAULT '',
    sha256 TEXT,
    scanner TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done')),
    attempts INTEGER NOT NULL DEFAULT 0,
    result BLOB, result_mtime_ns INTEGER,
    document BLOB,
    finished_at REAL,
    path TEXT, status TEXT, label TEXT, score REAL, faces INTEGER, seen REAL, with_face REAL, seconds REAL, note TEXT
);
CREATE INDEX IF NOT EXISTS files_by_content ON files (size, sha256);
CREATE TABLE IF NOT EXISTS inputs (
    position INTEGER PRIMARY KEY,
    absolute BLOB NOT NULL UNIQUE,
    path BLOB NOT NULL, relative BLOB NOT NULL, plain_name TEXT NOT NULL,
    fetched INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS inputs_by_name ON inputs (plain_name);
CREATE TABLE IF NOT EXISTS run (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    began_at REAL NOT NULL, ended_at REAL, total INTEGER NOT NULL, scanned INTEGER NOT NULL DEFAULT 0
);
"""


class Ledger:
    """What is known of the files of an output folder; several threads may use it at a time.

    Args:
        folder: where it is kept; None for as long as it is open only.
        read_only: only look at it; it must be there.

    Raises:
        WriteError: it cannot be opened.
    """

    def __init__(self, folder: Path | None, *, read_only: bool = False) -> None:
        self.file = folder / LEDGER if folder else None
        self._listed: list[tuple[bytes]] = []
        self._listed_at = 0.0
        # Of files that are fetched, where it holds what must not be written down.
        self._addresses: dict[bytes, str] = {}
        if self.file is None:
            self._database = Database("", "the temporary list of files")
        else:
            address = f"{self.file.absolute().as_uri()}?mode={'rw' if read_only else 'rwc'}"
            self._database = Database(address, quoted(self.file))
        if not read_only:
            self._prepare()

    def _prepare(self) -> None:
        version = self._database.version
        if version not in (0, _VERSION):
            name = quoted(self.file or "")
            raise WriteError(f"{name} is of another version of Facewitness: name another folder with -o")
        self.is_new = version == 0
        self._database.prepare(_SCHEMA)

    def accept(self) -> None:
        """Say that what an earlier version left in the folder has been taken over: it is not new any more."""
        self._database.set_version(_VERSION)

    def expect(self, inputs: Iterable[Input]) -> int:
        """Begin a run over these files; one that is named twice is taken once.

        Returns:
            Their number.
        """
        rows = map(self._row, inputs)
        with self._database.transaction() as database:
            database.execute("DELETE FROM inputs")
            database.executemany(
                "INSERT OR IGNORE INTO inputs (absolute, path, relative, plain_name, fetched) VALUES (?, ?, ?, ?, ?)",
                rows,
            )
            # Now, so that lists have their order, in whatever order the results come.
            database.execute("INSERT OR IGNORE INTO files (absolute) SELECT absolute FROM inputs ORDER BY position")
            (total,) = database.execute("SELECT count(*) FROM inputs").fetchone()
            run = (time.time(), total)
            database.execute("INSERT OR REPLACE INTO run (only, began_at, total) VALUES (1, ?, ?)", run)
        return int(total)

    def inputs(self) -> Iterator[Input]:
        """Give the files of the run, in order."""
        position = 0
        while True:
            with self._database.reading() as database:
                rows = database.execute(
                    "SELECT position, path, relative, fetched, absolute FROM inputs WHERE position > ? "
                    "ORDER BY position LIMIT ?",
                    (position, _ROWS_AT_A_TIME),
                ).fetchall()
            if not rows:
                return
            for _, path, relative, fetched, absolute in rows:
                address = self._addresses.get(absolute, os.fsdecode(absolute)) if fetched else None
                yield Input(Path(os.fsdecode(path)), Path(os.fsdecode(relative)), address)
            position = rows[-1][0]

    def shares_name(self, source: Input) -> bool:
        """Tell whether several files of the run would have the plain name of one."""
        with self._database.reading() as database:
            found = database.execute("SELECT 1 FROM inputs WHERE plain_name = ? LIMIT 2", (_name(source),)).fetchall()
        return len(found) > 1

    def entry(self, source: Input) -> Entry | None:
        """Give what is known of a file."""
        with self._database.reading() as database:
            row = database.execute(
                "SELECT state, attempts, size, mtime_ns, inode, tag, scanner, result, result_mtime_ns, "
                f"document IS NOT NULL, {_SUMMARY_COLUMNS} FROM files WHERE absolute = ?",
                (_absolute(source),),
            ).fetchone()
        if row is None:
            return None
        state, attempts, size, mtime_ns, inode, tag, scanner, result, result_mtime_ns, has_document, *summary = row
        return Entry(
            state,
            attempts,
            None if size is None else FileIdentity(size, mtime_ns, inode, tag),
            scanner,
            None if result is None else Path(os.fsdecode(result)),
            result_mtime_ns,
            bool(has_document),
            Summary(*summary) if summary[0] is not None else None,
        )

    def begin(self, source: Input) -> None:
        """Write down that a scan of a file begins."""
        with self._database.transaction() as database:
            database.execute(
                "UPDATE files SET state = 'running', attempts = attempts + 1 WHERE absolute = ?", (_absolute(source),)
            )

    def break_off(self, source: Input) -> None:
        """Write down that it was broken off, for which the file is not to blame."""
        with self._database.transaction() as database:
            database.execute(
                "UPDATE files SET state = 'waiting', attempts = attempts - 1 WHERE absolute = ? AND state = 'running'",
                (_absolute(source),),
            )

    def finish(
        self,
        source: Input,
        summary: Summary,
        *,
        scanner: str = "",
        identity: FileIdentity | None = None,
        sha256: str | None = None,
        result: Path | None = None,
        result_mtime_ns: int | None = None,
        document: str | None = None,
        scanned: bool = True,
    ) -> None:
        """Write down what came of a file.

        Args:
            source: the file.
            summary: of its result.
            scanner: names all that the result depends on beside the file; "" for a result that is not to be kept.
            identity: of the file when it was scanned.
            sha256: of its bytes, in hexadecimal.
            result: the file of its result, relative to the folder.
            result_mtime_ns: when that was written.
            document: the result itself, where it has no file of its own.
            scanned: whether this run scanned it.
        """
        names = ["absolute", "scanner", "size", "mtime_ns", "inode", "tag", "sha256", "result", "result_mtime_ns"]
        names += ["document", "finished_at", "state", "attempts", *_SUMMARY]
        values = (
            _absolute(source),
            scanner,
            *(astuple(identity) if identity else (None, None, None, "")),
            sha256,
            None if result is None else os.fsencode(result),
            result_mtime_ns,
            None if document is None else zlib.compress(document.encode(), 1),
            time.time(),
            "done",
            0,
            *astuple(summary),
        )
        changes = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        with self._database.transaction() as database:
            database.execute(
                f"INSERT INTO files ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
                f"ON CONFLICT (absolute) DO UPDATE SET {changes}",
                values,
            )
            if scanned:
                database.execute("UPDATE run SET scanned = scanned + 1")

    def list_input(self, source: Input) -> None:
        """Write down, within a second, that a file of the run has its result, which this or an earlier run wrote."""
        self._listed.append((_absolute(source),))
        if time.monotonic() - self._listed_at > _LIST_EVERY_S:
            self._list()

    def _list(self) -> None:
        if not self._listed:
            return
        with self._database.transaction() as database:
            database.executemany("UPDATE inputs SET done = 1 WHERE absolute = ?", self._listed)
        self._listed.clear()
        self._listed_at = time.monotonic()

    def document(self, source: Input) -> str | None:
        """Give the result of a file, where it is kept here."""
        with self._database.reading() as database:
            row = database.execute("SELECT document FROM files WHERE absolute = ?", (_absolute(source),)).fetchone()
        return None if row is None or row[0] is None else zlib.decompress(row[0]).decode()

    def documents(self) -> Iterator[str]:
        """Give all results that are kept here, in the order in which the files were first scanned."""
        for (document,) in self._rows("document", "document IS NOT NULL"):
            yield zlib.decompress(document).decode()

    def of_content(self, size: int, sha256: str, scanner: str) -> Input | None:
        """Find a file of the same bytes that has a result of the same scanner."""
        with self._database.reading() as database:
            row = database.execute(
                "SELECT absolute FROM files WHERE size = ? AND sha256 = ? AND scanner = ? AND state = 'done' LIMIT 1",
                (size, sha256, scanner),
            ).fetchone()
        if row is None:
            return None
        return stored_input(os.fsdecode(row[0]))

    def has_another_of_size(self, source: Input, size: int) -> bool:
        """Tell whether another file of so many bytes has been scanned."""
        with self._database.reading() as database:
            row = database.execute(
                "SELECT 1 FROM files WHERE size = ? AND absolute != ? LIMIT 1", (size, _absolute(source))
            ).fetchone()
        return row is not None

    def summaries(self) -> Iterator[Summary]:
        """Give the summaries of all results, in the order in which the files were first scanned."""
        for row in self._rows(_SUMMARY_COLUMNS, "path IS NOT NULL"):
            yield Summary(*row)

    def summaries_of_run(self) -> Iterator[Summary]:
        """Give those of the files of the run that have a result, in the order of the files."""
        self._list()
        with self._database.reading() as database:
            rows = database.execute(
                f"SELECT {_SUMMARY_COLUMNS} FROM inputs JOIN files USING (absolute) WHERE inputs.done ORDER BY position"
            )
            for row in rows:
                yield Summary(*row)

    def counts(self) -> dict[str, int]:
        """Count the results of the files of the run by their verdict, or by their status where they have none."""
        self._list()
        with self._database.reading() as database:
            rows = database.execute(
                "SELECT coalesce(label, status), count(*) FROM inputs JOIN files USING (absolute) "
                "WHERE inputs.done GROUP BY 1 ORDER BY 2 DESC, 1"
            ).fetchall()
        return dict(rows)

    def run(self) -> Run | None:
        """Tell how far the latest run has come; None where there was none."""
        with self._database.reading() as database:
            row = database.execute("SELECT began_at, ended_at, total, scanned FROM run").fetchone()
            (done,) = database.execute("SELECT count(*) FROM inputs WHERE done").fetchone()
            running = database.execute(
                "SELECT inputs.path FROM inputs JOIN files USING (absolute) WHERE state = 'running' ORDER BY position"
            ).fetchall()
        if row is None:
            return None
        began_at, ended_at, total, scanned = row
        return Run(began_at, ended_at, total, done, scanned, [os.fsdecode(path) for (path,) in running])

    def close(self) -> None:
        """Close it; what was written stays."""
        self._database.close()

    def end_run(self) -> None:
        """Write down that the run has ended, be it before its end."""
        self._list()
        with self._database.transaction() as database:
            database.execute("UPDATE run SET ended_at = ?", (time.time(),))

    def _row(self, source: Input) -> tuple[bytes, bytes, bytes, str, bool]:
        absolute = _absolute(source)
        if source.address is not None and os.fsencode(source.address) != absolute:
            self._addresses[absolute] = source.address
        path, relative = os.fsencode(source.path), os.fsencode(source.relative)
        return absolute, path, relative, _name(source), source.address is not None

    def _rows(self, columns: str, condition: str) -> Iterator[tuple[Any, ...]]:
        number = 0
        while True:
            with self._database.reading() as database:
                rows = database.execute(
                    f"SELECT number, {columns} FROM files WHERE number > ? AND {condition} ORDER BY number LIMIT ?",
                    (number, _ROWS_AT_A_TIME),
                ).fetchall()
            if not rows:
                return
            for _, *row in rows:
                yield tuple(row)
            number = rows[-1][0]


def _absolute(source: Input) -> bytes:
    if source.address is not None:
        return display_path(source.path).encode("utf-8", "surrogateescape")
    return os.fsencode(os.path.abspath(source.path))  # noqa: PTH100 - keeps links as they are


def _name(source: Input) -> str:
    return folded(plain_name(source.relative)).encode("utf-8", "backslashreplace").decode()
