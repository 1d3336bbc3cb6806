"""Writes the index of the pages of a folder."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from pipeline.evidence import charts
from pipeline.evidence.report.rendering import environment
from pipeline.evidence.report.stored import INDEX, stored_results
from pipeline.evidence.spelling import clock, printable
from pipeline.evidence.texts import say
from pipeline.results.parts import FAILURES, display_path
from pipeline.results.verdict import NotAResultError, NotJsonError, Verdict, parse_verdict
from pipeline.results.writers import write_whole

_BANDS = ("likely_fake", "inconclusive", "likely_real")
_BINS = 20
_NOTE_LENGTH = 200
_NAMED_SKIPPED = 5


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
    seen: float | None
    note: str

    @property
    def order(self) -> int:
        """Of its verdict: likely fake first, no verdict last."""
        return _BANDS.index(self.verdict) if self.verdict in _BANDS else len(_BANDS)


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
        try:
            verdict = parse_verdict(stored.text())
        except (NotJsonError, OSError):
            skipped.append(display_path(stored.source.relative_to(folder)))
            continue
        except NotAResultError:
            continue  # JSON of something else, which nobody would take for a result
        href = None
        if stored.page.is_file():
            # A browser takes what stands before a colon for a protocol.
            href = "./" + quote(stored.page.relative_to(folder).as_posix(), errors="surrogateescape")
        rows.append(_row(verdict, href))
    file = folder / INDEX
    write_whole(file, _render(rows, skipped, folder))
    return file


def _render(rows: list[_Row], skipped: list[str], folder: Path) -> str:
    rows.sort(key=lambda row: (row.score is None, -(row.score or 0.0), row.order, row.name))
    counted = Counter(row.verdict for row in rows)
    names = ", ".join(skipped[:_NAMED_SKIPPED])
    scores = {band: [row.score or 0.0 for row in rows if row.verdict == band] for band in _BANDS}
    by_band = {band: charts.histogram(scores[band], _BINS) for band in _BANDS}
    return (
        environment()
        .get_template("index.html")
        .render(
            folder=display_path(folder.resolve().name),
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


def _row(verdict: Verdict, href: str | None) -> _Row:
    note = printable("; ".join(text.rstrip(".") for text in (verdict.message, *verdict.warnings) if text))
    duration_s = verdict.duration_s
    place = PurePosixPath(verdict.input.path).parent
    return _Row(
        name=verdict.input.name or say("unnamed"),
        place="" if place == PurePosixPath() else str(place),
        href=href,
        status=verdict.status,
        verdict=verdict.label or "",
        score=verdict.score,
        people=len(verdict.judged),
        duration_s=duration_s,
        length=clock(duration_s) if duration_s else "",
        seen=verdict.coverage.seen if verdict.coverage else None,
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
