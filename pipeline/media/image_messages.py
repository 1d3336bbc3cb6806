"""Reads what the process that looks at an image says of it: an image that has taken it over may say anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.media.errors import printable

_MOST = 1 << 31
_LONGEST_S = 86400.0
_STATUSES = ("error", "undecodable", "unsupported", "timeout")


def read_message(line: bytes | bytearray, *kinds: Kind) -> dict[str, Any]:
    """Read one line: what was asked for, or "status" and "message" of a failure, or "bug" for one of ours.

    Texts are made printable.

    Args:
        line: JSON, see `pipeline.media.image_server.answer_requests`.
        kinds: what may come, of `FACTS`, `PICTURE`, `PIXELS` and `END`.

    Raises:
        ValueError: it is nothing of that.
    """
    try:
        said = json.loads(line)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    names = said.keys() if isinstance(said, dict) else None
    kind = next((each for each in (*kinds, _FAILURE, _BUG) if each.keys() == names), None)
    if kind is None:
        raise ValueError("it is no message that was asked for")
    return {name: read(said[name]) for name, read in kind.items()}


def _wanted(value: Any, is_right: bool) -> Any:
    if not is_right:
        raise ValueError(f"{str(value)[:80]!r} makes no sense")
    return value


def _count(value: Any) -> int:
    return _wanted(value, type(value) is int and 0 < value < _MOST)


def _index(value: Any) -> int:
    return _wanted(value, type(value) is int and value >= 0)


def _turn(value: Any) -> int:
    return _wanted(value, type(value) is int and value in (0, 90, 180, 270))


def _truth(value: Any) -> bool:
    return _wanted(value, type(value) is bool)


def _status(value: Any) -> str:
    return _wanted(value, value in _STATUSES)


def _text(value: Any) -> str:
    return printable(_wanted(value, isinstance(value, str)))


def _lines(value: Any) -> str:
    return "\n".join(map(printable, _wanted(value, isinstance(value, str)).splitlines()))


def _texts(value: Any) -> list[str]:
    return [_text(item) for item in _wanted(value, isinstance(value, list))]


def _times(value: Any) -> list[float]:
    """Read for how many seconds each picture is shown: a still for none, others for some time."""
    numbers = _wanted(value, isinstance(value, list) and all(type(item) in (int, float) for item in value))
    is_still = numbers == [0]
    return _wanted(numbers, is_still or (len(numbers) > 0 and all(0 < number <= _LONGEST_S for number in numbers)))


Kind = Mapping[str, Callable[[Any], Any]]
"""The fields of a message, each with what reads it."""

FACTS: Kind = {
    "width": _count,
    "height": _count,
    "mode": _text,
    "rotation_deg": _turn,
    "mirrored": _truth,
    "not_looked_at": _texts,
    "shown_s": _times,
}
"""What an image holds."""

PICTURE: Kind = {"index": _index, "width": _count, "height": _count}
"""The head of a picture, whose pixels follow."""

PIXELS: Kind = {"bytes": _count}
"""How many bytes of pixels follow."""

END: Kind = {"warnings": _texts}
"""What follows the last picture."""

_FAILURE: Kind = {"status": _status, "message": _text}
_BUG: Kind = {"bug": _lines}
