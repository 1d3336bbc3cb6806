"""`facewitness report`: pages that show the evidence of stored results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.numerals import counted
from classifiers.training.journal import is_run
from pipeline.cli.logs import set_up_logging
from pipeline.cli.progress_bar import bar

if TYPE_CHECKING:
    from pipeline.evidence.report import Stored

_DESCRIPTION = """\
Make an HTML page of a stored result: the verdict and what it means, when each person looked forged, the strongest
frames and where the model looked, what could be wrong, and the record. A page is one file that loads nothing.

RESULT is a JSON file of `facewitness scan -o`, or its folder: then each result gets a page beside it, and index.html
lists them. Pages that are up to date are kept unless --overwrite is given.

The pictures are cut out of the scanned file again, which must be where it was (or --media says where) and have the
same SHA-256. Without it the page has no pictures and says so.

RESULT may also be the folder of a training run: then its page shows the training curves, the confusion matrix, right
and wrong answers on the validation pictures, and where the network looked.

With --bundle the page of one result goes into a ZIP file instead, together with the result, the model card, the
versions of what made them, the SHA-256 of the scanned file, and a list of all that with its hashes: what
`facewitness verify` checks. --sign signs the list with an Ed25519 key of yours (PEM or OpenSSH, without a password).

exit status: 0 every result got a page, 1 some did not, 2 wrong usage or no result"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "report",
        help="make HTML pages of stored results or of a training run",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("result", metavar="RESULT", help="JSON file of a result, or a folder of them or of a run")
    parser.add_argument(
        "-o", "--output", metavar="FILE|DIR", help="write the page of one result here (beside it), or into this folder"
    )
    parser.add_argument("--media", metavar="FILE|DIR", help="the scanned file, or its folder, if it was moved")
    parser.add_argument("--model", metavar="NAME|FILE", help="what scan --model had; see `facewitness models`")
    parser.add_argument("--overwrite", action="store_true", help="make pages again that are up to date")
    parser.add_argument("--bundle", metavar="OUT.zip", help="write an evidence bundle of one result here, and no page")
    parser.add_argument("--sign", metavar="KEY", help="sign the bundle with this private key; needs the extra 'sign'")
    parser.add_argument("--with-original", action="store_true", help="put the scanned file into the bundle too")
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Make the pages and say where they are."""
    set_up_logging(options.debug)
    path = Path(options.result)
    if wrong := _contradiction(path, options):
        print(f"facewitness report: {wrong}", file=sys.stderr)
        return 2
    try:
        if options.bundle:
            return _bundle(path, options)
        if path.is_dir():
            return _training_run(path, options) if is_run(path) else _folder(path, options)
        return _one(path, options)
    except OSError as error:
        from pipeline.results.parts import display_path

        print(f"facewitness report: cannot read {display_path(path)}: {error.strerror}", file=sys.stderr)
        return 2


def _contradiction(path: Path, options: argparse.Namespace) -> str | None:
    if not options.bundle and (options.sign or options.with_original):
        return f"{'--sign' if options.sign else '--with-original'} is for bundles: add --bundle OUT.zip"
    if options.bundle and options.output:
        return "a bundle holds its page: leave out --output"
    if options.bundle and path.is_dir():
        return "a bundle holds one result: name its JSON file instead of the folder"
    return None


def _bundle(path: Path, options: argparse.Namespace) -> int:
    from pipeline.evidence.bundle import BundleError, make_bundle
    from pipeline.evidence.pictures import PicturesError
    from pipeline.results.parts import display_path
    from pipeline.results.verdict import NotAResultError

    bundle = Path(options.bundle)
    if bundle.exists() and path.exists() and bundle.samefile(path):
        print(f"facewitness report: {display_path(bundle)} is the result itself; name another file", file=sys.stderr)
        return 2
    try:
        made = make_bundle(
            path,
            bundle,
            media=_media(options),
            model=options.model,
            with_original=options.with_original,
            key=Path(options.sign) if options.sign else None,
        )
    except NotAResultError as error:
        print(f"facewitness report: {display_path(path)} {error}; scan a file with -o DIR first", file=sys.stderr)
        return 2
    except (BundleError, PicturesError) as error:
        print(f"facewitness report: the bundle of {display_path(path)} was not made: {error}", file=sys.stderr)
        return 1
    for remark in made.remarks:
        print(f"facewitness report: {remark}", file=sys.stderr)
    print(f"The bundle is {display_path(bundle)} ({counted(made.files, 'file')})")
    return 0


def _one(path: Path, options: argparse.Namespace) -> int:
    from pipeline.evidence.report import Stored, make_page
    from pipeline.results.parts import display_path
    from pipeline.results.verdict import NotAResultError

    page = path.with_suffix(".html")
    if options.output:
        output = Path(options.output)
        page = output / page.name if output.is_dir() or options.output.endswith("/") else output
    if page.exists() and path.exists() and page.samefile(path):
        print(f"facewitness report: {display_path(page)} is the result itself; name another file", file=sys.stderr)
        return 2
    try:
        make_page(Stored(path, page), media=_media(options), model=options.model)
    except NotAResultError as error:
        print(f"facewitness report: {display_path(path)} {error}; scan a file with -o DIR first", file=sys.stderr)
        return 2
    print(f"The report is {display_path(page)}")
    return 0


def _training_run(folder: Path, options: argparse.Namespace) -> int:
    from pipeline.results.parts import display_path
    from pipeline.workbench.run_page import report_run

    page = report_run(folder, options.output)
    print(f"The report is {display_path(page)}")
    return 0


def _folder(folder: Path, options: argparse.Namespace) -> int:
    from pipeline.evidence.report import report_folder
    from pipeline.results.parts import display_path

    if options.output:
        print("facewitness report: a folder gets its pages inside of it; leave out --output", file=sys.stderr)
        return 2
    pages, failed, index = report_folder(
        folder, media=_media(options), model=options.model, keep=not options.overwrite, progress=_bar
    )
    if index is None:
        print(f"facewitness report: no result is in {display_path(folder)}; scan with -o first", file=sys.stderr)
        return 2
    lost = f", {failed} could not be made" if failed else ""
    print(f"{counted(pages, 'page')}{lost}; the index is {display_path(index)}")
    return 1 if failed else 0


def _media(options: argparse.Namespace) -> Path | None:
    return Path(options.media) if options.media else None


def _bar(stored: Sequence[Stored]) -> Iterable[Stored]:
    return bar(stored, len(stored), "reporting", "page")
