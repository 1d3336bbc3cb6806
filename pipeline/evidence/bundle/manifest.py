"""The list of what a bundle holds. It has one spelling: whoever reads it writes it again, and compares."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.evidence.bundle.errors import BundleError

FORMAT = "facewitness/bundle/1"

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
RESULT, PAGE, VERSIONS = "result.json", "report.html", "versions.json"
_ORIGINAL = re.compile(r"original(?:\.[a-z0-9]{1,8})?")

_NAMES = re.compile(rf"result\.json|report\.html|versions\.json|model-card(?:-[1-9]\d?)?\.md|{_ORIGINAL.pattern}")
_HASH = re.compile(r"[0-9a-f]{64}")

MOST_MANIFEST_BYTES = 1 << 20
MOST_MEMBER_BYTES = 256 << 20
"""Of each file but the original, which alone is not held in memory."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file: its name, its size and its SHA-256 in hexadecimal."""

    name: str
    bytes: int
    sha256: str

    @property
    def is_original(self) -> bool:
        """Whether it is the file that was scanned."""
        return _ORIGINAL.fullmatch(self.name) is not None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle holds.

    Attributes:
        members: its files but for the manifest and its signature, in order of their names.
        original_sha256: hash of the file that was scanned, None where it could not be read.
        original_bytes: its size, None where it could not be read.
        signed_by: public key in hexadecimal with which the signature can be checked; None where there is none.
    """

    members: tuple[Member, ...]
    original_sha256: str | None
    original_bytes: int | None
    signed_by: str | None

    @property
    def public_key(self) -> bytes | None:
        """What the signature can be checked with, 32 bytes; None where there is none."""
        return bytes.fromhex(self.signed_by) if self.signed_by else None

    @property
    def original(self) -> Member | None:
        """The file that was scanned, None where it is left out."""
        return next((member for member in self.members if member.is_original), None)

    def to_bytes(self) -> bytes:
        """Spell it out as JSON."""
        document = {
            "format": FORMAT,
            "original": {"sha256": self.original_sha256, "bytes": self.original_bytes},
            "signed_by": self.signed_by,
            "files": [asdict(member) for member in self.members],
        }
        return json.dumps(document, indent=1).encode() + b"\n"

    @classmethod
    def from_bytes(cls, text: bytes) -> Manifest:
        """Read one.

        Raises:
            BundleError: it is of another version, or not as `to_bytes` writes it, or its names are not those that
                bundles have.
        """
        try:
            document = json.loads(text)
            if str(document["format"]).startswith("facewitness/bundle/") and document["format"] != FORMAT:
                raise BundleError(f"it has the format {str(document['format'])[:40]!r}, and only {FORMAT!r} is known")
            members = tuple(Member(**item) for item in document["files"])
            original = document["original"]
            found = cls(members, original["sha256"], original["bytes"], document["signed_by"])
            canonical = found.to_bytes()
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise BundleError("its manifest is not readable") from error
        _check_names([member.name for member in members])
        if canonical != text or not _is_right(found):
            raise BundleError("its manifest was changed")
        return found


def _check_names(names: Sequence[Any]) -> None:
    for name in names:
        if not (isinstance(name, str) and _NAMES.fullmatch(name)):
            raise BundleError(f"its manifest lists {str(name)[:80]!r}, a name that no bundle has")
    if len(set(names)) < len(names):
        raise BundleError("its manifest lists a file twice")
    if list(names) != sorted(names):
        raise BundleError("its manifest is not in order")
    missing = [name for name in (PAGE, RESULT, VERSIONS) if name not in names]
    if missing:
        raise BundleError(f"its manifest does not list {missing[0]}")
    if sum(_ORIGINAL.fullmatch(name) is not None for name in names) > 1:
        raise BundleError("its manifest lists two originals")


def _is_right(manifest: Manifest) -> bool:
    hashes = [*(member.sha256 for member in manifest.members), manifest.original_sha256, manifest.signed_by]
    sizes = [*(member.bytes for member in manifest.members), manifest.original_bytes]
    return all(value is None or (isinstance(value, str) and _HASH.fullmatch(value)) for value in hashes) and all(
        value is None or (type(value) is int and value >= 0) for value in sizes
    )
