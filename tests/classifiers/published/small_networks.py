"""Networks of few numbers as ONNX files, whose answers can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 16
WEIGHTS = np.array([[0.6, -0.4, 0.9], [-0.3, 0.8, 0.2], [0.1, 0.5, -0.7]], np.float32)
"""Of the class in each row, for the mean of each channel."""


def mean_colour(
    path: Path,
    classes: int = 1,
    *,
    layout: str = "NCHW",
    activation: str | None = None,
    batch: int | str = "n",
    scale: float = 1.0,
    side: int = SIDE,
) -> Path:
    """Write a network that weighs the mean of each channel of what it is given.

    Args:
        path: the `.onnx` file.
        classes: number of rows of `WEIGHTS` that it gives.
        layout: "NCHW" or "NHWC".
        activation: "Sigmoid" or "Softmax" at its end, or none.
        batch: number of crops that it takes, or a name for any number.
        scale: of the weights.
        side: of its input.
    """
    shape = [batch, 3, side, side] if layout == "NCHW" else [batch, side, side, 3]
    axes = [2, 3] if layout == "NCHW" else [1, 2]
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["colour"], axes=axes, keepdims=0),
        helper.make_node("Gemm", ["colour", "weights"], ["found" if activation else "answer"], transB=1),
    ]
    if activation:
        nodes.append(helper.make_node(activation, ["found"], ["answer"]))
    return write(path, nodes, shape, [batch, classes], {"weights": WEIGHTS[:classes] * scale})


def write(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    shape: Sequence[int | str],
    answer: Sequence[int | str],
    constants: dict[str, np.ndarray],
) -> Path:
    """Write a network from "image" to "answer"."""
    graph = helper.make_graph(
        list(nodes),
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, list(answer))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    # As old as the operators, so that every release of ONNX Runtime reads it.
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def answer(
    crops: np.ndarray,
    classes: int,
    *,
    colour: str = "RGB",
    scale: float = 1 / 255,
    mean: Sequence[float] = (0.0,),
    deviation: Sequence[float] = (1.0,),
) -> np.ndarray:
    """Work out what `mean_colour` gives before its activation.

    Args:
        crops: uint8 (n, side, side, 3) RGB.
        classes: as above.
        colour: order of the channels that the network wants.
        scale: multiplies pixels first.
        mean: is subtracted then.
        deviation: divides what is left.

    Returns:
        float64 (n, classes).
    """
    pixels = crops[..., ::-1] if colour == "BGR" else crops
    prepared = (pixels.astype(np.float64) * scale - np.asarray(mean)) / np.asarray(deviation)
    return prepared.mean(axis=(1, 2)) @ WEIGHTS[:classes].astype(np.float64).T
