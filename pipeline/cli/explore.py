"""`facewitness explore`: what a data set holds, and what a network could learn from it by mistake."""

from __future__ import annotations

import argparse

from pipeline.cli.logs import set_up_logging
from pipeline.cli.progress_bar import bar

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
    from pipeline import workbench

    set_up_logging(options.debug, "classifiers")
    explored = workbench.explore(
        options.dataset, options.output, layout=options.layout, sample=options.sample, progress=bar
    )
    for finding in explored.findings:
        print(f"{finding.level:<7}  {finding.text}")
    print(f"\nThe report is {explored.files[0]}")
    return 0
