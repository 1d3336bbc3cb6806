"""Measure, in seconds, what the driver of a scan spends on one result, and how much room that result takes."""

from __future__ import annotations

import gzip
import hashlib
import json
import pickle
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from classifiers.atomic_file import write_whole
from pipeline.results.verdict import parse_verdict

_COLUMNS = "path, size, mtime_ns, inode, sha256, state, attempts, result"
_BEGIN = "UPDATE files SET state = 'running', attempts = attempts + 1 WHERE path = ?"
_FINISH = "UPDATE files SET size = ?, mtime_ns = ?, inode = ?, sha256 = ?, state = 'done', result = ? WHERE path = ?"
_LIST = "UPDATE files SET listed = 1 WHERE path = ?"


@dataclass(frozen=True, slots=True)
class LedgerCost:
    """What a ledger costs for each file: seconds of its driver and bytes on disk."""

    seconds: float
    bytes: float


@dataclass(frozen=True, slots=True)
class ResultCost:
    """What a result costs on the average: its bytes as JSON and gzipped, and seconds of the driver.

    Attributes:
        json_bytes: of the file that a scan writes.
        gzip_bytes: of that file, compressed by itself.
        receive_s: to take a result from a worker and make its JSON.
        write_s: to write that JSON so that it outlives a crash.
    """

    json_bytes: float
    gzip_bytes: float
    receive_s: float
    write_s: float


def measure_results(results: Path, folder: Path, repetitions: int = 50) -> ResultCost:
    """Measure on results of a scan.

    Args:
        results: folder in which a scan wrote one JSON file for each clip.
        folder: where results are written, on the disk that is to be measured.
        repetitions: how often each one is received and written.

    Raises:
        ValueError: there is no result.
    """
    texts = [file.read_bytes() for file in sorted(results.rglob("*.json"))]
    if not texts:
        raise ValueError(f"no results are in {results}")
    sent = [pickle.dumps(parse_verdict(text)) for text in texts]

    def receive(number: int) -> None:
        json.dumps(pickle.loads(sent[number % len(sent)]).to_json(), indent=1)

    def write(number: int) -> None:
        write_whole(folder / f"{number}.json", texts[number % len(texts)])

    times = len(texts) * repetitions
    return ResultCost(
        json_bytes=sum(map(len, texts)) / len(texts),
        gzip_bytes=sum(len(gzip.compress(text)) for text in texts) / len(texts),
        receive_s=_seconds_a_call(receive, times),
        write_s=_seconds_a_call(write, times),
    )


def measure_ledger(folder: Path, files: int, files_a_commit: int = 1) -> LedgerCost:
    """Measure a ledger in SQLite that writes to a log first, while every file begins, ends and is listed.

    Args:
        folder: where the ledger is made, on the disk that is to be measured.
        files: how many rows it has.
        files_a_commit: how many files share each of the three commits.
    """
    file = folder / f"ledger-{files_a_commit}.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(f"CREATE TABLE files ({_COLUMNS}, listed INTEGER DEFAULT 0, UNIQUE (path))")
        database.execute("CREATE INDEX by_content ON files (size, sha256)")
        # Names in no order, as those of clips are.
        names = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(files)]
        paths = [f"/archive/{name[:2]}/{name[2:18]}.mp4" for name in names]
        waiting = [(path, None, None, None, None, "waiting", 0, None) for path in paths]
        _commit(database, f"INSERT INTO files ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", waiting)
        began = time.perf_counter()
        for first in range(0, files, files_a_commit):
            some = range(first, min(first + files_a_commit, files))
            ended = [(each, each, each, names[each], f"{paths[each]}.json", paths[each]) for each in some]
            only_paths = [(paths[each],) for each in some]
            _commit(database, _BEGIN, only_paths)
            _commit(database, _FINISH, ended)
            _commit(database, _LIST, only_paths)
        seconds = time.perf_counter() - began
    # The log is gone: the connection was the last.
    return LedgerCost(seconds / files, file.stat().st_size / files)


def _commit(database: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    database.execute("BEGIN")
    database.executemany(statement, rows)
    database.execute("COMMIT")


def _seconds_a_call(call: Callable[[int], None], times: int) -> float:
    began = time.perf_counter()
    for number in range(times):
        call(number)
    return (time.perf_counter() - began) / times
