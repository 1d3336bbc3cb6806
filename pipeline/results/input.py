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
        kept_at: where its bytes lie if it is kept under another name than `path`, which no result may tell; None for a
            file that lies at `path`.
    """

    path: Path
    relative: Path
    address: str | None = field(default=None, repr=False, compare=False)
    kept_at: Path | None = field(default=None, repr=False, compare=False)
