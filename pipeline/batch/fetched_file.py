"""The copy of a remote file that there is while it is scanned."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.batch.remote_files import fetch
from pipeline.batch.temporary_folder import temporary_folder
from pipeline.media.errors import MediaError, quoted
from pipeline.media.source_file import Origin
from pipeline.results.input import Input

_PREFIX = "facewitness-fetched-"


@contextlib.contextmanager
def fetched(source: Input, most_bytes: int, timeout_s: float) -> Iterator[tuple[Path, Origin]]:
    """Fetch a file, and remove it when the block ends.

    It lies in a folder of its own; see `temporary_folder`.

    Args:
        source: has an address.
        most_bytes: that it may have.
        timeout_s: seconds that fetching may take.

    Yields:
        The copy, and what it is a copy of.

    Raises:
        MediaError: it cannot be fetched.
    """
    if source.address is None:
        raise ValueError("only what has an address is fetched")
    began = time.monotonic()
    with contextlib.ExitStack() as removing:
        try:
            folder = removing.enter_context(temporary_folder(_PREFIX))
        except OSError as error:
            reason = f"there is no folder for temporary files ({error.strerror})."
            raise MediaError("error", f"{quoted(source.path)} could not be fetched: {reason}") from error
        copy = folder / "fetched"
        fetch(source.address, copy, most_bytes, timeout_s)
        yield copy, Origin(source.path, time.monotonic() - began)
