"""Finds the stored results of a folder, and writes the index of their pages."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from pipeline.evidence.report import charts
from pipeline.evidence.report.page import environment
from pipeline.evidence.report.reading import NotAResultError, Reading, printable, read_result
from pipeline.evidence.report.texts import clock, say
from pipeline.results.verdict import FAILURES, display_path
from pipeline.results.writers import write_whole

INDEX = "index.html"
LINES = "results.jsonl"

_BANDS = ("likely_fake", "inconclusive", "likely_real")
_BINS = 20
_NOTE_LENGTH = 200
_NAMED_SKIPPED = 5


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


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the index; `href` is None where the page is missing."""

    name: str
    place: str
    href: str | None
    status: str
    verdict: str
    score: float | None
    people: int
    duration_s: float
    length: str
    note: str

    @property
    def order(self) -> int:
        """Of its verdict: likely fake first, no verdict last."""
        return _BANDS.index(self.verdict) if self.verdict in _BANDS else len(_BANDS)


def parse_result(text: bytes) -> Reading:
    """Read a stored result.

    Raises:
        NotAResultError: it is none.
    """
    try:
        document = json.loads(text, parse_float=_float, parse_int=_int, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise NotAResultError("is not readable JSON") from error
    return read_result(document)


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
                    page = _free(folder, text, pages)
                    pages.add(page)
                    yield Stored(lines, page, start, len(text))
                start += len(text)


def write_index(folder: Path) -> Path:
    """Write the index of all results in a folder, with links to the pages that exist.

    Args:
        folder: with results as `facewitness scan -o` wrote them.

    Returns:
        The file.

    Raises:
        WriteError: it cannot be written.
        OSError: the lines of all results cannot be read.
    """
    rows, skipped = [], []
    for stored in stored_results(folder):
        text = b""
        try:
            text = stored.text()
            reading = parse_result(text)
        except (NotAResultError, OSError):
            if not _is_foreign(text):
                skipped.append(display_path(stored.source.relative_to(folder)))
            continue
        href = None
        if stored.page.is_file():
            # A browser takes what stands before a colon for a protocol.
            href = "./" + quote(stored.page.relative_to(folder).as_posix(), errors="surrogateescape")
        rows.append(_row(reading, href))
    file = folder / INDEX
    write_whole(file, _render(rows, skipped, folder))
    return file


def _render(rows: list[_Row], skipped: list[str], folder: Path) -> str:
    rows.sort(key=lambda row: (row.score is None, -(row.score or 0.0), row.order, row.name))
    counted = Counter(row.verdict for row in rows)
    names = ", ".join(printable(name) for name in skipped[:_NAMED_SKIPPED])
    by_band = {band: charts.histogram([r.score for r in rows if r.verdict == band], _BINS) for band in _BANDS}
    return (
        environment()
        .get_template("index.html")
        .render(
            folder=printable(display_path(folder.resolve().name)),
            rows=rows,
            tiles=[(band, counted[band]) for band in _BANDS],
            no_verdict=counted[""],
            failures=sum(row.status in FAILURES for row in rows),
            statuses=sorted({row.status for row in rows}),
            bars=_bars(by_band),
            histogram_label=_histogram_label(by_band),
            skipped=len(skipped),
            skipped_names=names + ("…" if len(skipped) > _NAMED_SKIPPED else ""),
        )
    )


def _row(reading: Reading, href: str | None) -> _Row:
    result = reading.result
    notes = [text for text in (result["message"], *result["warnings"]) if text]
    note = "; ".join(notes)
    duration_s = reading.duration_s
    place = PurePosixPath(str(result["input"]["path"])).parent
    return _Row(
        name=reading.file_name or say("unnamed"),
        place="" if place == PurePosixPath() else str(place),
        href=href,
        status=result["status"],
        verdict=result["verdict"] or "",
        score=result["score"],
        people=len(reading.judged),
        duration_s=duration_s,
        length=clock(duration_s) if duration_s else "",
        note=note if len(note) <= _NOTE_LENGTH else note[: _NOTE_LENGTH - 1] + "…",
    )


def _bars(by_band: dict[str, list[int]]) -> list[tuple[str, int, float, float]]:
    """Stack the bars: band, bin, top and height as shares of the highest stack."""
    highest = max(sum(counts) for counts in zip(*by_band.values(), strict=True)) or 1
    bars = []
    for place in range(_BINS):
        top = 1.0
        for band in reversed(_BANDS):
            height = by_band[band][place] / highest
            top -= height
            if height:
                bars.append((band, place, round(top, 4), round(height, 4)))
    return bars


def _histogram_label(by_band: dict[str, list[int]]) -> str:
    totals = [sum(counts) for counts in zip(*by_band.values(), strict=True)]
    if not any(totals):
        return say("histogram_none")
    bars = [
        say("histogram_bar", low=f"{place / _BINS:.2f}", high=f"{(place + 1) / _BINS:.2f}", n=n)
        for place, n in enumerate(totals)
        if n
    ]
    return say("histogram_label", bars=", ".join(bars))


def _free(folder: Path, text: bytes, taken: set[Path]) -> Path:
    """Name the page of a result that has no file of its own after its input."""
    try:
        name = str(json.loads(text)["input"]["path"])
    except (ValueError, KeyError, TypeError, RecursionError):
        name = ""
    plain = re.sub(r"[^\w. -]", "_", PurePosixPath(name).name)[-80:].strip(". ") or "result"
    number, page = 1, folder / f"{plain}.html"
    while page in taken or page.name.casefold() == INDEX:
        number += 1
        page = folder / f"{plain}-{number}.html"
    return page


def _is_foreign(text: bytes) -> bool:
    """Tell whether a file is whole JSON of something else, which nobody would take for a result."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return not (isinstance(document, dict) and str(document.get("schema", "")).startswith("facewitness/verdict/"))


def _float(text: str) -> float:
    """Refuse what is too large for a float, which JSON allows and Python reads as infinity."""
    return number if math.isfinite(number := float(text)) else _no_number(text)


def _int(text: str) -> int:
    """Refuse what no count or time is, and what a float cannot be made of."""
    return number if abs(number := int(text)) < 2**63 else _no_number(f"{text[:20]}…")


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")
