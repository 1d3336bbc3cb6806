"""Files of published networks from the addresses that recipes name; nothing else here uses a network."""

from __future__ import annotations

import hashlib
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path, PurePosixPath

from classifiers.model_spec import ModelError
from classifiers.published.recipe import WeightsFile

LARGEST_BYTES = 4 << 30
"""A larger file is not fetched."""

_TIMEOUT_S = 30
_CHUNK = 1 << 20


def fetch_weights(weights: WeightsFile, folder: Path) -> Path:
    """Fetch a file of weights.

    Args:
        weights: says where it is, and the hash that it must have if that is known.
        folder: gets the file, named as the address ends.

    Raises:
        ModelError: it cannot be fetched, is larger than `LARGEST_BYTES`, or is not the file that the recipe means.
    """
    path = folder / (PurePosixPath(urllib.parse.unquote(urllib.parse.urlsplit(weights.url).path)).name or weights.name)
    digest, size = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(weights.url, timeout=_TIMEOUT_S) as answer, path.open("wb") as file:
            while chunk := answer.read(_CHUNK):
                size += len(chunk)
                if size > LARGEST_BYTES:
                    raise ModelError(f"{weights.url} has more than {LARGEST_BYTES >> 20} MB, more than is fetched")
                digest.update(chunk)
                file.write(chunk)
    except (OSError, HTTPException, ValueError) as error:
        raise ModelError(f"{weights.url} cannot be fetched: {error}") from error
    if weights.sha256 not in (None, digest.hexdigest()):
        raise ModelError(f"{weights.url} is not the file that the recipe means: its SHA-256 is {digest.hexdigest()}")
    return path
