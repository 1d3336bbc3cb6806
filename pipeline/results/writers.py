"""Results as files, one for each input."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from classifiers import atomic_file
from pipeline.media.types import display_path, quoted
from pipeline.results.input import Input
from pipeline.results.naming import names, own_name, plain_name
from pipeline.results.verdict import Verdict, read_verdict, stored_path


class WriteError(Exception):
    """A result that cannot be written; the message is one sentence for the user."""


class ResultWriteError(WriteError):
    """One result that cannot be written, in a folder that takes others."""


class ResultFiles:
    """The JSON file of each input in an output folder.

    Args:
        folder: where they are.
        shares_name: tells whether several inputs of this run would have the plain name of one, see
            `pipeline.results.naming`.
    """

    def __init__(self, folder: Path, shares_name: Callable[[Input], bool]) -> None:
        self._folder, self._shares_name = folder, shares_name

    def read(self, file: Path) -> Verdict | None:
        """Read a result; None where there is no whole one of a known version."""
        try:
            return read_verdict(file.read_bytes())
        except OSError:
            return None

    def write(self, file: Path, verdict: Verdict) -> None:
        """Write a result; it is on disk when this returns.

        Raises:
            ResultWriteError: this result cannot be written, but others can.
            WriteError: the folder cannot be written to.
        """
        text = json.dumps(verdict.to_json(), indent=1, allow_nan=False) + "\n"
        try:
            write_whole(file, text)
        except WriteError as error:
            if _takes_files(self._folder, len(text)):
                raise ResultWriteError(str(error)) from error
            raise

    def path(self, source: Input) -> Path:
        """Name the file of a result: that of an earlier run, or else as `pipeline.results.naming` says."""
        mine = os.path.abspath(display_path(source.path))  # noqa: PTH100 - keeps links as they are
        plain_owner = ""
        for name in names(source):
            file = _result_file(self._folder, name)
            owner = _owner(file)
            if owner == mine:
                return file
            if name == plain_name(source.relative):
                plain_owner = owner
        if plain_owner or self._shares_name(source):
            return _result_file(self._folder, own_name(source.relative, source.path))
        return _result_file(self._folder, plain_name(source.relative))


def json_line(verdict: Verdict) -> str:
    """Write one result as one line of JSON, without the line break."""
    return json.dumps(verdict.to_json(), allow_nan=False)


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
