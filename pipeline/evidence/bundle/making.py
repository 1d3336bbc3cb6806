"""Puts a bundle together."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from classifiers import atomic_file
from pipeline.evidence.bundle.container import Entry, entry_of, write_end, write_entry
from pipeline.evidence.bundle.contents import check_result
from pipeline.evidence.bundle.errors import BundleError
from pipeline.evidence.bundle.manifest import (
    MANIFEST,
    MOST_MEMBER_BYTES,
    PAGE,
    RESULT,
    SIGNATURE,
    VERSIONS,
    Manifest,
    Member,
)
from pipeline.evidence.bundle.signing import load_private_key
from pipeline.evidence.pictures import PicturesError, find_input, known_model
from pipeline.evidence.report.make_pages import pictures_of, stamp
from pipeline.evidence.report.page import render_report
from pipeline.evidence.report.record import versions
from pipeline.media.errors import quoted
from pipeline.media.source_file import SourceFile
from pipeline.results.verdict import Verdict
from pipeline.results.writers import WriteError

_CHUNK_BYTES = 1 << 20
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


class Made(NamedTuple):
    """What came of a bundle.

    Attributes:
        files: number of files that its manifest lists.
        remarks: one sentence for each thing that it could have held and does not.
    """

    files: int
    remarks: list[str]


def make_bundle(
    result: Path,
    bundle: Path,
    *,
    media: Path | None = None,
    model: str | None = None,
    with_original: bool = False,
    key: Path | None = None,
) -> Made:
    """Put a result, its page, the model card and the versions of what made them into one file.

    The same contents give the same bytes, whenever and wherever it is made.

    Args:
        result: a stored result.
        bundle: the file to make; what is there is replaced.
        media: where the user says that the scanned file is.
        model: the model that the user says it was scanned with.
        with_original: put the scanned file into it too.
        key: file of the private key that signs it.

    Raises:
        NotAResultError: it is no result.
        BundleError: the result is not whole, or is too large.
        PicturesError: the original is wanted, and is not there or another.
        MediaError: the original cannot be read.
        KeyFileError: the key cannot be used.
        WriteError: the bundle cannot be written.
        OSError: the result cannot be read.
    """
    private = load_private_key(key) if key else None
    text = result.read_bytes()
    verdict = check_result(text)
    pictures, why = pictures_of(verdict, result.parent, media, model)
    contents = {
        RESULT: text,
        PAGE: render_report(verdict, pictures, why, stamp(text)).encode(),
        VERSIONS: json.dumps(versions(), indent=1).encode() + b"\n",
    }
    cards, remarks = _cards(verdict, model)
    contents |= cards
    for name, content in contents.items():
        if len(content) > MOST_MEMBER_BYTES:
            raise BundleError(f"it would hold {name} of more than {MOST_MEMBER_BYTES >> 20} MB")
    if why:
        remarks.append(f"The page has no pictures: {why}")
    files: list[tuple[Member, Entry, Iterable[bytes]]] = [
        (Member(name, len(text), _sha256(text)), entry_of(name, text), [text]) for name, text in contents.items()
    ]
    with contextlib.ExitStack() as stack:
        if with_original:
            original = _Original(verdict, find_input(verdict, result.parent, media))
            stack.callback(original.close)
            files.append((original.member, original.entry, original.chunks()))
        files.sort(key=lambda file: file[0].name)
        signed_by = private.public_key().public_bytes_raw().hex() if private else None
        listed = tuple(member for member, _, _ in files)
        manifest = Manifest(listed, verdict.input.sha256, verdict.input.bytes, signed_by).to_bytes()
        first = {MANIFEST: manifest, **({SIGNATURE: private.sign(manifest)} if private else {})}
        parts: list[tuple[Entry, Iterable[bytes]]] = [(entry_of(name, text), [text]) for name, text in first.items()]
        _write(bundle, [*parts, *((entry, chunks) for _, entry, chunks in files)])
    return Made(len(files), remarks)


def _write(bundle: Path, parts: Sequence[tuple[Entry, Iterable[bytes]]]) -> None:
    try:
        bundle.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file.replacing(bundle) as part, part.open("wb") as file:
            for entry, chunks in parts:
                write_entry(file, entry, chunks)
            write_end(file, [entry for entry, _ in parts])
    except OSError as error:
        raise WriteError(f"cannot write {quoted(bundle)}: {error.strerror}") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _cards(verdict: Verdict, model: str | None) -> tuple[dict[str, bytes], list[str]]:
    """Find the card of each model that judged, and say of which there is none."""
    found, remarks = {}, []
    several = bool(verdict.opinions)
    judged = [opinion.model for opinion in verdict.opinions] or [identity for identity in (verdict.model,) if identity]
    for number, identity in enumerate(judged, start=1):
        spec = known_model(identity, None if several else model)
        card = spec.folder / spec.card if spec and spec.card else None
        if card and card.is_file():
            found[f"model-card-{number}.md" if several else "model-card.md"] = card.read_bytes()
        else:
            remarks.append(f"There is no card of model {identity.name!r} with these weights.")
    return found, remarks


class _Original:
    """The scanned file, which is read twice: what stands before it in a container names its hash."""

    def __init__(self, verdict: Verdict, path: Path) -> None:
        self._path = path
        source = SourceFile(path)
        self._file = os.fdopen(source.reopen(), "rb")
        suffix = path.suffix.lower()
        name = f"original{suffix if _SUFFIX.fullmatch(suffix) else ''}"
        size, crc, digest = 0, 0, hashlib.sha256()
        for chunk in self._read():
            size, crc = size + len(chunk), zlib.crc32(chunk, crc)
            digest.update(chunk)
        self.member = Member(name, size, digest.hexdigest())
        self.entry = Entry(name, size, crc)
        if self.member.sha256 != verdict.input.sha256:
            self.close()
            raise self._changed("is not the file that was scanned: its SHA-256 is another.")

    def chunks(self) -> Iterator[bytes]:
        """Give its content once more."""
        size, crc = 0, 0
        for chunk in self._read():
            size, crc = size + len(chunk), zlib.crc32(chunk, crc)
            yield chunk
        if (size, crc) != (self.entry.size, self.entry.crc):
            raise self._changed("was changed while it was read.")

    def close(self) -> None:
        self._file.close()

    def _read(self) -> Iterator[bytes]:
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK_BYTES):
            yield chunk

    def _changed(self, how: str) -> PicturesError:
        return PicturesError("changed", f"{quoted(self._path)} {how}")
