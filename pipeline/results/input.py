"""One file to scan, and where what is written about it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Input:
    """One file to look at.

    Attributes:
        path: where it is.
        relative: where what is written about it belongs, relative to the output folder: the path inside of the folder
            that was named, or the name of the file. Inputs of several folders may have the same; see
            `pipeline.results.naming`.
    """

    path: Path
    relative: Path
