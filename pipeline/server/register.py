"""The register of a server: which files it was given, what is to be done with them, and what came of each.

A SQLite file with one row for each scan. It alone tells after a restart where everything stands.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.batch.database import Database
from pipeline.media.errors import quoted
from pipeline.results.writers import WriteError

State = Literal["uploading", "waiting", "scanning", "done"]

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS scans (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL, folded TEXT NOT NULL,
    size INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('uploading', 'waiting', 'scanning', 'done')),
    turn INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    removed INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL, finished_at REAL, expires_at REAL,
    sha256 TEXT, scanner TEXT, status TEXT, label TEXT
);
CREATE INDEX IF NOT EXISTS scans_by_state ON scans (state, turn);
CREATE INDEX IF NOT EXISTS scans_by_size ON scans (size);
CREATE INDEX IF NOT EXISTS scans_by_content ON scans (sha256, scanner);
"""
_COLUMNS = (
    "number, id, name, size, state, created_at, finished_at, expires_at, attempts, "
    "CASE state WHEN 'waiting' THEN (SELECT count(*) FROM scans AS ahead WHERE ahead.state = 'waiting' "
    "AND ahead.turn <= scans.turn) END"
)


@dataclass(frozen=True, slots=True)
class Scan:
    """A row.

    Attributes:
        number: grows with each scan.
        id: names it to clients; nobody can guess it.
        name: of the file as its client called it, without folders, printable.
        size: of the whole file, in bytes.
        state: how far it is.
        created_at: when it came, in seconds since 1970.
        finished_at: when its result was written.
        expires_at: when it is removed.
        attempts: scans of it that were begun and not ended.
        position: in the queue, 1 for the next; None unless it waits.
    """

    number: int
    id: str
    name: str
    size: int
    state: State
    created_at: float
    finished_at: float | None
    expires_at: float | None
    attempts: int
    position: int | None


