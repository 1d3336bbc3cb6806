"""`facewitness evaluate`: how good a model is on data whose truth is known."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from classifiers.numerals import counted
from pipeline.cli.evaluation_table import evaluation_table
from pipeline.cli.labelled_data import add_figure_options, add_measuring_options, measuring_settings, open_data
from pipeline.cli.logs import set_up_logging
from pipeline.cli.progress_bar import bar

_DESCRIPTION = """\
Measure a model on a data set whose truth is known: overall, for each family of forgeries and for each source, with
95% intervals bootstrapped over sources, or over persons and clips where there are few sources; with fewer than three
of a class there is no interval.

Face crops with landmarks are classified directly. Videos and pictures are scanned as `facewitness scan` does, so that
those without a face are counted, too; with -o an interrupted run goes on where it stopped, but for worse copies.

DIR gets evaluation.json, evaluation.csv (one figure a row) and plots as PNG files.

exit status: 0 measured, 1 nothing could be scored or written, 2 wrong usage or unusable data"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model on labelled data",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_measuring_options(parser, "test")
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME|FILE",
        help="classifier, see `facewitness models`; give it again to measure several",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="write figures and plots here")
    parser.add_argument(
        "--robustness", action="store_true", help="also measure worse copies, and videos where people look aside"
    )
    add_figure_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure the models, write the figures and print the main ones."""
    from classifiers import find_model
    from pipeline.workbench.evaluation import check_evaluation, check_sources, evaluate_model, write_evaluations

    set_up_logging(options.debug, "classifiers")
    check_evaluation(options.bootstrap, plots=options.output is not None, robustness=options.robustness)
    settings = measuring_settings(options)
    data = open_data(options, "test")
    check_sources(options.sources, data)
    models = options.model or [None]
    names = _unique([find_model(model).name for model in models])
    if data.without_crop_elsewhere:
        without = counted(data.without_crop_elsewhere, "input")
        print(f"left out: {without} without a face crop, of no split or another one")
    evaluations = [
        evaluate_model(
            data,
            model,
            settings,
            name=name,
            folder=options.output and options.output / name,
            sources=options.sources,
            bootstrap=options.bootstrap,
            robustness=options.robustness,
            progress=bar,
        )
        for name, model in zip(names, models, strict=True)
    ]
    print(evaluation_table(evaluations))
    if options.output is not None:
        write_evaluations(evaluations, data, options.bootstrap, options.output)
        print(f"\nFigures and plots are in {options.output}")
    return 0 if all(evaluation.tables for evaluation in evaluations) else 1


def _unique(names: Sequence[str]) -> list[str]:
    """Add a number to a name that was there before."""
    return [
        name if name not in names[:place] else f"{name}-{names[:place].count(name) + 1}"
        for place, name in enumerate(names)
    ]
