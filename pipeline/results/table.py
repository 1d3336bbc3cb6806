"""The table that a terminal shows: one line for each file."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.media.types import printable
from pipeline.results.coverage import percent
from pipeline.results.summary import Summary

_HEADER = ("file", "verdict", "score", "faces", "seen", "seconds", "")


def table(summaries: Iterable[Summary], width: int = 100) -> str:
    """Lay results out for a terminal."""
    rows = [_HEADER, *map(_row, summaries)]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = []
    for row in rows:
        left = f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}"
        right = "  ".join(f"{cell:>{size}}" for cell, size in zip(row[2:6], widths[2:], strict=True))
        lines.append(f"{left}  {right}  {row[6]}".rstrip())
    lines.insert(1, "-" * min(width, max(len(line) for line in lines)))
    return "\n".join(lines)


def _row(summary: Summary) -> tuple[str, ...]:
    return (
        _shortened(summary.path, 36),
        summary.label or summary.status,
        "" if summary.score is None else f"{summary.score:.2f}",
        str(summary.faces),
        "" if summary.seen is None else percent(summary.seen),
        f"{summary.seconds:.1f}",
        printable(summary.note),
    )


def _shortened(text: str, width: int) -> str:
    text = printable(text)
    return text if len(text) <= width else "…" + text[-(width - 1) :]
