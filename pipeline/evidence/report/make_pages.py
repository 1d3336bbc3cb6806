"""From a stored result to its page: find the input, cut the pictures, write."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.evidence.pictures import MAX_PERSONS, PicturesError, find_input, model_of, reopen
from pipeline.evidence.report.gallery import Pictures, make_pictures
from pipeline.evidence.report.index import write_index
from pipeline.evidence.report.page import write_report
from pipeline.evidence.report.stored import Stored, stored_results
from pipeline.evidence.texts import say
from pipeline.results.parts import display_path
from pipeline.results.verdict import NotAResultError, Verdict, parse_verdict
from pipeline.version import __version__

log = logging.getLogger(__name__)

_STAMP = re.compile(rb'<meta name="facewitness-result" content="([^"]*)">')
_HEAD_BYTES = 4096


class FolderReport(NamedTuple):
    """What came of the pages of a folder.

    Attributes:
        pages: number of results with a page that is up to date.
        failed: number of results whose page could not be made.
        index_file: the list of them; None where there is no result.
    """

    pages: int
    failed: int
    index_file: Path | None


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
        OSError: the result cannot be read.
    """
    text = stored.text()
    made_of = stamp(text)
    if keep and _stamp_of(stored.page) == made_of:
        return
    verdict = parse_verdict(text)
    pictures, why = pictures_of(verdict, stored.source.parent, media, model)
    # Without its stamp a page is made again, when what it lacks may be there.
    complete = why is None and (pictures is None or pictures.complete)
    write_report(verdict, pictures, stored.page, why_no_pictures=why, stamp=made_of if complete else "")


def report_folder(
    folder: Path,
    *,
    media: Path | None = None,
    model: str | None = None,
    keep: bool = True,
    progress: Callable[[Sequence[Stored]], Iterable[Stored]] = iter,
) -> FolderReport:
    """Write a page beside every result of a folder, and the index of them; a page that fails costs no other.

    Args:
        folder: as `facewitness scan -o` wrote it.
        media: where the user says that the scanned files are.
        model: the model that the user says they were scanned with.
        keep: leave pages as they are that are up to date.
        progress: wraps what is gone through, to show how far it got.

    Raises:
        WriteError: the index cannot be written.
        OSError: the folder cannot be read.
    """
    pages = failed = 0
    for stored in progress(list(stored_results(folder))):
        try:
            make_page(stored, media=media, model=model, keep=keep)
            pages += 1
        except NotAResultError:
            continue  # the index tells of it where it is not plainly something else
        except Exception as error:
            failed += 1
            log.error("no page of %s: %s: %s", display_path(stored.source), type(error).__name__, error)
            log.debug("this is where it failed", exc_info=True)
    return FolderReport(pages, failed, write_index(folder) if pages or failed else None)


def pictures_of(
    verdict: Verdict, near: Path, media: Path | None, model: str | None
) -> tuple[Pictures | None, str | None]:
    """Make the pictures, or say why there are none; of a file that could not be read there are none to make."""
    persons = verdict.people[:MAX_PERSONS]
    if not persons and verdict.status not in ("no_face", "insufficient_evidence"):
        return None, None
    try:
        path = find_input(verdict, near, media)
        return make_pictures(persons, reopen(verdict, path), model_of(verdict, model)), None
    except PicturesError as error:
        advice = f" {say('changed_do')}" if error.reason in ("missing", "changed") else ""
        return None, f"{str(error).rstrip('.')}.{advice}"


def stamp(text: bytes) -> str:
    """Name a result and what makes pages of it."""
    return f"{_short_hash(text)} {__version__}"


def is_page_of(page: bytes, text: bytes) -> bool:
    """Tell whether a page says that it was made of this result, by any version."""
    found = _STAMP.search(page[:_HEAD_BYTES])
    return found is not None and found[1].split(b" ")[0] == _short_hash(text).encode()


def _short_hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:32]


def _stamp_of(page: Path) -> str | None:
    try:
        with page.open("rb") as file:
            found = _STAMP.search(file.read(_HEAD_BYTES))
    except OSError:
        return None
    return found[1].decode() if found else None
