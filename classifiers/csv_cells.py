"""Texts of others in tables that are opened in spreadsheets.

A cell that begins as a formula is run as one, and may fetch an address or start a program (OWASP: CSV injection). Names
of files, sources and persons come from whoever made the data.
"""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula; some take the wide characters too."""


def guarded(text: str) -> str:
    """Put an apostrophe before what would be a formula, which spreadsheets do not show."""
    return f"'{text}" if text.lstrip("'").startswith(FORMULA_STARTS) else text


def unguarded(text: str) -> str:
    """Give the text that `guarded` was given."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA_STARTS) else text
