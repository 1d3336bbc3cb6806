"""Finds the stored results of a folder, and names their pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.results.verdict import stored_path

INDEX = "index.html"
LINES = "results.jsonl"


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored result, which is read when it is asked for: a folder may hold more of them than fit into memory.

    Attributes:
        source: the file that it is in.
        page: where its page belongs.
        start: byte at which it begins in its file.
        length: number of its bytes, -1 for the rest of the file.
    """

    source: Path
    page: Path
    start: int = 0
    length: int = -1

    def text(self) -> bytes:
        """Read its JSON.

        Raises:
            OSError: the file cannot be read.
        """
        with self.source.open("rb") as file:
            file.seek(self.start)
            return file.read(self.length)


def stored_results(folder: Path) -> Iterator[Stored]:
    """Find what may be results in a folder and its sub-folders, in order of their names; hidden ones are left out.

    Raises:
        OSError: the lines of all results cannot be read.
    """
    pages: set[Path] = set()
    for path in sorted(folder.rglob("*.json")):
        if path.is_file() and not path.name.startswith("."):
            page = path.with_suffix(".html")
            if page.name.casefold() == INDEX:
                page = path.with_name("index.report.html")
            pages.add(page)
            yield Stored(path, page)
    lines = folder / LINES
    if lines.is_file():
        start = 0
        with lines.open("rb") as file:
            for text in file:
                if text.strip():
                    page = _free(folder, stored_path(text), pages)
                    pages.add(page)
                    yield Stored(lines, page, start, len(text))
                start += len(text)


def _free(folder: Path, path: str, taken: set[Path]) -> Path:
    """Name the page of a result that has no file of its own after its input."""
    plain = re.sub(r"[^\w. -]", "_", PurePosixPath(path).name)[-80:].strip(". ") or "result"
    number, page = 1, folder / f"{plain}.html"
    while page in taken or page.name.casefold() == INDEX:
        number += 1
        page = folder / f"{plain}-{number}.html"
    return page
