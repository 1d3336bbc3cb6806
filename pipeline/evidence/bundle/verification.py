"""Checks bundles. Nothing is unpacked to disk, and no more is held in memory than one file that is not the original."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.evidence.bundle.container import Entry, at_entry, check_end, read_content, read_entry
from pipeline.evidence.bundle.contents import check_result
from pipeline.evidence.bundle.errors import BundleError
from pipeline.evidence.bundle.manifest import (
    MANIFEST,
    MOST_MANIFEST_BYTES,
    MOST_MEMBER_BYTES,
    PAGE,
    RESULT,
    SIGNATURE,
    Manifest,
    Member,
)
from pipeline.evidence.bundle.signing import SIGNATURE_BYTES, check_signature, load_public_key
from pipeline.evidence.report.make_pages import is_page_of
from pipeline.media.errors import quoted
from pipeline.media.probing import file_sha256
from pipeline.results.verdict import NotAResultError, Verdict


@dataclass(frozen=True, slots=True)
class Verified:
    """What a bundle that is in order holds.

    Attributes:
        manifest: the list of its files.
        verdict: its result.
    """

    manifest: Manifest
    verdict: Verdict


def verify_bundle(bundle: Path, original: Path | None = None, key: Path | None = None) -> Verified:
    """Check that a bundle holds what `make_bundle` put into it, to the byte.

    Whoever changes a bundle that is not signed can make another that is in order: then only a hash that came by
    another way tells.

    Args:
        bundle: the file.
        original: the file that it must be about.
        key: file of the public key that it must be signed with.

    Raises:
        BundleError: it is not in order, or about another file, or not signed with that key.
        KeyFileError: the key cannot be used, or the library that checks signatures is not installed.
        MediaError: the original cannot be read.
        OSError: the bundle cannot be read.
    """
    wanted_key = load_public_key(key) if key else None
    with bundle.open("rb") as file:
        found = _read(file)
    signed_by = found.manifest.public_key
    if wanted_key is not None and signed_by is None:
        raise BundleError("it is not signed")
    if wanted_key not in (None, signed_by):
        raise BundleError("it is signed with another key")
    if original is not None and found.manifest.original_sha256 is None:
        raise BundleError(
            f"it is about a file that could not be read: nobody can tell whether that is {quoted(original)}"
        )
    if original is not None and file_sha256(original) != found.manifest.original_sha256:
        raise BundleError(f"{quoted(original)} is not the file that it is about: its SHA-256 is another")
    return found


def _read(file: BinaryIO) -> Verified:
    start = file.read(2)
    if start != b"PK":
        raise BundleError("it is no ZIP file" if start else "it is empty")
    file.seek(0)
    if not at_entry(file):
        raise BundleError("it is a ZIP file without any file")
    entries = [read_entry(file)]
    if entries[0].name != MANIFEST:
        raise BundleError(f"it does not begin with {MANIFEST}, as bundles do")
    manifest_text = _bounded(file, entries[0], MOST_MANIFEST_BYTES)
    manifest = Manifest.from_bytes(manifest_text)
    if manifest.public_key is not None:
        entries.append(_next(file, SIGNATURE, manifest, entries))
        if entries[-1].size != SIGNATURE_BYTES:
            raise BundleError("its signature was changed")
        check_signature(_bounded(file, entries[-1], SIGNATURE_BYTES), manifest_text, manifest.public_key)
    contents: dict[str, bytes] = {}
    for member in manifest.members:
        entries.append(_next(file, member.name, manifest, entries))
        kept = _content(file, entries[-1], member)
        if member.name in (RESULT, PAGE):
            contents[member.name] = kept
    if at_entry(file):
        raise _unexpected(read_entry(file).name, manifest, entries)
    check_end(file, entries)
    return Verified(manifest, _verdict(contents, manifest))


def _next(file: BinaryIO, name: str, manifest: Manifest, before: Sequence[Entry]) -> Entry:
    """Read what stands before the file that must follow."""
    if not at_entry(file):
        raise BundleError(f"{name} is missing")
    entry = read_entry(file)
    if entry.name == name:
        return entry
    listed = {member.name for member in manifest.members} - {each.name for each in before}
    raise BundleError(f"{name} is missing") if entry.name in listed else _unexpected(entry.name, manifest, before)


def _unexpected(name: str, manifest: Manifest, before: Sequence[Entry]) -> BundleError:
    if name in {entry.name for entry in before}:
        return BundleError(f"it holds {quoted(name)} twice")
    return BundleError(f"it holds {quoted(name)}, which its manifest does not list")


def _content(file: BinaryIO, entry: Entry, member: Member) -> bytes:
    """Check a file by its size and hash, and give what it holds; of the original, which may be large, nothing."""
    if entry.size != member.bytes:
        raise BundleError(f"{member.name} has another size than its manifest says")
    is_original = member.is_original
    if not is_original and entry.size > MOST_MEMBER_BYTES:
        raise BundleError(f"{member.name} has more than {MOST_MEMBER_BYTES >> 20} MB")
    digest, kept = hashlib.sha256(), []
    for chunk in read_content(file, entry):
        digest.update(chunk)
        if not is_original:
            kept.append(chunk)
    if digest.hexdigest() != member.sha256:
        raise BundleError(f"{member.name} was changed: its SHA-256 is another than its manifest says")
    return b"".join(kept)


def _bounded(file: BinaryIO, entry: Entry, most: int) -> bytes:
    if entry.size > most:
        raise BundleError(f"{entry.name} is too large")
    return b"".join(read_content(file, entry))


def _verdict(contents: dict[str, bytes], manifest: Manifest) -> Verdict:
    try:
        verdict = check_result(contents[RESULT])
    except NotAResultError as error:
        raise BundleError(f"{RESULT} {error}") from error
    if not is_page_of(contents[PAGE], contents[RESULT]):
        raise BundleError(f"{PAGE} was not made of {RESULT}")
    told = (manifest.original_sha256, manifest.original_bytes)
    if told != (verdict.input.sha256, verdict.input.bytes):
        raise BundleError(f"its manifest and {RESULT} are about different files")
    if manifest.original and manifest.original.sha256 != verdict.input.sha256:
        raise BundleError(f"{manifest.original.name} is not the file that {RESULT} is about")
    return verdict
