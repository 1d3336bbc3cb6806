"""A SQLite file that the threads of a process share."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator

from pipeline.results.writers import WriteError


class Database:
    """Lets one thread at a time use a SQLite file; what goes wrong with it is told by its name.

    Args:
        address: of the file, as SQLite has it: a URI; "" for a temporary file of SQLite's own, made when it is needed.
        name: what messages call it.

    Raises:
        WriteError: it cannot be opened.
    """

    def __init__(self, address: str, name: str) -> None:
        self._name = name
        self._busy = threading.RLock()
        with self._telling():
            self._connection = sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None)

    def prepare(self, schema: str) -> None:
        """Make what is not there yet.

        Args:
            schema: statements that may be repeated.

        Raises:
            WriteError: it cannot be written to.
        """
        with self.reading() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            # What was committed outlives a killed process; a machine that crashes may lose the last of it.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(schema)

    @property
    def version(self) -> int:
        """What `set_version` has written; 0 in a new file."""
        with self.reading() as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])

    def set_version(self, version: int) -> None:
        """Write down of which version the file is."""
        with self.reading() as connection:
            connection.execute(f"PRAGMA user_version = {version}")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Have it alone for the length of the block.

        Raises:
            WriteError: what is asked of it fails.
        """
        with self._busy, self._telling():
            yield self._connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Have it alone; what the block writes is written as a whole, or not at all if it raises.

        Raises:
            WriteError: what is asked of it fails.
        """
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close it; what was written stays."""
        with self.reading() as connection:
            connection.close()

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise WriteError(f"cannot write {self._name}: {error}") from error
