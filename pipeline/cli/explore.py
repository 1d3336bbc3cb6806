"""`facewitness explore`: what a data set holds, and what a network could learn from it by mistake."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.extras import MissingLibraryError, require_libraries
from pipeline.cli.logs import set_up_logging

if TYPE_CHECKING:
    from classifiers.datasets import Sample
    from classifiers.evaluation.picture_facts import VideoFacts

_DESCRIPTION = """\
Look at a data set before training on it: balance of the classes, samples, sizes, pixels, compression, duplicates,
leakage between splits, and which trivial property of the files alone tells real from fake.

DIR gets explore.html, which opens without a network, explore.json with every number, and the charts as PNG files.
Of a data set of videos only the containers are looked at; for pixels and faces run `facewitness faces` first.

exit status: 0 the report was written, 1 it could not be, 2 wrong usage or not a labelled data set"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "explore",
        help="look at a data set: balance, sizes, compression, leakage, shortcuts",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", metavar="DATASET", help="folder or index file of a data set")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="write the report here")
    parser.add_argument("--layout", default="auto", metavar="NAME", help="layout of the data set (recognised)")
    parser.add_argument(
        "--sample",
        type=int,
        default=2000,
        metavar="N",
        help="measure N samples, half of each class (2000); leaks are looked for among all",
    )
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure the data set, write the report and print what it found."""
    from classifiers.datasets import PictureReader, open_dataset
    from classifiers.datasets.leakage import find_leaks
    from classifiers.errors import ClassifierError
    from classifiers.evaluation.explore import explore
    from classifiers.evaluation.explore_report import About, findings, write_report
    from pipeline.results.verdict import display_path
    from pipeline.version import __version__

    set_up_logging(options.debug, "classifiers")
    if options.sample < 2:
        print(f"facewitness explore: --sample must be 2 or more, not {options.sample}", file=sys.stderr)
        return 2
    reader = PictureReader()
    try:
        require_libraries("the report", "matplotlib")
        samples = open_dataset(Path(options.dataset), options.layout)
        exploration = explore(
            samples, reader, sample_size=options.sample, probe=_probe, progress=lambda s: _bar(s, "measuring")
        )
    except (ClassifierError, MissingLibraryError) as error:
        print(f"facewitness explore: {error}", file=sys.stderr)
        return 2
    leaks = find_leaks(_bar(samples, "looking for leaks"), reader)
    about = About(display_path(options.dataset), options.layout, f"Facewitness {__version__}")
    try:
        page, *_ = write_report(exploration, leaks, reader, about, Path(options.output))
    except ClassifierError as error:
        print(f"facewitness explore: {error}", file=sys.stderr)
        return 1
    for finding in findings(exploration, leaks):
        print(f"{finding.level:<7}  {finding.text}")
    print(f"\nThe report is {page}")
    return 0


def _bar(samples: list[Sample], what: str) -> Iterable[Sample]:
    from tqdm import tqdm

    # disable=None: no bar where standard error is not a terminal.
    return tqdm(samples, unit="file", desc=what, disable=None, leave=False)


def _probe(path: Path) -> VideoFacts:
    from classifiers.datasets import DataError
    from classifiers.evaluation.picture_facts import VideoFacts
    from pipeline.media.probing import probe
    from pipeline.media.types import MediaError

    try:
        info = probe(path)
    except MediaError as error:
        raise DataError(str(error).rstrip(".")) from error
    names = info.container.split(",")
    # ffmpeg lists all names of a family of containers; the ending of the file may say which one is meant.
    ending = path.suffix.lower().lstrip(".")
    container = ending if ending in names else names[0]
    return VideoFacts(f"{container} {info.codec}", info.width, info.height, info.bytes, info.frame_count)
