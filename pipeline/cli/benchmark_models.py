"""`facewitness benchmark-models`: which of several detectors is best on a data set."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.cli.labelled_data import add_figure_options, add_measuring_options, measuring_settings, open_data
from pipeline.cli.logs import set_up_logging
from pipeline.cli.model_benchmark_table import benchmark_table
from pipeline.cli.progress_bar import bar

_DESCRIPTION = """\
Measure several detectors on the same faces of a data set whose truth is known, those of this project and published
ones that were added by `facewitness models add`: how well each tells fakes from real files, overall, by method and by
source, how far its scores are from chances, how fast it is, and on which terms it may be used.

Files are decoded and searched for faces once for all models. With -o an interrupted run goes on where it stopped.

DIR gets benchmark.html, a page that needs no network, benchmark.csv (a row for each model and part) and benchmark.json.

exit status: 0 measured, 1 something could not be written, 2 wrong usage or unusable data"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "benchmark-models",
        help="compare trained detectors, published ones too, on labelled data",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_measuring_options(parser, "test")
    parser.add_argument(
        "--models",
        nargs="+",
        default=[],
        metavar="NAME|FILE",
        help="classifiers, see `facewitness models`; all for every shipped and every added one",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="write the page and the figures here")
    add_figure_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure the models, write the page and the figures, and print the main ones."""
    from pipeline.workbench.checks import check_draws
    from pipeline.workbench.model_benchmark import chosen_models, run_benchmark

    set_up_logging(options.debug, "classifiers")
    check_draws(options.bootstrap)
    names = chosen_models(options.models)
    settings = measuring_settings(options)
    data = open_data(options, "test")
    benchmark = run_benchmark(
        data,
        names,
        settings,
        options.output,
        sources=options.sources,
        bootstrap=options.bootstrap,
        progress=bar,
    )
    print(benchmark_table(benchmark))
    if benchmark.files:
        print(f"\nThe page is {benchmark.files[0]}")
    return 0
