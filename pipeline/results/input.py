"""One file to scan, and where what is written about it belongs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Input:
    """One file to look at.

    Attributes:
        path: where it is; of a file that is fetched, its address without what must not be written down.
        relative: where what is written about it belongs, relative to the output folder: the path inside of the folder
            that was named, or the name of the file. Inputs of several folders may have the same; see
            `pipeline.results.naming`.
        address: where it is fetched from, as it was given, perhaps with a password or a signature, so that it is kept
            in memory only; None for a file here.
    """

    path: Path
    relative: Path
    address: str | None = field(default=None, repr=False, compare=False)
