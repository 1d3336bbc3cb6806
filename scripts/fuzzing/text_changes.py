"""Changes text that a program reads, line by line and value by value, so that most of it still makes sense to a parser.

Bytes that are changed at random rarely get behind the first check; these get far.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_WORD = re.compile(rb"[^\s,:/()\[\]\"=]+")
_NUMBERS = (
    *(b"0", b"-1", b"1", b"2", b"255", b"2147483648", b"-2147483649", b"9223372036854775807", b"-9223372036854775808"),
    *(b"9223372036854775808", b"18446744073709551616", b"1e999", b"nan", b"-inf", b"1.2.3", b"0.000001", b""),
    *(b"9" * 400, b"7" * 5000),
)
_WORDS = (b"", b" ", b"\0", b"\xff", b"NOPTS", b"none", b"unknown", b"N/A", b"..", b"/", b"\xd9\xa3", b"x" * 300, b'"')
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, 1e308, 1 << 63, 10**400, float("nan"), float("inf"), float("-inf")),
    *("", "x", "..", "a/b", "\0", "\ud800", "0" * 64, "ok", "x" * 5000, [], {}, [[]], [{}], {"": None}, [0, 0]),
)
_DEEP = b"[" * 20_000


def changed_text(data: bytes, random: Random) -> bytes:
    """Change a log or a table in one place."""
    return random.choice(_TEXT_CHANGES)(data, random)


def changed_json(data: bytes, random: Random) -> bytes:
    """Change a JSON text in one place; as other text if it is no JSON."""
    if random.random() < 0.01:
        return _DEEP
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return changed_text(data, random)
    places = list(_places(document))
    if not places:
        return json.dumps(random.choice(_VALUES)).encode()
    holder, key = random.choice(places)
    if random.random() < 0.2:
        del holder[key]
    elif random.random() < 0.1 and isinstance(holder[key], list) and holder[key]:
        holder[key] = holder[key][0]
    elif random.random() < 0.2:
        other, other_key = random.choice(places)
        # As text, or a value could come to hold itself.
        holder[key] = json.loads(json.dumps(other[other_key]))
    else:
        holder[key] = random.choice(_VALUES)
    return json.dumps(document).encode()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """List every place in a document: what holds it, and its key or position there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, inside in items:
        found += [(value, key), *_places(inside)]
    return found


def _other_number(data: bytes, random: Random) -> bytes:
    return _replaced(_NUMBER, _NUMBERS, data, random)


def _other_word(data: bytes, random: Random) -> bytes:
    return _replaced(_WORD, (*_WORDS, *_WORD.findall(data)[:200]), data, random)


def _replaced(pattern: re.Pattern[bytes], others: tuple[bytes, ...], data: bytes, random: Random) -> bytes:
    found = list(pattern.finditer(data))
    if not found:
        return data + random.choice(others)
    match = random.choice(found)
    return data[: match.start()] + random.choice(others) + data[match.end() :]


def _other_lines(data: bytes, random: Random) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    place = random.randrange(len(lines))
    line = random.choice(lines)
    lines[place : place + random.randrange(2)] = random.choice(([], [line], [line[: random.randint(0, len(line))]]))
    return b"".join(lines)


_TEXT_CHANGES: tuple[Callable[[bytes, Random], bytes], ...] = (_other_number, _other_number, _other_word, _other_lines)
