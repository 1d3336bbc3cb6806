"""How times, scores and the texts of others are written for people."""

from __future__ import annotations

import unicodedata

_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clock(time_s: float) -> str:
    """Write a time as a player does: 0:04.9, 12:03.5 or 1:02:03."""
    tenths = round(time_s * 10)
    minutes, rest = divmod(tenths, 600)
    if minutes >= 60:
        return f"{minutes // 60}:{minutes % 60:02d}:{rest // 10:02d}"
    return f"{minutes}:{rest // 10:02d}.{rest % 10}"


def number(value: float | None) -> str:
    """Write a score."""
    return "-" if value is None else f"{value:.2f}"


def shortened(text: str, length: int = 120) -> str:
    """Leave out the middle of a long text, once it is printable."""
    text = printable(text)
    return text if len(text) <= length else f"{text[: length // 2]}…{text[-(length // 2 - 1) :]}"


def printable(text: str) -> str:
    """Make control characters and those that turn the reading direction visible; letters of every script stay."""
    if text.isprintable():
        return text
    return "".join(c if _is_harmless(c) else c.encode("unicode_escape").decode() for c in text)


def _is_harmless(character: str) -> bool:
    return character not in _BIDI_CONTROLS and unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
