"""How a number of things is written in a sentence."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Write a number with its noun, of which the singular is given: "1 frame", "1,200 frames"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
