"""`facewitness faces`: labelled videos and pictures in, a data set of face crops out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.numerals import counted
from pipeline.cli.engine_options import add_detector_option
from pipeline.cli.logs import set_up_logging
from pipeline.cli.progress_bar import bar

if TYPE_CHECKING:
    from pipeline.workbench import FaceCounts

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
    add_detector_option(parser)
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
    from pipeline import workbench

    set_up_logging(options.debug, "classifiers")
    counts = workbench.cut_faces(
        options.datasets,
        options.output,
        layout=options.layout,
        frames=options.frames,
        detector=options.detector,
        margin=options.margin,
        max_side=options.max_side,
        quality=options.quality,
        overwrite=options.overwrite,
        progress=bar,
    )
    print(_summary(counts, Path(options.output)))
    return 1 if counts.failed else 0


def _summary(counts: FaceCounts, folder: Path) -> str:
    without = counts.inputs_without
    parts = [f"{counted(counts.crops, 'crop')} of {counted(counts.inputs_with_faces, 'input')} in {folder}"]
    if "no_face" in without:
        parts.append(f"{counted(without['no_face'], 'input')} without a face")
    if counts.failed:
        parts.append(f"{counted(counts.failed, 'input')} could not be read")
    return "; ".join(parts) + (f" (see {folder / 'no_face.csv'})" if without else "")
