"""Reads what the confined process says of a file's origin: a file that has taken it over may say anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from pipeline.media.errors import printable
from pipeline.media.image_messages import Kind
from pipeline.media.provenance.declarations import Credentials, Note, State, declared_by_note

MOST_TEXT = 300
_MOST_ITEMS = 200

_TEXTS = ("message", "signer", "issuer", "signed_at", "generator")
_LISTS = ("actions", "source_types", "part_source_types", "problems")


def _credentials(value: Any) -> Credentials | None:
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("state") not in get_args(State):
        raise ValueError("these are no credentials")
    trusted = value.get("trusted")
    if trusted is not None and not isinstance(trusted, bool):
        raise ValueError("a signer is trusted or not")
    facts: dict[str, Any] = {name: _text(value.get(name)) for name in _TEXTS}
    facts |= {name: tuple(filter(None, map(_text, _rows(value.get(name, []))))) for name in _LISTS}
    return Credentials(value["state"], trusted=trusted, **facts)


def _notes(value: Any) -> list[Note]:
    rows = [_rows(row) for row in _rows(value)]
    if not all(len(row) == 3 and all(isinstance(part, str) for part in row) for row in rows):
        raise ValueError("these are no notes")
    return [note for row in rows if (note := note_of(*row))]


def note_of(place: Any, name: str, value: str) -> Note | None:
    """Make a note of a field, None where it says nothing that matters here.

    Raises:
        ValueError: there is no such place.
    """
    if place not in ("xmp", "exif", "iptc", "png", "container"):
        raise ValueError(f"{place!r} is no place of notes")
    declares = declared_by_note(name, value)
    tells = declares or name.rpartition(".")[2].casefold() in _KEPT
    return Note(place, _text(name) or "", _text(value) or "", declares) if tells else None


_KEPT = frozenset({"make", "model", "software", "creatortool", "digitalsourcetype", "program", "aisystemused"})
"""Fields that are told in any case; of the others only what names a generator."""


def _text(value: Any) -> str | None:
    """Take a text, cut to a length that any of them has."""
    return printable(value[:MOST_TEXT]) if isinstance(value, str) else None


def _rows(value: Any) -> Sequence[Any]:
    if not isinstance(value, list) or len(value) > _MOST_ITEMS:
        raise ValueError("this is no list, or a long one")
    return value


PROVENANCE: Kind = {"credentials": _credentials, "notes": _notes}
"""What a file says of its origin."""
