"""A program that ends what Ray has started on this machine once the process that asked for it is no more.

Of a process that is killed Ray leaves agents that wait a minute for the others, and the folder of its logs and sockets.
Whatever has a file of that folder open is ended, and the folder is removed.

    python ray_guard.py FOLDER

waits until its standard input is closed, as it is when the other process ends in whatever way. It is run as a file, by
itself: it needs nothing but Python.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_AT_MOST_S = 10.0


def main(folder: Path) -> None:
    """Wait, end the processes, remove the folder."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # which may be sent to all at once
    starter = os.getppid()
    sys.stdin.buffer.read()
    deadline = time.monotonic() + _AT_MOST_S
    while (left := list(_at_work_in(folder, starter))) and time.monotonic() < deadline:
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


def _at_work_in(folder: Path, starter: int) -> Iterator[int]:
    """Find the processes that have a file in a folder open, but not the one that it is for, which may live on.

    Where the system has no /proc none is found; there Ray has a guard of its own.
    """
    for place in set(_PROC.glob("[0-9]*")) - {_PROC / str(starter)}:
        with contextlib.suppress(OSError):  # it has ended, or belongs to another user
            if any(each.readlink().is_relative_to(folder) for each in (place / "fd").iterdir()):
                yield int(place.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
