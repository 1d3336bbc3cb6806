"""What `facewitness` and `python -m facewitness` run."""

from __future__ import annotations

import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Until a command runs there is nothing to save: on Ctrl-C the system ends the program, without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from facewitness import prefer_own_packages

prefer_own_packages()

from pipeline.cli import main  # noqa: E402 - after the path is in order

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
