"""The options of `facewitness scan`."""

from __future__ import annotations

import argparse
import contextlib
from urllib.parse import urlsplit

from pipeline.cli.engine_options import add_detector_option, add_engine_options, number_above_zero, whole_number
from pipeline.media.limits import Limits

_USUAL = Limits()
_LEAST_MEMORY_MB = 512
_MOST_FETCHED_MB = 2048


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add everything that can be asked of a scan."""
    parser.add_argument("inputs", nargs="+", type=_named, metavar="INPUT", help="file, folder, glob pattern or -")
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="write results here; - writes JSON lines to standard output"
    )
    parser.add_argument(
        "--format",
        choices=("json", "jsonl", "csv", "parquet"),
        default="json",
        help="json: a file for each input (default); jsonl: one results.jsonl; csv: also labels.csv of two columns; "
        "parquet: also results.parquet",
    )
    sampling = parser.add_mutually_exclusive_group()
    add_frames_option(sampling)
    sampling.add_argument("--fps", type=_positive, metavar="RATE", help="look at RATE frames a second instead")
    parser.add_argument(
        "--adaptive",
        action="store_true",
        help="look at a few of the frames first, at the others only while the verdict is open, and then more closely",
    )
    add_detector_option(parser)
    add_model_option(parser)
    add_engine_options(parser)
    parser.add_argument("--report", action="store_true", help="also make an HTML page of each result, and index.html")
    parser.add_argument(
        "--annotate",
        action="store_true",
        help="also write a copy of each file with boxes and scores drawn on it; with --fps 5 the boxes follow well",
    )
    parser.add_argument(
        "--heatmaps",
        action="store_true",
        help="also write the strongest faces and where the model looked, as PNG; not for every model",
    )
    add_workers_option(parser)
    parser.add_argument(
        "--cluster",
        type=_cluster,
        metavar="ADDRESS",
        help="scan on the machines of a Ray cluster, which see the files under the same paths: ray://HOST:PORT, or "
        "auto for the one that this machine is in, or else a new one; --workers then counts processes on all of them",
    )
    add_limit_options(parser)
    parser.add_argument(
        "--trust",
        metavar="FILE",
        help="certificates (PEM) of authorities: say whether the signer of Content Credentials is on this list",
    )
    parser.add_argument(
        "--max-download",
        type=whole_number,
        default=_MOST_FETCHED_MB,
        metavar="MB",
        help=f"give up on a file at an address that has more than MB megabytes ({_MOST_FETCHED_MB})",
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--overwrite", action="store_true", help="scan again what already has a result")
    again.add_argument(
        "--retry-failed", action="store_true", help="scan again what could not be scanned, though it has not changed"
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="read files that have a result once more, instead of trusting their size, time of change and inode",
    )
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")


def add_frames_option(parser: argparse._ActionsContainer) -> None:
    """Add how many frames are looked at."""
    parser.add_argument(
        "--frames",
        type=_frame_count,
        default=32,
        metavar="N",
        help="look at N frames, evenly spread (32; at most 512), or all",
    )


def add_model_option(parser: argparse.ArgumentParser) -> None:
    """Add the choice of classifiers."""
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME|FILE",
        help="classifier, see `facewitness models`; given several times, each judges every face, and there is a joint "
        "verdict too",
    )


def add_workers_option(parser: argparse.ArgumentParser) -> None:
    """Add the number of processes."""
    parser.add_argument(
        "--workers",
        type=whole_number,
        metavar="N",
        help="scan in N processes (one for every 16 cores, as memory allows)",
    )


def add_limit_options(parser: argparse.ArgumentParser) -> None:
    """Add what reading a file may take."""
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=_USUAL.timeout_s,
        metavar="S",
        help=f"give up on a file that takes longer to read than S seconds ({_USUAL.timeout_s:g})",
    )
    parser.add_argument(
        "--memory",
        type=_megabytes,
        default=_USUAL.memory_bytes >> 20,
        metavar="MB",
        help=f"give up on a file whose decoder wants more than MB megabytes of memory ({_USUAL.memory_bytes >> 20})",
    )


def _named(text: str) -> str:
    # As a path it would be the current folder, which nobody meant who wrote "$CLIP" for a variable that is not set.
    if not text:
        raise argparse.ArgumentTypeError("an empty name; write . for the current folder")
    return text


def _cluster(text: str) -> str:
    with contextlib.suppress(ValueError):  # a port that is none
        parts = urlsplit(text)
        if text == "auto" or (parts.scheme == "ray" and parts.hostname and parts.port):
            return text
    raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor an address such as ray://HOST:10001")


def _frame_count(text: str) -> int | str:
    return "all" if text == "all" else whole_number(text)


def _seconds(text: str) -> float:
    return number_above_zero(text, "number of seconds")


def _megabytes(text: str) -> int:
    number = whole_number(text)
    # ffmpeg itself takes some hundred, and Pillow as well.
    if number < _LEAST_MEMORY_MB:
        raise argparse.ArgumentTypeError(f"decoders need at least {_LEAST_MEMORY_MB} MB")
    return number


def _positive(text: str) -> float:
    return number_above_zero(text, "rate", 10_000)
