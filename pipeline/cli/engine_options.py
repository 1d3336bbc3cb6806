"""The options that say how the classifier computes."""

from __future__ import annotations

import argparse


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add them; they go into `classifiers.create_engine`, which is not loaded for the help."""
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
