"""One file to scan, and the name under which what is written about it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Input:
    """One file to look at.

    Attributes:
        path: where it is.
        relative: where what is written about it belongs, relative to the output folder: the path inside of the folder
            that was named, or the name of the file. No two inputs have the same.
    """

    path: Path
    relative: Path
