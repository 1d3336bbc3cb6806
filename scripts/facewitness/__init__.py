"""Starts the command, and keeps other people's modules of the same names out of its way.

Our packages have the plain names `pipeline`, `extractors` and `classifiers`. This one alone is installed under a name
that no one else takes (setup.cfg), so that a user's own `pipeline.py`, in the working folder or on PYTHONPATH, cannot
be taken for ours before a line of ours has run.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path

PACKAGES = ("pipeline", "extractors", "classifiers")


def prefer_own_packages() -> None:
    """Search folders that hold some of our names, but not all, only after the folder that holds our packages.

    Worker processes take over the order.
    """
    foreign = [entry for entry in sys.path if 0 < _names_in(entry) < len(PACKAGES)]
    if foreign:
        # Of an editable installation ours are not on the path but beside `scripts`.
        own = next(
            str(folder) for folder in Path(__file__).resolve().parents if _names_in(str(folder)) == len(PACKAGES)
        )
        others = [entry for entry in sys.path if entry not in foreign]
        sys.path[:] = [*others, own, *foreign]


def _names_in(entry: str) -> int:
    """Count our names among the modules of a folder."""
    found = (PathFinder.find_spec(name, [entry]) for name in PACKAGES)
    # What has no origin is a mere folder, which no module is hidden by.
    return sum(spec is not None and spec.origin is not None for spec in found)
