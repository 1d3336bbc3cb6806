"""Results as files: JSON, JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from classifiers import atomic_file
from pipeline.results.input import Input
from pipeline.results.parts import display_path, rounded
from pipeline.results.verdict import Verdict, read_verdict

FORMATS = ("json", "jsonl", "csv")
CSV_COLUMNS = ("filename", "status", "verdict", "score", "seen", "with_face")

Row = tuple[str, ...]
"""Of `results.csv`, in the order of `CSV_COLUMNS`."""


class WriteError(Exception):
    """A result that cannot be written; the message is one sentence for the user."""


class ResultWriter:
    """Writes each result as soon as it is there, and the lists of all results at the end.

    Args:
        folder: where to write; None writes nothing.
        result_format: "json" gives one file for each input, "jsonl" one `results.jsonl`, "csv" the same files as
            "json" and `labels.csv`, the two columns of the Deepfake Detection Challenge.
    """

    def __init__(self, folder: Path | None, result_format: str = "json") -> None:
        if result_format not in FORMATS:
            raise ValueError(f"no result format is called {result_format!r}; there are {', '.join(FORMATS)}")
        self.folder, self._format = folder, result_format
        self._rows: dict[str, Row | None] = {}
        self._stored_lines: dict[str, str] = {}
        self._lines: IO[str] | None = None
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise WriteError(f"cannot make the folder {folder}: {error.strerror}") from error
            if result_format == "jsonl":
                file = folder / "results.jsonl"
                try:
                    self._stored_lines = _read_lines(file)
                    # Without the last line if it was cut off: ours would go on where it ends.
                    _write_lines(file, self._stored_lines)
                    self._lines = file.open("a", encoding="utf-8")
                except OSError as error:
                    raise WriteError(f"cannot write {display_path(file)}: {error.strerror}") from error

    def expect(self, inputs: Sequence[Input]) -> None:
        """List results in the order of these inputs, in whatever order they come."""
        self._rows |= dict.fromkeys(display_path(source.path) for source in inputs)

    def stored(self, source: Input) -> Verdict | None:
        """Give the result that an earlier run wrote for this input, if there is a readable one."""
        if self.folder is None:
            return None
        if self._format == "jsonl":
            line = self._stored_lines.get(display_path(source.path))
            return None if line is None else read_verdict(line)
        return _read(self.path(source))

    def keep(self, stored: Verdict) -> None:
        """Take in a result that `stored` gave: it is on disk already."""
        self._rows[stored.input.path] = _csv_row(stored)

    def write(self, source: Input, verdict: Verdict) -> None:
        """Take in a new result; it is on disk when this returns.

        Raises:
            WriteError: the folder cannot be written to.
        """
        self._rows[verdict.input.path] = _csv_row(verdict)
        if self.folder is None:
            return
        if self._lines is not None:
            try:
                self._lines.write(json_line(verdict) + "\n")
                self._lines.flush()
            except OSError as error:
                raise WriteError(f"cannot write {self.folder / 'results.jsonl'}: {error.strerror}") from error
        else:
            write_whole(self.path(source), json.dumps(verdict.to_json(), indent=1, allow_nan=False) + "\n")

    def __enter__(self) -> ResultWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Write `results.csv`, and the single list of all results in the formats that have one."""
        if self.folder is None:
            return
        if self._lines is not None:
            self._lines.close()
            # An earlier run's lines of the same inputs stand before ours: keep the latest of each.
            _write_lines(self.folder / "results.jsonl", _read_lines(self.folder / "results.jsonl"))
        # A run that was interrupted, or given fewer inputs, does not take away the rows of those before it.
        rows = _read_rows(self.folder / "results.csv") | {name: row for name, row in self._rows.items() if row}
        if not rows:
            return
        write_whole(self.folder / "results.csv", _csv(CSV_COLUMNS, list(rows.values())))
        if self._format == "csv":
            # The challenge wants a number for every file; results.csv tells a verdict from a guess.
            labels = [(Path(row[0]).name, row[3] or "0.5") for row in rows.values()]
            write_whole(self.folder / "labels.csv", _csv(("filename", "label"), labels))

    def path(self, source: Input) -> Path:
        """Name the file of a result: the next free name where another input of that name has a result already.

        Raises:
            ValueError: this writer has no folder.
        """
        if self.folder is None:
            raise ValueError("a writer without a folder writes no files")
        place, name = self.folder / source.relative.parent, source.relative.name
        numbered = (place / f"{name}-{number}.json" for number in itertools.count(2))
        return next(path for path in itertools.chain([place / f"{name}.json"], numbered) if _is_free(path, source))


def json_line(verdict: Verdict) -> str:
    """Write one result as one line of JSON, without the line break."""
    return json.dumps(verdict.to_json(), allow_nan=False)


def _csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _read_lines(path: Path) -> dict[str, str]:
    """Read JSON lines by input path; a last line that was cut off when its writer was killed is left out."""
    if not path.exists():
        return {}
    lines = {}
    for line in path.read_bytes().splitlines():
        verdict = read_verdict(line)
        if verdict is not None:
            lines[verdict.input.path] = line.decode()
    return lines


def _write_lines(path: Path, lines: dict[str, str]) -> None:
    write_whole(path, "".join(line + "\n" for line in lines.values()))


def _read(path: Path) -> Verdict | None:
    try:
        return read_verdict(path.read_bytes())
    except OSError:
        return None


def _csv_row(verdict: Verdict) -> Row:
    score = "" if verdict.score is None else f"{rounded(verdict.score):.4f}"
    coverage = verdict.coverage
    shares = (f"{coverage.seen:.4f}", f"{coverage.with_face:.4f}") if coverage else ("", "")
    return verdict.input.path, verdict.status, verdict.label or "", score, *shares


def _read_rows(path: Path) -> dict[str, Row]:
    if not path.exists():
        return {}
    try:
        # As a spreadsheet may have stored it: with a mark of its encoding, or in another one.
        with path.open(encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
            rows = [tuple(row) for row in csv.reader(file)]
        # Earlier versions wrote the first four columns only.
        lengths = (4, len(CSV_COLUMNS))
        full = [row + ("",) * (len(CSV_COLUMNS) - len(row)) for row in rows if len(row) in lengths]
        return {row[0]: row for row in full if row[:4] != CSV_COLUMNS[:4]}
    except (OSError, csv.Error) as error:
        raise WriteError(f"cannot read the earlier {display_path(path)}: {error}") from error


def _is_free(path: Path, source: Input) -> bool:
    """Tell whether a file holds no result of another input; paths are compared as users spelled them."""
    verdict = _read(path)
    if verdict is None:
        return True
    mine = os.path.abspath(display_path(source.path))  # noqa: PTH100 - keeps links as they are
    return os.path.abspath(verdict.input.path) == mine  # noqa: PTH100 - as above


def write_whole(path: Path, text: str) -> None:
    """Write a UTF-8 file so that nobody ever reads half of it; its folder is made if it is not there.

    Raises:
        WriteError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_file.write_whole(path, text)
    except OSError as error:
        raise WriteError(f"cannot write {display_path(path)}: {error.strerror}") from error
