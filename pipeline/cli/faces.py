"""`facewitness faces`: labelled videos and pictures in, a data set of face crops out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.logs import set_up_logging

if TYPE_CHECKING:
    from collections.abc import Mapping

    from classifiers.datasets import Sample
    from pipeline.workbench.face_crops import CropSettings, FaceCropper
    from pipeline.workbench.face_index import FaceIndex

_DESCRIPTION = """\
Cut the faces out of a labelled data set of videos or pictures, as training and evaluation want them.

Faces are found as in a scan. Of each file only the main person is kept, the one seen longest and largest, because the
label of a file does not say which of several people it speaks of. An interrupted run goes on where it stopped when
the same command is given again.

DIR gets SPLIT/real and SPLIT/fake ("all" where the data set names no split) with a JPEG file for each crop, faces.csv
with where the face and its landmarks are, no_face.csv with the inputs that gave none, and faces.json with how the
crops were cut.

exit status: 0 every input could be read, 1 some input could not, 2 wrong usage or not a labelled data set"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "faces",
        help="cut face crops out of a labelled data set",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="folder or index file of a data set")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="write the crops here")
    parser.add_argument("--layout", default="auto", metavar="NAME", help="layout of the data sets (recognised)")
    parser.add_argument("--frames", type=int, default=16, metavar="N", help="look at N frames of each video (16)")
    parser.add_argument(
        "--detector", default="mtcnn", metavar="NAME", help="mtcnn (default), mtcnn-reference, dlib-hog or dlib-cnn"
    )
    parser.add_argument(
        "--margin", type=float, default=1.7, metavar="X", help="side of the crop by longer side of the face (1.7)"
    )
    parser.add_argument(
        "--max-side", type=int, default=304, metavar="PX", help="scale larger crops down to PX pixels a side (304)"
    )
    parser.add_argument("--quality", type=int, default=95, metavar="Q", help="JPEG quality of the crops (95)")
    parser.add_argument("--overwrite", action="store_true", help="remove the crops of an earlier run and begin anew")
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Cut the crops and say how many there are."""
    from classifiers.errors import ClassifierError
    from extractors import DetectorUnavailableError
    from pipeline.workbench.face_crops import CropSettings, FaceCropper
    from pipeline.workbench.face_index import FaceIndex
    from pipeline.workbench.faces import keep_apart, origins

    set_up_logging(options.debug, "classifiers")
    paths, output = [Path(dataset) for dataset in options.datasets], Path(options.output)
    try:
        settings = CropSettings(options.detector, options.frames, options.margin, options.max_side, options.quality)
        _check_output(output, paths)
        named = origins(keep_apart({path: _open(path, options.layout) for path in paths}), paths)
        cropper = FaceCropper(settings)
        index = FaceIndex(output, _record(settings, paths, options.layout), overwrite=options.overwrite)
    except (ClassifierError, DetectorUnavailableError, ValueError) as error:
        print(f"facewitness faces: {error}", file=sys.stderr)
        return 2
    try:
        with index:
            _extract(named, cropper, index)
    except ClassifierError as error:
        print(f"facewitness faces: {error}", file=sys.stderr)
        return 1
    return _summary(index)


def _check_output(output: Path, paths: list[Path]) -> None:
    """Refuse to write among what is read: the crops would be inputs of the next run."""
    from classifiers.datasets import DataError

    for path in paths:
        if path.is_dir() and output.resolve().is_relative_to(path.resolve()):
            raise DataError(f"{output} is inside of the data set {path}: name a folder outside of it")


def _open(path: Path, layout: str) -> list[Sample]:
    from classifiers.datasets import DataError, open_dataset
    from classifiers.errors import ClassifierError

    try:
        return open_dataset(path, layout)
    except ClassifierError as error:
        if not path.exists():
            raise
        raise DataError(
            f"{error} (every input needs the label real or fake, under which its crops are kept)"
        ) from error


def _record(settings: CropSettings, paths: list[Path], layout: str) -> dict[str, object]:
    from dataclasses import asdict

    from pipeline.results.verdict import display_path

    return {**asdict(settings), "data": [display_path(path.resolve()) for path in paths], "layout": layout}


def _extract(named: Mapping[str, Sample], cropper: FaceCropper, index: FaceIndex) -> None:
    from tqdm import tqdm

    from pipeline.workbench.faces import extract_faces

    done = sum(origin in index.finished for origin in named)
    # disable=None: no bar where standard error is not a terminal.
    with tqdm(total=len(named), initial=done, unit="file", desc="finding faces", disable=None, leave=False) as bar:
        for _ in extract_faces(named, cropper, index):
            bar.update()


def _summary(index: FaceIndex) -> int:
    from pipeline.results.verdict import FAILURES

    counts = index.counts()
    without = counts["inputs_without"]
    failed = sum(number for status, number in without.items() if status in FAILURES)
    parts = [f"{_number(counts['crops'], 'crop')} of {_number(counts['inputs_with_faces'], 'input')} in {index.folder}"]
    if "no_face" in without:
        parts.append(f"{_number(without['no_face'], 'input')} without a face")
    if failed:
        parts.append(f"{_number(failed, 'input')} could not be read")
    print("; ".join(parts) + (f" (see {index.folder / 'no_face.csv'})" if without else ""))
    return 1 if failed else 0


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
