"""Finds the stored results of a folder, and names their pages."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.results.naming import folded, own_name, plain_name
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
        OSError: the folder, or the lines of all results, cannot be read.
    """
    os.scandir(folder).close()  # raises where it is locked, in which a search finds nothing
    pages: set[str] = set()
    for path in sorted(folder.rglob("*.json")):
        if path.is_file() and not path.name.startswith("."):
            page = path.with_suffix(".html")
            if page.name.casefold() == INDEX:
                page = path.with_name("index.report.html")
            pages.add(folded(page))
            yield Stored(path, page)
    lines = folder / LINES
    if lines.is_file():
        yield from _lines(lines, pages)


def _lines(file: Path, taken: set[str]) -> Iterator[Stored]:
    """Find the results in a file of lines; the page of each is named as `pipeline.results.naming` names results."""
    found: list[tuple[int, int, str]] = []
    start = 0
    with file.open("rb") as lines:
        for text in lines:
            if text.strip():
                # JSON can hold halves of surrogate pairs, which no path has.
                path = stored_path(text).encode("utf-8", "replace").decode()
                found.append((start, len(text), path))
            start += len(text)
    plain = [_page_name(path) for _, _, path in found]
    uses = Counter(folded(name) for name in plain)
    for (start, length, path), name in zip(found, plain, strict=True):
        page = file.with_name(f"{name}.html")
        if uses[folded(name)] > 1 or folded(page) in taken or page.name.casefold() == INDEX:
            page = file.with_name(f"{own_name(name, Path(path or str(start)))}.html")
        yield Stored(file, page, start, length)


def _page_name(path: str) -> Path:
    """Name the page of a result that has no file of its own after its input."""
    return plain_name(Path(re.sub(r"[^\w. -]", "_", PurePosixPath(path).name).strip(". ") or "result"))
