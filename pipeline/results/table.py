"""The table that a terminal shows: one line for each file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.media.types import printable
from pipeline.results.coverage import percent
from pipeline.results.verdict import Verdict


class TableRow(NamedTuple):
    """One line of the table for people."""

    file: str
    verdict: str
    score: str
    faces: str
    seen: str
    seconds: str
    note: str


def table_row(verdict: Verdict) -> TableRow:
    """Say in one line what a verdict says."""
    return TableRow(
        _shortened(verdict.input.path, 36),
        verdict.label or verdict.status,
        "" if verdict.score is None else f"{verdict.score:.2f}",
        str(sum(item.supported for item in verdict.tracks)),
        percent(verdict.coverage.seen) if verdict.coverage else "",
        f"{verdict.timing_s['total']:.1f}",
        printable(_note(verdict)),
    )


def table(rows: Sequence[TableRow], width: int = 100) -> str:
    """Lay rows out for a terminal."""
    rows = [TableRow("file", "verdict", "score", "faces", "seen", "seconds", ""), *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = []
    for row in rows:
        left = f"{row.file:<{widths[0]}}  {row.verdict:<{widths[1]}}"
        right = "  ".join(f"{cell:>{size}}" for cell, size in zip(row[2:6], widths[2:], strict=True))
        lines.append(f"{left}  {right}  {row.note}".rstrip())
    lines.insert(1, "-" * min(width, max(len(line) for line in lines)))
    return "\n".join(lines)


def _note(verdict: Verdict) -> str:
    """Say in a few words what a reader of the table must know."""
    if verdict.message:
        return verdict.message
    notes = []
    supported = [item for item in verdict.tracks if item.supported]
    if verdict.label == "likely_fake" and len(supported) > 1:
        worst = max(supported, key=lambda item: item.scores.fake).track
        notes.append(f"track {worst.id}, {worst.start_s:.1f} to {worst.end_s:.1f} s")
    if verdict.warnings:
        notes += [warning.rstrip(".") for warning in verdict.warnings]
    return "; ".join(notes)


def _shortened(text: str, width: int) -> str:
    text = printable(text)
    return text if len(text) <= width else "…" + text[-(width - 1) :]
