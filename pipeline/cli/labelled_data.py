"""The options of the commands that measure and calibrate: which data are looked at, and how."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.numerals import counted
from pipeline.cli.engine_options import add_detector_option, add_engine_options, whole_number

if TYPE_CHECKING:
    from pipeline.workbench.measuring import LabelledData, MeasuringSettings


def add_measuring_options(parser: argparse.ArgumentParser, split: str) -> None:
    """Add the options that say which data are looked at, and how."""
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder or index file of a data set")
    parser.add_argument("--layout", default="auto", metavar="NAME", help="layout of the data set (recognised)")
    parser.add_argument(
        "--split",
        metavar="NAME",
        help=f"part of the data set, or all ({split}; where there is no such part, the one that `facewitness train` "
        "makes, and of a data set that is for testing only all)",
    )
    parser.add_argument(
        "--split-by",
        metavar="NAMES",
        help="split as `facewitness train --split-by NAMES` does (clip,person,source)",
    )
    add_engine_options(parser)
    parser.add_argument("--frames", type=int, default=32, metavar="N", help="look at N frames of each video (32)")
    add_detector_option(parser)
    parser.add_argument(
        "--workers",
        type=whole_number,
        metavar="N",
        help="scan in N processes (one for every 16 cores, as memory allows)",
    )
    parser.add_argument(
        "--max-unreadable",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="share of the face crops that may be unreadable (0.01)",
    )
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")


def add_figure_options(parser: argparse.ArgumentParser) -> None:
    """Add what figures are wanted of measured models."""
    parser.add_argument(
        "--sources",
        action="append",
        default=[],
        metavar="PATTERN",
        help="figures for all sources that fit, such as 'news*', together; may be given again",
    )
    parser.add_argument(
        "--bootstrap", type=int, default=1000, metavar="N", help="resamples for the intervals (1000); 0 for none"
    )


def measuring_settings(options: argparse.Namespace) -> MeasuringSettings:
    """Say how a model is run.

    Raises:
        SettingsError: an option that makes no sense.
    """
    from pipeline.workbench.measuring import MeasuringSettings

    return MeasuringSettings(
        engine=options.engine,
        precision=options.precision,
        device=options.device,
        detector=options.detector,
        frames=options.frames,
        workers=options.workers,
        max_unreadable=options.max_unreadable,
    )


def open_data(options: argparse.Namespace, part: str) -> LabelledData:
    """Read the data set and take the part that the options ask for; print which it is where the data set lacks it.

    Raises:
        DataError: the data set cannot be used, or has no such split.
    """
    from pipeline.workbench.measuring import open_labelled

    data = open_labelled(
        options.dataset,
        part=part,
        layout=options.layout,
        split=options.split,
        split_by=options.split_by.split(",") if options.split_by else (),
    )
    if data.made_by:
        print(
            f"{len(data.samples)} of {counted(data.total, 'sample')} taken: the part {data.part} that `facewitness "
            f"train --split-by {','.join(data.made_by)}` leaves; --split all takes everything"
        )
    return data
