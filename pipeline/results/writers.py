"""Results as files: JSON, JSON lines, CSV and a table for people."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

from pipeline.batch.inputs import Input
from pipeline.results.verdict import SCHEMA, display_path

Result = dict[str, object]
"""A verdict as JSON, schema `facewitness/verdict/1`."""

FORMATS = ("json", "jsonl", "csv")
CSV_COLUMNS = ("filename", "status", "verdict", "score")


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
        self._rows: dict[str, tuple[str, str, str, str] | None] = {}
        self._stored_lines: dict[str, Result] = {}
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

    def stored(self, source: Input) -> Result | None:
        """Give the result that an earlier run wrote for this input, if there is a readable one."""
        if self.folder is None:
            return None
        if self._format == "jsonl":
            return self._stored_lines.get(display_path(source.path))
        return _read(self.path(source))

    def write(self, source: Input, result: Result) -> None:
        """Take in one result; what was not given by `stored` is on disk when this returns.

        Raises:
            WriteError: the folder cannot be written to.
        """
        self._rows[_name(result)] = _csv_row(result)
        if self.folder is None or result == self.stored(source):
            return
        if self._lines is not None:
            try:
                self._lines.write(json_line(result) + "\n")
                self._lines.flush()
            except OSError as error:
                raise WriteError(f"cannot write {self.folder / 'results.jsonl'}: {error.strerror}") from error
        else:
            write_whole(self.path(source), json.dumps(result, indent=1, allow_nan=False) + "\n")

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
            labels = [(Path(name).name, score or "0.5") for name, _, _, score in rows.values()]
            write_whole(self.folder / "labels.csv", _csv(("filename", "label"), labels))

    def path(self, source: Input) -> Path:
        """Name the file of a result: the next free name where another input of that name has a result already."""
        place, name = self.folder / source.relative.parent, source.relative.name
        numbered = (place / f"{name}-{number}.json" for number in itertools.count(2))
        return next(path for path in itertools.chain([place / f"{name}.json"], numbered) if _is_free(path, source))


def json_line(result: Result) -> str:
    """Write one result as one line of JSON, without the line break."""
    return json.dumps(result, allow_nan=False)


class TableRow(NamedTuple):
    """One line of the table for people."""

    file: str
    verdict: str
    score: str
    faces: str
    seconds: str
    note: str


def table_row(result: Result) -> TableRow:
    """Say in one line what a result says."""
    return TableRow(
        _shortened(_name(result), 36),
        str(result["verdict"] or result["status"]),
        "" if result["score"] is None else f"{result['score']:.2f}",
        str(sum(track["supported"] for track in result["tracks"])),
        f"{result['timing_s']['total']:.1f}",
        _printable(_note(result)),
    )


def table(rows: Sequence[TableRow], width: int = 100) -> str:
    """Lay rows out for a terminal."""
    rows = [TableRow("file", "verdict", "score", "faces", "seconds", ""), *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = []
    for row in rows:
        left = f"{row.file:<{widths[0]}}  {row.verdict:<{widths[1]}}"
        right = "  ".join(f"{cell:>{size}}" for cell, size in zip(row[2:5], widths[2:], strict=True))
        lines.append(f"{left}  {right}  {row.note}".rstrip())
    lines.insert(1, "-" * min(width, max(len(line) for line in lines)))
    return "\n".join(lines)


def _note(result: Result) -> str:
    """Say in a few words what a reader of the table must know."""
    if result["message"]:
        return str(result["message"])
    notes = []
    supported = [track for track in result["tracks"] if track["supported"]]
    if result["verdict"] == "likely_fake" and len(supported) > 1:
        worst = max(supported, key=lambda track: track["score"])
        notes.append(f"track {worst['id']}, {worst['start_s']:.1f} to {worst['end_s']:.1f} s")
    if result["warnings"]:
        notes.append("; ".join(result["warnings"]))
    return "; ".join(notes)


def _name(result: Result) -> str:
    return str(result["input"]["path"])


def _number(score: object) -> str:
    return "" if score is None else f"{score:.4f}"


def _shortened(text: str, width: int) -> str:
    text = _printable(text)
    return text if len(text) <= width else "…" + text[-(width - 1) :]


def _printable(text: str) -> str:
    """Keep names of files from breaking lines or steering the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _read_lines(path: Path) -> dict[str, Result]:
    """Read JSON lines by input path; a last line that was cut off when its writer was killed is left out."""
    if not path.exists():
        return {}
    results = [_parse(line) for line in path.read_bytes().splitlines()]
    return {_name(result): result for result in results if result is not None}


def _write_lines(path: Path, results: dict[str, Result]) -> None:
    write_whole(path, "".join(json_line(result) + "\n" for result in results.values()))


def _parse(text: bytes) -> Result | None:
    """Read one result; None where the text is not a whole one."""
    try:
        result = json.loads(text)
    except ValueError:
        return None
    return result if isinstance(result, dict) and result.get("schema") == SCHEMA else None


def _read(path: Path) -> Result | None:
    try:
        return _parse(path.read_bytes())
    except OSError:
        return None


def _csv_row(result: Result) -> tuple[str, str, str, str]:
    return _name(result), str(result["status"]), str(result["verdict"] or ""), _number(result["score"])


def _read_rows(path: Path) -> dict[str, tuple[str, str, str, str]]:
    if not path.exists():
        return {}
    try:
        # As a spreadsheet may have stored it: with a mark of its encoding, or in another one.
        with path.open(encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
            return {row[0]: tuple(row) for row in csv.reader(file) if len(row) == 4 and tuple(row) != CSV_COLUMNS}
    except (OSError, csv.Error) as error:
        raise WriteError(f"cannot read the earlier {display_path(path)}: {error}") from error


def _is_free(path: Path, source: Input) -> bool:
    """Tell whether a file holds no result of another input; paths are compared as users spelled them."""
    result = _read(path)
    if result is None:
        return True
    mine = os.path.abspath(display_path(source.path))  # noqa: PTH100 - keeps links as they are
    return os.path.abspath(_name(result)) == mine  # noqa: PTH100


def write_whole(path: Path, text: str) -> None:
    """Write a UTF-8 file so that nobody ever reads half of it; its folder is made if it is not there.

    Raises:
        WriteError: it cannot be written.
    """
    temporary = path.with_name(f".facewitness-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        raise WriteError(f"cannot write {display_path(path)}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
