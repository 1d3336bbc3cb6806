"""Results as files: JSON, JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from classifiers import atomic_file
from classifiers.csv_cells import FORMULA_STARTS
from pipeline.media.types import display_path, quoted
from pipeline.results.input import Input
from pipeline.results.naming import folded, names, own_name, plain_name
from pipeline.results.parts import rounded
from pipeline.results.verdict import Verdict, read_verdict, stored_path

FORMATS = ("json", "jsonl", "csv")
CSV_COLUMNS = ("filename", "status", "verdict", "score", "seen", "with_face")

Row = tuple[str, ...]
"""Of `results.csv`, in the order of `CSV_COLUMNS`."""


class WriteError(Exception):
    """A result that cannot be written; the message is one sentence for the user."""


class ResultWriteError(WriteError):
    """One result that cannot be written, in a folder that takes others."""


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
        self._shared_names: frozenset[str] = frozenset()
        self._stored_lines: dict[str, str] = {}
        self._lines: IO[str] | None = None
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise WriteError(f"cannot make the folder {quoted(folder)}: {error.strerror}") from error
            if result_format == "jsonl":
                file = folder / "results.jsonl"
                try:
                    self._stored_lines = _read_lines(file)
                    # Without the last line if it was cut off: ours would go on where it ends.
                    _write_lines(file, self._stored_lines)
                    self._lines = file.open("a", encoding="utf-8")
                except OSError as error:
                    raise WriteError(f"cannot write {quoted(file)}: {error.strerror}") from error

    def expect(self, inputs: Sequence[Input]) -> None:
        """List results in the order of these inputs, in whatever order they come, and under names of their own."""
        self._rows |= dict.fromkeys(_cell(source.path) for source in inputs)
        self._shared_names = _shared_names(inputs)

    def stored(self, source: Input) -> Verdict | None:
        """Give the result that an earlier run wrote for this input, if there is a readable one."""
        if self.folder is None:
            return None
        if self._format == "jsonl":
            line = self._stored_lines.get(display_path(source.path))
            return None if line is None else read_verdict(line)
        return _read(self.path(source))

    def keep(self, verdict: Verdict) -> None:
        """List a result that is not to be written: it is on disk already, or cannot be."""
        self._rows[_cell(verdict.input.path)] = _csv_row(verdict)

    def write(self, source: Input, verdict: Verdict) -> None:
        """Take in a new result; it is on disk when this returns.

        Raises:
            ResultWriteError: this result cannot be written, but others can.
            WriteError: the folder cannot be written to.
        """
        if self.folder is None:
            pass
        elif self._lines is not None:
            try:
                self._lines.write(json_line(verdict) + "\n")
                self._lines.flush()
            except OSError as error:
                raise WriteError(f"cannot write {quoted(self.folder / 'results.jsonl')}: {error.strerror}") from error
        else:
            text = json.dumps(verdict.to_json(), indent=1, allow_nan=False) + "\n"
            try:
                write_whole(self.path(source), text)
            except WriteError as error:
                if _takes_files(self.folder, len(text)):
                    raise ResultWriteError(str(error)) from error
                raise
        self.keep(verdict)

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
            labels = _labels((row[0], row[3]) for row in rows.values())
            write_whole(self.folder / "labels.csv", _csv(("filename", "label"), labels))

    def path(self, source: Input) -> Path:
        """Name the file of a result: that of an earlier run, or else as `pipeline.results.naming` says.

        Raises:
            ValueError: this writer has no folder.
        """
        if self.folder is None:
            raise ValueError("a writer without a folder writes no files")
        mine = os.path.abspath(display_path(source.path))  # noqa: PTH100 - keeps links as they are
        plain_owner = ""
        for name in names(source):
            file = _result_file(self.folder, name)
            owner = _owner(file)
            if owner == mine:
                return file
            if name == plain_name(source.relative):
                plain_owner = owner
        if plain_owner or folded(plain_name(source.relative)) in self._shared_names:
            return _result_file(self.folder, own_name(source.relative, source.path))
        return _result_file(self.folder, plain_name(source.relative))


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
    return _cell(verdict.input.path), verdict.status, verdict.label or "", score, *shares


def _cell(path: os.PathLike[str] | str) -> str:
    """Spell a path for a table, so that no spreadsheet takes it for a formula; it stays a path to the same file."""
    name = display_path(path)
    return f"./{name}" if name.startswith(FORMULA_STARTS) else name


def _labels(rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give name and score of each file; where several have a name, their paths."""
    scores = dict(rows)
    shared = Counter(Path(path).name for path in scores)
    return [
        (path if shared[Path(path).name] > 1 else _cell(Path(path).name), score or "0.5")
        for path, score in scores.items()
    ]


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
        raise WriteError(f"cannot read the earlier {quoted(path)}: {error}") from error


def _shared_names(inputs: Iterable[Input]) -> frozenset[str]:
    """Give the plain names that several inputs would have."""
    owners: dict[str, Path] = {}
    shared = set()
    for source in inputs:
        name = folded(plain_name(source.relative))
        if owners.setdefault(name, source.path) != source.path:
            shared.add(name)
    return frozenset(shared)


def _result_file(folder: Path, name: Path) -> Path:
    return folder / name.with_name(f"{name.name}.json")


def _owner(file: Path) -> str:
    """Give the absolute path of the input whose result is in a file, as its user spelled it, or "" where none is."""
    try:
        path = stored_path(file.read_bytes())
    except (OSError, ValueError):
        return ""
    return os.path.abspath(path) if path else ""  # noqa: PTH100 - keeps links as they are


def _takes_files(folder: Path, size: int) -> bool:
    """Tell whether a file of so many bytes can be written at all."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(size))
            file.flush()
    except OSError:
        return False
    return True


def write_whole(path: Path, text: str) -> None:
    """Write a UTF-8 file so that nobody ever reads half of it; its folder is made if it is not there.

    Raises:
        WriteError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_file.write_whole(path, text)
    except OSError as error:
        raise WriteError(f"cannot write {quoted(path)}: {error.strerror}") from error