class Register:
    """What is known of the scans of a server; several threads may use it at a time.

    Args:
        file: where it is kept; it is made if it is not there.

    Raises:
        WriteError: it cannot be opened.
    """

    def __init__(self, file: Path) -> None:
        self._database = Database(file.absolute().as_uri(), quoted(file))
        if self._database.version not in (0, _VERSION):
            raise WriteError(f"{quoted(file)} is of another version of Facewitness: name another folder with --data")
        self._database.prepare(_SCHEMA)
        self._database.set_version(_VERSION)

    def close(self) -> None:
        """Close it; what was written stays."""
        self._database.close()

    def begin_upload(self, scan_id: str, name: str, size: int, expires_at: float) -> None:
        """Take in a scan whose file is yet to come."""
        self._insert(scan_id, name, size, "uploading", expires_at)

    def queue(self, scan_id: str, name: str, size: int) -> None:
        """Take in a scan whose file is there, at the end of the queue."""
        self._insert(scan_id, name, size, "waiting", None)

    def _insert(self, scan_id: str, name: str, size: int, state: State, expires_at: float | None) -> None:
        with self._database.transaction() as database:
            database.execute(
                "INSERT INTO scans (id, name, folded, size, state, turn, created_at, expires_at) "
                "VALUES (?, ?, ?, ?, ?, "
                "CASE ? WHEN 'waiting' THEN (SELECT coalesce(max(turn), 0) + 1 FROM scans) END, ?, ?)",
                (scan_id, name, name.casefold(), size, state, state, time.time(), expires_at),
            )

    def postpone(self, scan_id: str, expires_at: float) -> None:
        """Let an upload that goes on expire later."""
        with self._database.transaction() as database:
            database.execute(
                "UPDATE scans SET expires_at = ? WHERE id = ? AND state = 'uploading'", (expires_at, scan_id)
            )

    def end_upload(self, scan_id: str) -> bool:
        """Put a scan whose file has come at the end of the queue; False if it was removed meanwhile."""
        with self._database.transaction() as database:
            return bool(
                database.execute(
                    "UPDATE scans SET state = 'waiting', expires_at = NULL, "
                    "turn = (SELECT coalesce(max(turn), 0) + 1 FROM scans) WHERE id = ? AND state = 'uploading'",
                    (scan_id,),
                ).rowcount
            )

    def begin_next(self) -> Scan | None:
        """Take the first scan of the queue, and write down that it begins; None where nothing waits."""
        with self._database.transaction() as database:
            row = database.execute(
                f"SELECT {_COLUMNS} FROM scans WHERE state = 'waiting' ORDER BY turn LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            database.execute("UPDATE scans SET state = 'scanning', attempts = attempts + 1 WHERE id = ?", (row[1],))
        return Scan(*row)

    def return_to_queue(self, scan_id: str) -> None:
        """Write down that a scan was broken off, for which its file is not to blame; it keeps its turn."""
        with self._database.transaction() as database:
            database.execute(
                "UPDATE scans SET state = 'waiting', attempts = attempts - 1 WHERE id = ? AND state = 'scanning'",
                (scan_id,),
            )

    def finish(
        self, scan_id: str, expires_at: float, sha256: str | None, scanner: str, status: str, label: str | None
    ) -> bool:
        """Write down what came of a scan; False if it is to be removed.

        Args:
            scan_id: names it.
            expires_at: when it is removed.
            sha256: of its file.
            scanner: names all that the result depends on beside the file; "" for one that no other file may share.
            status: of the result.
            label: its verdict.
        """
        with self._database.transaction() as database:
            return bool(
                database.execute(
                    "UPDATE scans SET state = 'done', attempts = 0, finished_at = ?, expires_at = ?, sha256 = ?, "
                    "scanner = ?, status = ?, label = ? WHERE id = ? AND NOT removed",
                    (time.time(), expires_at, sha256, scanner, status, label, scan_id),
                ).rowcount
            )

    def has_result_of_size(self, size: int) -> bool:
        """Tell whether a file of so many bytes has a result."""
        with self._database.reading() as database:
            return bool(
                database.execute("SELECT 1 FROM scans WHERE size = ? AND state = 'done' LIMIT 1", (size,)).fetchone()
            )

    def of_content(self, sha256: str, scanner: str) -> str | None:
        """Find a scan of the same bytes by the same scanner that has a result."""
        with self._database.reading() as database:
            row = database.execute(
                "SELECT id FROM scans WHERE sha256 = ? AND scanner = ? AND state = 'done' AND NOT removed LIMIT 1",
                (sha256, scanner),
            ).fetchone()
        return row and row[0]

    def find(self, scan_id: str) -> Scan | None:
        """Give a scan, unless it was removed."""
        with self._database.reading() as database:
            row = database.execute(f"SELECT {_COLUMNS} FROM scans WHERE id = ? AND NOT removed", (scan_id,)).fetchone()
        return row and Scan(*row)

    def newest(
        self, limit: int, before: int | None = None, text: str = "", state: str | None = None, label: str | None = None
    ) -> list[Scan]:
        """Give scans, the newest first.

        Args:
            limit: how many.
            before: only those with a lower number.
            text: that their names must hold, in whatever case.
            state: only those in it.
            label: only those with this verdict, or with this status where they have none.
        """
        conditions, values = ["NOT removed"], list[object]()
        for condition, value in (
            ("number < ?", before),
            ("instr(folded, ?)", text.casefold() or None),
            ("state = ?", state),
            ("coalesce(label, status) = ?", label),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        with self._database.reading() as database:
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM scans WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT ?",
                (*values, limit),
            ).fetchall()
        return [Scan(*row) for row in rows]

    def waiting(self) -> list[str]:
        """Name the scans that wait, in the order of their turns."""
        with self._database.reading() as database:
            return [row[0] for row in database.execute("SELECT id FROM scans WHERE state = 'waiting' ORDER BY turn")]

    def uploading(self) -> set[str]:
        """Name the scans whose file is yet to come."""
        with self._database.reading() as database:
            return {row[0] for row in database.execute("SELECT id FROM scans WHERE state = 'uploading'")}

    def counts(self) -> dict[str, int]:
        """Count the scans by their state."""
        with self._database.reading() as database:
            return dict(database.execute("SELECT state, count(*) FROM scans GROUP BY state").fetchall())

    def remove(self, scan_id: str) -> State | None:
        """Remove a scan; one that is being scanned is only marked, and its row stays until `forget`.

        Returns:
            The state that it was in; None where there is none.
        """
        with self._database.transaction() as database:
            row = database.execute("SELECT state FROM scans WHERE id = ? AND NOT removed", (scan_id,)).fetchone()
            if row is None:
                return None
            if row[0] == "scanning":
                database.execute("UPDATE scans SET removed = 1 WHERE id = ?", (scan_id,))
            else:
                database.execute("DELETE FROM scans WHERE id = ?", (scan_id,))
        return row[0]

    def forget(self, scan_id: str) -> None:
        """Remove the row of a scan that has ended and was marked."""
        with self._database.transaction() as database:
            database.execute("DELETE FROM scans WHERE id = ? AND removed", (scan_id,))

    def expired(self) -> list[str]:
        """Name the scans whose time is over."""
        with self._database.reading() as database:
            rows = database.execute("SELECT id FROM scans WHERE expires_at < ? AND NOT removed", (time.time(),))
            return [row[0] for row in rows]

    def resume(self) -> None:
        """Take up what a server left that was ended or killed: what it was scanning waits again."""
        with self._database.transaction() as database:
            database.execute("DELETE FROM scans WHERE removed")
            database.execute("UPDATE scans SET state = 'waiting' WHERE state = 'scanning'")

    def ids(self) -> set[str]:
        """Name all scans."""
        with self._database.reading() as database:
            return {row[0] for row in database.execute("SELECT id FROM scans")}
