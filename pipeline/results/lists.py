"""Lists of all results of a folder: results.csv, labels.csv, results.jsonl, results.parquet."""

from __future__ import annotations

import contextlib
import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from classifiers.atomic_file import replacing
from classifiers.csv_cells import FORMULA_STARTS
from classifiers.extras import install_command
from pipeline.media.types import quoted
from pipeline.results.parts import rounded
from pipeline.results.summary import Summary
from pipeline.results.writers import WriteError

CSV_COLUMNS = ("filename", "status", "verdict", "score", "seen", "with_face")

_ROW_GROUP = 10_000
"""Rows of a Parquet file that are held in memory at a time."""


def write_results_csv(folder: Path, summaries: Iterable[Summary]) -> None:
    """Write `results.csv`: a row for each file, in the columns `CSV_COLUMNS`.

    Raises:
        WriteError: it cannot be written.
    """
    _write_csv(folder / "results.csv", CSV_COLUMNS, map(_row, summaries))


def write_labels_csv(folder: Path, summaries: Callable[[], Iterable[Summary]]) -> None:
    """Write `labels.csv`, the two columns of the Deepfake Detection Challenge.

    The challenge wants a number for every file; `results.csv` tells a verdict from a guess. Where several files have
    a name, their paths are given.

    Args:
        folder: of the file.
        summaries: gives them, twice.

    Raises:
        WriteError: it cannot be written.
    """
    shared = {name for name, count in Counter(Path(each.path).name for each in summaries()).items() if count > 1}

    def row(summary: Summary) -> tuple[str, str]:
        name = Path(summary.path).name
        return _cell(summary.path if name in shared else name), _score(summary) or "0.5"

    _write_csv(folder / "labels.csv", ("filename", "label"), map(row, summaries()))


def write_json_lines(folder: Path, lines: Iterable[str]) -> None:
    """Write `results.jsonl`: a result on each line.

    Raises:
        WriteError: it cannot be written.
    """
    with _replacing(folder / "results.jsonl") as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def write_parquet(folder: Path, summaries: Iterable[Summary]) -> None:
    """Write `results.parquet`: a row for each file, in the columns of `pipeline.results.summary.Summary`.

    Raises:
        WriteError: it cannot be written, or pyarrow is not installed.
    """
    check_parquet()
    import pyarrow
    from pyarrow import parquet

    kinds = {"str": pyarrow.string(), "float": pyarrow.float64(), "int": pyarrow.int32()}
    columns = [
        pyarrow.field(each.name, kinds[str(each.type).partition(" ")[0]], "None" in str(each.type))
        for each in fields(Summary)
    ]
    schema, rows = pyarrow.schema(columns), iter(summaries)
    with _replacing(folder / "results.parquet") as part, parquet.ParquetWriter(part, schema) as file:
        while group := list(islice(rows, _ROW_GROUP)):
            arrays = [[getattr(each, name) for each in group] for name in schema.names]
            file.write_table(pyarrow.table(arrays, schema=schema))


def check_parquet() -> None:
    """Make sure that Parquet files can be written.

    Raises:
        WriteError: pyarrow is not installed.
    """
    if find_spec("pyarrow") is None:
        raise WriteError(f"Parquet files need pyarrow; install it with: {install_command('parquet')}")


def read_results_csv(path: Path) -> Iterator[Summary]:
    """Read what an earlier version wrote, which kept no ledger.

    Raises:
        WriteError: it cannot be read, so that its rows would be lost.
    """
    if not path.exists():
        return
    try:
        # As a spreadsheet may have stored it: with a mark of its encoding, or in another one.
        with path.open(encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
            for row in csv.reader(file):
                # Still earlier versions wrote the first four columns only.
                if len(row) in (4, len(CSV_COLUMNS)) and tuple(row[:4]) != CSV_COLUMNS[:4]:
                    score, seen, with_face = (float(cell) if cell else None for cell in [*row[3:], "", ""][:3])
                    yield Summary(row[0], row[1], row[2] or None, score, seen=seen, with_face=with_face)
    except (OSError, ValueError, csv.Error) as error:
        raise WriteError(f"cannot read the earlier {quoted(path)}: {error}") from error


def _write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with _replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    try:
        with replacing(path) as part:
            yield part
    except OSError as error:
        raise WriteError(f"cannot write {quoted(path)}: {error.strerror}") from error


def _row(summary: Summary) -> tuple[str, ...]:
    shares = (_digits(summary.seen), _digits(summary.with_face))
    return _cell(summary.path), summary.status, summary.label or "", _score(summary), *shares


def _score(summary: Summary) -> str:
    return _digits(rounded(summary.score))


def _digits(share: float | None) -> str:
    return "" if share is None else f"{share:.4f}"


def _cell(name: str) -> str:
    """Spell a path for a table, so that no spreadsheet takes it for a formula; it stays a path to the same file."""
    return f"./{name}" if name.startswith(FORMULA_STARTS) else name
