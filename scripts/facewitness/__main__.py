"""What `facewitness` and `python -m facewitness` run."""

from __future__ import annotations

import sys

from facewitness import prefer_own_packages

prefer_own_packages()

from pipeline.cli import main  # noqa: E402 - after the path is in order

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
