"""Data whose truth is known, for the commands that measure and calibrate: options, choice, classifying, scanning."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.engine_options import add_engine_options

if TYPE_CHECKING:
    from classifiers import Engine, ModelSpec
    from classifiers.datasets import Sample
    from classifiers.evaluation.predictions import ChangePicture, Predictions
    from pipeline.workbench.labelled import LabelledScan


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
    parser.add_argument(
        "--detector", default="mtcnn", metavar="NAME", help="mtcnn (default), mtcnn-reference, dlib-hog or dlib-cnn"
    )
    parser.add_argument(
        "--max-unreadable",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="share of the face crops that may be unreadable (0.01)",
    )
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")


def chosen_samples(options: argparse.Namespace, default_split: str) -> list[Sample]:
    """Read the data set and take the split that the options ask for; print which it is where the data set lacks it.

    Training splits a data set that has no splits, or only one for training; the same split is made here, so that
    nothing is measured on what was trained on.

    Raises:
        DataError: the data set cannot be used, or has no such split.
    """
    from classifiers.datasets import DataError, open_dataset
    from classifiers.datasets.selection import choose_split
    from classifiers.datasets.splitting import ATTRIBUTES, SPLITS, split_by_group
    from classifiers.errors import ClassifierError

    samples = open_dataset(options.dataset, options.layout)
    wanted, official = options.split or default_split, {sample.split for sample in samples}
    is_lacking = wanted in SPLITS and wanted not in official and bool(official & {"train", ""})
    if options.split == "all" or not (options.split_by or is_lacking):
        return choose_split(samples, options.split, default_split)
    by = tuple(options.split_by.split(",")) if options.split_by else ATTRIBUTES
    try:
        samples = split_by_group(samples, by=by)
    except ClassifierError as error:
        raise DataError(f"no part {wanted} can be split off: {error}; --split all takes everything") from error
    chosen = choose_split(samples, options.split, default_split)
    if is_lacking:
        print(
            f"{len(chosen)} of {len(samples)} samples are taken, the part {wanted} that `facewitness train --split-by "
            f"{','.join(by)}` leaves; --split all takes everything"
        )
    return chosen


def predict_crops(
    engine: Engine,
    spec: ModelSpec,
    samples: Sequence[Sample],
    options: argparse.Namespace,
    change: ChangePicture | None = None,
    title: str = "classifying",
) -> Predictions:
    """Classify face crops with a progress bar."""
    from functools import partial

    from tqdm import tqdm

    from classifiers.datasets import PictureReader
    from classifiers.evaluation.predictions import predict
    from extractors.align import CropGeometry, align_face

    geometry = CropGeometry.of_model(spec)
    return predict(
        engine,
        samples,
        PictureReader(),
        partial(align_face, geometry=geometry),
        change=change,
        max_unreadable=options.max_unreadable,
        # disable=None: no bar where standard error is not a terminal.
        progress=partial(tqdm, unit="crop", desc=title, disable=None, leave=False),
    )


def scan_files(
    model: str | None, samples: Sequence[Sample], options: argparse.Namespace, folder: Path | None
) -> Iterator[LabelledScan]:
    """Scan videos and pictures with a progress bar."""
    from tqdm import tqdm

    from pipeline.batch.scan_batch import ScannerSettings
    from pipeline.media.sampling import SLACK, SamplingPlan
    from pipeline.workbench.labelled import scan_labelled

    settings = ScannerSettings(
        model,
        options.engine,
        options.detector,
        SamplingPlan.spread(options.frames, SLACK),
        precision=options.precision,
        device=options.device,
    )
    scans = scan_labelled(samples, settings, options.dataset, folder)
    return iter(tqdm(scans, total=len(samples), unit="file", desc="scanning", disable=None, leave=False))
