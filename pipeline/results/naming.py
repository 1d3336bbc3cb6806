"""What results are called. A name follows from the input alone, never from its place among others.

    clip.mp4                a.mp4, or the path of a.mp4 inside of the folder that was named
    clip-1f0c9a52d7e4.mp4   the same with a hash of the path as it was given

The first is taken unless it belongs to another input, in this run or by a result that is on disk. So whoever comes
again, in another order, alone or with others, finds its own result under one of two names.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from pipeline.results.input import Input

LONGEST_BYTES = 230
"""Of a name. File systems take 255; what is written beside a result has more at its end, such as `.annotated.mp4`."""

_LONGEST_SUFFIX_BYTES = 16
_HASH_DIGITS = 12


def plain_name(relative: Path) -> Path:
    """Name the results of an input after its place; a name that is too long is cut, and a hash of it added.

    Args:
        relative: see `pipeline.results.input.Input`.
    """
    if len(os.fsencode(relative.name)) <= LONGEST_BYTES:
        return relative
    return _tagged(relative, relative.name)


def own_name(relative: Path, path: Path) -> Path:
    """Name them as no other input is named: with a hash of the path as it was given."""
    return _tagged(relative, path)


def names(source: Input) -> Iterator[Path]:
    """List all names that earlier runs may have given the results of an input, the likeliest first.

    A file may have been named by itself, or any folder above it.
    """
    parts = source.path.parts[bool(source.path.anchor) :]
    begin = max((place + 1 for place, part in enumerate(parts) if part == ".."), default=0)
    ends = [Path(*parts[start:]) for start in range(begin, len(parts))]
    for relative in dict.fromkeys([source.relative, *reversed(ends)]):
        yield plain_name(relative)
        yield own_name(relative, source.path)


def folded(name: Path) -> str:
    """Spell a name as file systems compare it that do not tell upper from lower case."""
    return unicodedata.normalize("NFC", os.fspath(name)).casefold()


def _tagged(relative: Path, hashed: Path | str) -> Path:
    tag = f"-{hashlib.sha256(os.fsencode(hashed)).hexdigest()[:_HASH_DIGITS]}"
    suffix = relative.suffix if len(os.fsencode(relative.suffix)) <= _LONGEST_SUFFIX_BYTES else ""
    stem = os.fsencode(relative.name.removesuffix(suffix))
    room = LONGEST_BYTES - len(tag) - len(os.fsencode(suffix))
    # Where a character is cut in two, its first half goes too.
    start = os.fsdecode(stem) if len(stem) <= room else stem[:room].decode("utf-8", "ignore")
    return relative.with_name(f"{start}{tag}{suffix}")
