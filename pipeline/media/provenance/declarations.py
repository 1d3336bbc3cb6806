"""What files declare of their origin, and which of it means that a computer drew them.

Digital source types are those of the IPTC (NewsCodes, http://cv.iptc.org/newscodes/digitalsourcetype), which C2PA uses
too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Declared = Literal["generated", "partly_generated"]
"""Drawn by a computer that was trained for it, or edited or put together with such parts."""

State = Literal["none", "valid", "invalid", "unreadable", "remote", "not_checked"]

_SOURCE_TYPES: dict[str, Declared] = {
    "trainedAlgorithmicMedia": "generated",
    "compositeWithTrainedAlgorithmicMedia": "partly_generated",
    "compositeSynthetic": "partly_generated",
}

_GENERATORS = (
    r"(?:automatic1111|bing image creator|black forest labs|chatgpt|comfyui|dall[·. -]?e|d-id|dreamstudio|firefly"
    r"|flux\.1|fooocus|gemini|google ai|gpt-4o|grok|heygen|hailuo|ideogram|imagen|invokeai|kling|leonardo\.?ai|luma"
    r"|meta ai|midjourney|novelai|openai|pika|runway(?:ml)?|seedance|sora|stability ?ai|stable[ -]diffusion|synthesia"
    r"|veo)(?!\w)"
)

_NAMES_GENERATOR = re.compile(rf"\b{_GENERATORS}", re.IGNORECASE)
"""Only for fields that name a tool: a description may speak of a generator for other reasons."""

_SAYS_SO = re.compile(
    rf"\b(?:created|generated|imagined|made) (?:by|in|using|with) (?:ai(?!\w)|(?:\w+ )?{_GENERATORS})"
    r"|^ai[ -]generated (?:image|picture|video)$"
    # What web UIs of Stable Diffusion, ComfyUI, InvokeAI and Midjourney write.
    r'|\bSteps: \d+, Sampler: |"class_type"|"invokeai_|\bJob ID: [0-9a-f]{8}-[0-9a-f]{4}-',
    re.IGNORECASE,
)
"""Sentences that say that a generator was used, and settings of some in their own form."""

_TOOL_FIELDS = frozenset(
    ("aisystemused", "credit", "creatortool", "encoder", "make", "model", "program", "software", "source", "tool")
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Content Credentials (C2PA) of a file: signed statements about where it came from and what was done to it.

    Attributes:
        state: "none" where there are none; "valid" if the signature holds and nothing that it covers was changed;
            "invalid" if not; "unreadable" if they are damaged; "remote" if they lie at an address, from which
            nothing is fetched; "not_checked" if nothing here reads them.
        message: why, where they are unreadable, remote or not checked.
        signer: common name in the certificate.
        issuer: organisation in the certificate.
        trusted: whether the signer is on the trust list of the user; None without a list or a signature that holds.
        signed_at: time of a time stamp, as the file has it.
        generator: the program that made the credentials.
        actions: what they say was done, such as "c2pa.created", in order.
        source_types: digital source types of the file and of what it was edited from.
        part_source_types: those of other media that were put into it.
        problems: codes of C2PA for what does not hold.
    """

    state: State
    message: str | None = None
    signer: str | None = None
    issuer: str | None = None
    trusted: bool | None = None
    signed_at: str | None = None
    generator: str | None = None
    actions: tuple[str, ...] = ()
    source_types: tuple[str, ...] = ()
    part_source_types: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def declares(self) -> Declared | None:
        """What they say of the use of generators."""
        found = _strongest(map(declared_by_type, self.source_types))
        parts = any(map(declared_by_type, self.part_source_types))
        return found or ("partly_generated" if parts else None)


@dataclass(frozen=True, slots=True)
class Note:
    """A plain note in the metadata of a file, which anybody can write or remove.

    Attributes:
        place: where it stands.
        name: of the field.
        value: its text, cut off if it is long.
        declares: what it says of the use of generators; None if nothing.
    """

    place: Literal["xmp", "exif", "iptc", "png", "container"]
    name: str
    value: str
    declares: Declared | None


def declared_by_type(source_type: str) -> Declared | None:
    """Tell what a digital source type, as an address or its last part, says of the use of generators."""
    return _SOURCE_TYPES.get(source_type.rstrip("/").rpartition("/")[2])


def declared_by_note(name: str, value: str) -> Declared | None:
    """Tell what a field of the metadata says of the use of generators."""
    field = re.sub(r"[^a-z]", "", name.rpartition(".")[2].lower())
    if field == "digitalsourcetype":
        return declared_by_type(value)
    names_tool = field in _TOOL_FIELDS and _NAMES_GENERATOR.search(value)
    return "generated" if names_tool or _SAYS_SO.search(value) else None


def telling_part(value: str, most: int) -> str:
    """Cut a note to so many characters, which hold what names a generator: prompts stand before their settings."""
    found = _SAYS_SO.search(value)
    return f"…{value[found.start() :]}"[:most] if found and found.end() > most else value[:most]


def declared_by(credentials: Credentials | None, notes: Iterable[Note]) -> Declared | None:
    """Sum up what a file says of the use of generators."""
    return _strongest([credentials.declares if credentials else None, *(note.declares for note in notes)])


def _strongest(found: Iterable[Declared | None]) -> Declared | None:
    kinds = set(found)
    return "generated" if "generated" in kinds else "partly_generated" if "partly_generated" in kinds else None
