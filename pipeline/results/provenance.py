"""What a file says of its own origin, as a result records it: beside the verdict, and never a part of its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.media.provenance.declarations import Credentials, Declared, Note, declared_by

_LISTS = ("actions", "source_types", "part_source_types", "problems")


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a file says of its own origin.

    Attributes:
        declares: whether it says that it was generated, or partly; None if it says nothing of that.
        credentials: its Content Credentials, also where there are none.
        notes: plain notes of cameras and generators.
        trust_list: SHA-256 of the list of authorities that the signer was looked for on; None without one.
    """

    declares: Declared | None
    credentials: Credentials
    notes: tuple[Note, ...]
    trust_list: str | None = None

    @classmethod
    def of(cls, credentials: Credentials, notes: Sequence[Note], trust_list: str | None) -> Provenance:
        """Sum up what was read."""
        return cls(declared_by(credentials, notes), credentials, tuple(notes), trust_list)

    def to_json(self) -> dict[str, Any]:
        """Give it as `provenance` of a result."""
        facts = asdict(self.credentials)
        return {
            "declares": self.declares,
            "credentials": {**facts, **{name: list(facts[name]) for name in _LISTS}},
            "notes": [asdict(note) for note in self.notes],
            "trust_list": self.trust_list,
        }

    @classmethod
    def from_json(cls, part: Mapping[str, Any]) -> Provenance:
        """Read what is valid against the schema."""
        facts = part["credentials"]
        credentials = Credentials(**{**facts, **{name: tuple(facts[name]) for name in _LISTS}})
        notes = tuple(Note(**note) for note in part["notes"])
        return cls(part["declares"], credentials, notes, part["trust_list"])

    @property
    def remark(self) -> str | None:
        """What a line about the file must not leave out: that it says it was generated, or that its signature broke."""
        told = []
        if self.declares:
            told.append("declares AI generation" if self.declares == "generated" else "declares AI-generated parts")
        if self.credentials.state == "invalid":
            told.append("its Content Credentials do not hold")
        return ", ".join(told) or None
