"""Addresses that files are fetched from, and what of them may be written down."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

from pipeline.results.input import Input

_FETCHED = re.compile(
    r"(?P<scheme>https?|s3|gs)://(?P<host>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?", re.S
)
_STORES = ("s3", "gs")

# What Amazon, Google and Azure sign with, and whatever sounds like it.
_SECRET = re.compile(
    r"x-amz-|x-goog-|policy$|expires?$|s[eprtv]$|ss$|sip$|spr$|sk[a-z]{1,3}$|.*(sig|key|token|pass|pwd|secret|auth|cred|session|accessid)",
    re.I,
)
_QUERY_DIGITS = 12
_NAMELESS = "input"


def is_fetched(name: str) -> bool:
    """Tell whether a name is an address of a kind that is fetched: https, http, s3 or gs, with two slashes."""
    return _FETCHED.match(name) is not None


def is_in_store(address: str) -> bool:
    """Tell whether an address leads to a store of objects, which can list what it has."""
    return address.startswith(tuple(f"{scheme}://" for scheme in _STORES))


def without_secrets(address: str) -> str:
    """Give an address as it may be written down: without user and password, and without its query.

    Nobody can tell a signature from other parts of a query. A short hash stands for what is left of it without all
    that sounds like a signature, so that a file that was signed anew is still the same file.
    """
    parts = _FETCHED.fullmatch(address)
    if parts is None:
        return address
    scheme, host, path, query = parts.group("scheme", "host", "path", "query")
    host = host.rpartition("@")[2]
    if scheme in _STORES:
        # Names of objects may have question marks and number signs.
        named = address[parts.start("path") :]
        return f"{scheme}://{host}{named.partition('?')[0] if _is_signed(query) else named}"
    kept = [part for part in (query or "").split("&") if part and not _SECRET.match(part.partition("=")[0])]
    tag = hashlib.sha256("&".join(kept).encode("utf-8", "surrogateescape")).hexdigest()[:_QUERY_DIGITS]
    return f"{scheme}://{host}{path}" + (f"#query-{tag}" if kept else "")


def input_at(address: str, relative: Path | None = None) -> Input:
    """Give the input that an address stands for.

    Args:
        address: as it was given.
        relative: where what is written about it belongs; None for the last part of its path.
    """
    written = without_secrets(address)
    if relative is None or ".." in relative.parts or relative.is_absolute():
        path = written.partition("://")[2].partition("/")[2]
        if not is_in_store(address):
            path = path.partition("#")[0]
        name = PurePosixPath(path).name
        # Where a backslash or a colon parts names, it would lead elsewhere.
        relative = Path(name if name != ".." and len(Path(name).parts) == 1 else _NAMELESS)
    return Input(Path(written), relative, address)


def stored_input(path: str) -> Input:
    """Give the input of a path or address that was written down."""
    return input_at(path) if is_fetched(path) else Input(Path(path), Path(Path(path).name))


def _is_signed(query: str | None) -> bool:
    return any(_SECRET.match(part.partition("=")[0]) for part in (query or "").split("&"))
