"""OpenVINO graphs of models: reading them, finding their parts, and compiling them.

Parts are found by the kinds of operations alone: exporters name operations as they like, and take either order of axes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from classifiers.model_spec import ModelError, ModelSpec

if TYPE_CHECKING:
    import openvino as ov

CPU_SETTINGS = {"NUM_STREAMS": 1, "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
"""For the CPU. With more streams, which OpenVINO may choose by itself on two sockets, its releases since 2026.1 compute
wrong logits from most graphs that hold 8-bit kernels. With groups it rounds what 8-bit kernels of dense layers are
multiplied by to 8 bits as well, in f32 too."""

_CHANGES_OF_FORM = ("Convert", "Identity", "Reshape", "Squeeze", "Unsqueeze")


def files_of(precision: str) -> tuple[str, str]:
    """Name the formats of graph and weights that a precision runs, as in `ModelSpec.files`."""
    infix = "int8_" if precision == "int8" else ""
    return f"openvino_{infix}graph", f"openvino_{infix}weights"


def read_graph(model: ModelSpec, precision: str = "f32") -> ov.Model:
    """Read the graph of a model: from RGB crops, float32 (n, size, size, 3) from 0 to 255, to logits, float32 (n, 2).

    Args:
        model: has the files of `files_of` the precision.
        precision: "int8" for the quantised graph, any other for the one of floats.

    Raises:
        ModelError: a file is missing or damaged, or the graph is not one for crops of the model's size.
    """
    import openvino as ov

    graph_file, weights_file = files_of(precision)
    content, weights = model.read(graph_file), ov.Tensor(np.frombuffer(model.read(weights_file), np.uint8))
    try:
        graph = ov.Core().read_model(content, weights)
    except RuntimeError as error:
        raise ModelError(f"the OpenVINO graph of model {model.name!r} cannot be loaded") from error
    wanted, shape = f"[?,{model.crop_size},{model.crop_size},3]", graph.inputs[0].get_partial_shape()
    if str(shape) != wanted:
        raise ModelError(f"the graph of model {model.name!r} takes {shape}, not crops of {wanted}")
    return graph


def with_byte_input(graph: ov.Model) -> ov.Model:
    """Let a graph take uint8 crops: it makes floats of them faster than NumPy, and needs no copy of the batch."""
    import openvino as ov

    converted = ov.preprocess.PrePostProcessor(graph)
    converted.input().tensor().set_element_type(ov.Type.u8)
    return converted.build()


def compile_for_cpu(graph: ov.Model, threads: int | None = None) -> ov.CompiledModel:
    """Compile a graph to compute in float32 on the CPU.

    Args:
        graph: any.
        threads: number of threads, or None for all cores.
    """
    import openvino as ov

    # Without the first, newer processors take bfloat16, and a number would depend on the machine.
    settings: dict[str, object] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", **CPU_SETTINGS}
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = threads
    return ov.Core().compile_model(graph, "CPU", settings)


@dataclass(frozen=True, slots=True, eq=False)
class DenseHead:
    """The dense layer that gives the logits: logits = features @ weights.T + bias.

    Attributes:
        features: what the layer reads, (n, width).
        weights: float32 (2, width).
        bias: float32 (2,).
    """

    features: ov.Output
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


def dense_head(graph: ov.Model) -> DenseHead | None:
    """Walk back from the logits to the dense layer; None if the graph ends in another way."""
    bias = np.zeros(2, np.float32)
    node = _before_changes_of_form(graph.outputs[0].get_node().input_value(0)).get_node()
    if node.get_type_name() == "Add":
        addend, port = _constant_and_other(node)
        if addend is None or addend.size not in (1, 2):
            return None
        bias = bias + addend.ravel()
        node = _before_changes_of_form(port).get_node()
    if node.get_type_name() != "MatMul":
        return None
    weights, transposed = _constant(node.input_value(1)), node.get_attributes()
    if weights is None or weights.ndim != 2 or transposed["transpose_a"]:
        return None
    weights = weights if transposed["transpose_b"] else weights.T
    return DenseHead(node.input_value(0), weights.astype(np.float32), bias.astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class PooledMap:
    """A feature map whose cells are averaged.

    Attributes:
        port: gives the map, (n, channels, height, width) or (n, height, width, channels).
        channel_axis: 1 or 3.
        cells: height and width of the map.
    """

    port: ov.Output
    channel_axis: int
    cells: tuple[int, int]


def pooled_map(features: ov.Output) -> PooledMap | None:
    """Walk back from features, (n, channels), to the map whose averages they are; None if they are none."""
    node = _before_changes_of_form(features).get_node()
    if node.get_type_name() != "ReduceMean":
        return None
    port, averaged = node.input_value(0), _constant(node.input_value(1))
    shape = port.get_partial_shape()
    if averaged is None or shape.rank.get_length() != 4:
        return None
    axes = sorted(int(axis) % 4 for axis in averaged.ravel())
    if axes not in ([2, 3], [1, 2]) or any(shape[axis].is_dynamic for axis in axes):
        return None
    height, width = (shape[axis].get_length() for axis in axes)
    return PooledMap(port, 1 if axes == [2, 3] else 3, (height, width))


def bottleneck_maps(graph: ov.Model) -> dict[int, list[ov.Output]]:
    """Find, by their side, the last maps of each size that a convolution over single cells widens, the largest first.

    There a network of inverted residuals (Sandler et al., CVPR 2018, arXiv:1801.04381) holds what it has found, in few
    channels and not rectified; those of others may be rectified and have many. Networks side by side have one each.
    """
    found: dict[int, list[ov.Output]] = {}
    for node in graph.get_ordered_ops():
        if node.get_type_name() == "Convolution" and list(node.input_value(1).get_shape()[2:]) == [1, 1]:
            widened, (outputs, inputs, *_) = node.input_value(0), node.input_value(1).get_shape()
            if outputs > inputs:
                side = widened.get_partial_shape()[2].get_length()
                nodes = [widened.get_node(), *nodes_before(widened.get_node())]
                before = {each.get_friendly_name() for each in nodes}
                others = [port for port in found.get(side, []) if port.get_node().get_friendly_name() not in before]
                found[side] = [*others, widened]
    return found


def nodes_before(node: ov.Node, but_for: Iterable[ov.Output] = ()) -> list[ov.Node]:
    """Give the nodes whose values reach a node, without those that do so only through some ports."""
    seen = {port.get_node().get_friendly_name() for port in but_for}
    ahead, found = [node], []
    while ahead:
        before = [source.get_node() for source in ahead.pop().input_values()]
        ahead += (new := [each for each in before if each.get_friendly_name() not in seen])
        found += new
        seen |= {each.get_friendly_name() for each in before}
    return found


def _before_changes_of_form(port: ov.Output) -> ov.Output:
    """Skip what leaves every number as it is and in its order."""
    while port.get_node().get_type_name() in _CHANGES_OF_FORM:
        port = port.get_node().input_value(0)
    return port


def _constant(port: ov.Output) -> NDArray[Any] | None:
    """Read numbers that are stored in the graph, also where they are stored in half precision."""
    node = port.get_node()
    if node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    return np.array(node.data) if node.get_type_name() == "Constant" else None


def _constant_and_other(node: ov.Node) -> tuple[NDArray[Any] | None, ov.Output]:
    first, second = node.input_values()
    stored = _constant(first)
    return (stored, second) if stored is not None else (_constant(second), first)
