"""The options that say how faces are found and how the classifier computes."""

from __future__ import annotations

import argparse

from extractors import DETECTORS


def add_detector_option(parser: argparse.ArgumentParser) -> None:
    """Add the choice of the detector; `extractors.create_detector` takes it."""
    default, *others, last = DETECTORS
    names = ", ".join([f"{default} (default)", *others])
    parser.add_argument("--detector", default=default, metavar="NAME", help=f"{names} or {last}")


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that go into `classifiers.create_engine`, which is not loaded for the help."""
    parser.add_argument(
        "--engine", default="auto", metavar="NAME", help="auto (default), openvino, onnxruntime, keras or tensorflow"
    )
    parser.add_argument(
        "--precision",
        choices=("auto", "int8", "bf16", "f32", "f16"),
        default="auto",
        help="number format of the classifier: auto is the fastest that processor and model have; the result names it",
    )
    parser.add_argument(
        "--device", default="auto", metavar="NAME", help="where the classifier runs: auto (the CPU), GPU, CUDA, ..."
    )


def number_above_zero(text: str, what: str = "number", limit: float = 1e9) -> float:
    """Read a number above 0.

    Args:
        text: what the user wrote.
        what: it is called in the message.
        limit: it is less than this.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < limit:
        raise argparse.ArgumentTypeError(f"{text!r} is not a {what} above 0")
    return number


def whole_number(text: str) -> int:
    """Read a whole number above 0."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number
