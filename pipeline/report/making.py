"""From a stored result to its page: find the input, cut the pictures, write."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pipeline import __version__
from pipeline.evidence_pictures import PicturesError, find_input, model_of, reopen
from pipeline.report.folder import Stored, stored_results, write_index
from pipeline.report.page import write_report
from pipeline.report.pictures import MAX_PERSONS, Pictures, make_pictures
from pipeline.report.reading import NotAResultError, Reading
from pipeline.report.texts import say

_STAMP = re.compile(rb'<meta name="facewitness-result" content="([^"]*)">')
_HEAD_BYTES = 4096


def make_page(stored: Stored, *, media: Path | None = None, model: str | None = None, keep: bool = False) -> None:
    """Write the page of a stored result.

    Args:
        stored: the result.
        media: where the user says that the scanned file is.
        model: the model that the user says it was scanned with.
        keep: leave a page as it is that was made of the same result and has its pictures.

    Raises:
        NotAResultError: it is no result.
        WriteError: the page cannot be written.
    """
    stamp = _stamp(stored)
    if keep and _stamp_of(stored.page) == stamp:
        return
    reading = stored.read()
    pictures, why = _pictures(reading, stored.source.parent, media, model)
    write_report(reading, pictures, stored.page, why_no_pictures=why, stamp="" if why else stamp)


def report_folder(
    folder: Path,
    *,
    media: Path | None = None,
    model: str | None = None,
    keep: bool = True,
    progress: Callable[[Sequence[Stored]], Iterable[Stored]] = iter,
) -> tuple[int, Path | None]:
    """Write a page beside every result of a folder, and the index of them.

    Args:
        folder: as `facewitness scan -o` wrote it.
        media: where the user says that the scanned files are.
        model: the model that the user says they were scanned with.
        keep: leave pages as they are that are up to date.
        progress: wraps what is gone through, to show how far it got.

    Returns:
        How many pages there are, and the index, or 0 and None where there is no result.

    Raises:
        WriteError: a page cannot be written.
        OSError: the folder cannot be read.
    """
    pages = 0
    for stored in progress(list(stored_results(folder))):
        try:
            make_page(stored, media=media, model=model, keep=keep)
            pages += 1
        except NotAResultError:
            continue  # the index tells of it where it is not plainly something else
    return (pages, write_index(folder)) if pages else (0, None)


def _pictures(
    reading: Reading, near: Path, media: Path | None, model: str | None
) -> tuple[Pictures | None, str | None]:
    """Make the pictures, or say why there are none; of a file that could not be read there are none to make."""
    persons = reading.persons[:MAX_PERSONS]
    if not persons and reading.result["status"] != "no_face":
        return None, None
    try:
        path = find_input(reading.result, near, media)
        spec = model_of(reading.result, model) if reading.result["model"] else None
        return make_pictures(persons, reopen(reading.result, path), spec), None
    except PicturesError as error:
        advice = f" {say('changed_do')}" if error.reason in ("missing", "changed") else ""
        return None, f"{str(error).rstrip('.')}.{advice}"


def _stamp(stored: Stored) -> str:
    """Name a result and what makes pages of it."""
    return f"{hashlib.sha256(stored.text).hexdigest()[:32]} {__version__}"


def _stamp_of(page: Path) -> str | None:
    try:
        with page.open("rb") as file:
            found = _STAMP.search(file.read(_HEAD_BYTES))
    except OSError:
        return None
    return found[1].decode() if found else None
