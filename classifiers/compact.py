"""Networks whose weights are kept once, in 8 bits, for Keras and for OpenVINO.

A network of 50 million parameters fills 200 MB as a Keras file, and as much again as an OpenVINO graph. Here the
kernels are rounded to 8 bits by output channel before anything is made of the network, so that both hold the same
integers, and share one file of them. What is computed with them is as precise as ever.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import tempfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from classifiers.architectures import build, in_float32
from classifiers.model_spec import COMPACT_FILES, ModelError, ModelFile, ModelSpec

if TYPE_CHECKING:
    import keras
    import openvino as ov

# Kernels of fewer numbers, such as that of the last layer, stay as they are: they take no room.
_FEW = 4096
_LARGEST = 127

_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error)


def round_kernels(network: keras.Model) -> None:
    """Round the large kernels to 8 bits, in place.

    Folding a batch normalisation into a convolution later changes the scale of an output and not its integers, as long
    as it multiplies by a positive number.

    Args:
        network: float32, as `classifiers.architectures.build` gives it; what it says changes a little.
    """
    for layer in large_layers(network):
        kernel, *bias = layer.get_weights()
        integers, scale = _rounded(_outputs_first(kernel))
        layer.set_weights([_outputs_last(integers * scale), *bias])


def large_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """Give the convolutions and dense layers whose kernels hold nearly all numbers of a network, without its head."""
    import keras

    kinds = keras.layers.Conv2D | keras.layers.Dense
    layers = [layer for layer in network.layers[:-1] if isinstance(layer, kinds)]
    return [layer for layer in layers if math.prod(layer.kernel.shape) >= _FEW]


def make_compact(model: ModelSpec, network: keras.Model) -> ModelSpec:
    """Let the files of a model share their weights.

    Args:
        model: has OpenVINO files in float32, made from the network.
        network: its kernels have been rounded.

    Returns:
        The model with new files in the same folder, in which its Keras file is replaced by a description of where
        the weights are. The old files are gone; those of an int8 graph, which has weights of its own, stay.

    Raises:
        OSError: the folder cannot be written to.
    """
    import openvino as ov

    constants = ov.Tensor(np.frombuffer(model.read("openvino_weights"), np.uint8))
    graph = ov.Core().read_model(model.read("openvino_graph"), constants)
    _round_constants(graph)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "graph.xml")
        ov.save_model(graph, file, compress_to_fp16=False)
        written, weights = file.read_bytes(), file.with_suffix(".bin").read_bytes()
    files = dict(model.files)
    for kind in ("keras", "openvino_graph", "openvino_weights"):
        (model.folder / files.pop(kind).file).unlink()
    for kind, name, content in (
        ("compact_weights", f"{model.name}.weights.bin", weights),
        ("compact", f"{model.name}.npz", _description(network, written, weights, hashlib.sha256(weights).hexdigest())),
        ("openvino_graph", f"{model.name}.xml", written),
    ):
        (model.folder / name).write_bytes(content)
        files[kind] = ModelFile(name, hashlib.sha256(content).hexdigest())
    return replace(model, files=files | {"openvino_weights": files["compact_weights"]})


def read_compact(model: ModelSpec) -> keras.Model:
    """Build the network of a model from its compact files, in float32.

    Raises:
        ModelError: a file is missing or damaged, or holds something else than the model's architecture.
    """
    description, weights = (model.read(kind) for kind in COMPACT_FILES)
    try:
        with in_float32():
            network = build(model.architecture, input_size=model.crop_size)
        with np.load(io.BytesIO(description), allow_pickle=False) as arrays:
            found = json.loads(bytes(arrays["places"]))
            if found["weights_sha256"] != model.files["compact_weights"].sha256:
                raise ValueError("the description is of other weights")
            values = [_value(arrays, number, found["kernels"], weights) for number in range(len(network.weights))]
        network.set_weights(values)
    except _DAMAGE as error:
        raise ModelError(
            f"{model.files['compact'].file} of model {model.name!r} does not hold weights of {model.architecture}"
        ) from error
    return network


def _value(
    arrays: np.lib.npyio.NpzFile, number: int, places: dict[str, dict[str, Any]], weights: bytes
) -> NDArray[Any]:
    stored = arrays[str(number)]
    if (place := places.get(str(number))) is None:
        return stored
    shape = tuple(place["shape"])
    integers = np.frombuffer(weights, np.int8, int(np.prod(shape)), place["offset"]).reshape(shape)
    return _outputs_last(integers * stored)


def _description(network: keras.Model, graph: bytes, weights: bytes, sha256: str) -> bytes:
    """Say of every weight of a network where it is among those of a graph; those that are not there stand beside.

    With the hash of the file of the weights the description stands for all of them.
    """
    offsets = {}
    for constant in ElementTree.fromstring(graph).iterfind("layers/layer[@type='Const']/data"):
        offset, size = (int(constant.attrib[name]) for name in ("offset", "size"))
        offsets[hashlib.sha256(weights[offset : offset + size]).digest()] = offset
    arrays: dict[str, Any] = {}
    places: dict[str, dict[str, Any]] = {}
    for number, weight in enumerate(network.get_weights()):
        arrays[str(number)] = weight
        if weight.ndim in (2, 4) and weight.size >= _FEW:
            integers, scale = _rounded(_outputs_first(weight))
            if (place := offsets.get(hashlib.sha256(integers.tobytes()).digest())) is not None:
                places[str(number)] = {"offset": place, "shape": integers.shape}
                arrays[str(number)] = scale
    found = {"weights_sha256": sha256, "kernels": places}
    file = io.BytesIO()
    np.savez(file, places=np.frombuffer(json.dumps(found).encode(), np.uint8), **arrays)
    return file.getvalue()


def _round_constants(graph: ov.Model) -> None:
    """Store large kernels as integers and scales, where rounding has left no others in them."""
    from openvino import opset13

    for node in graph.get_ops():
        kind = node.get_type_name()
        if kind not in ("Convolution", "MatMul"):
            continue
        constant = node.input_value(1).get_node()
        if constant.get_type_name() != "Constant" or constant.data.size < _FEW:
            continue
        kernel, form = np.array(constant.data), node.get_attributes()
        if kind == "MatMul" and not form["transpose_b"]:
            kernel = kernel.T
        integers, scale = _rounded(kernel)
        if not np.allclose(integers * scale, kernel, rtol=1e-4, atol=0):
            continue
        product = opset13.multiply(opset13.convert(opset13.constant(integers), "f32"), opset13.constant(scale))
        if kind == "MatMul":
            # The integers lie with their outputs first, as those of convolutions do.
            transposed = opset13.matmul(node.input_value(0), product, form["transpose_a"], True)
            node.output(0).replace(transposed.output(0))
        else:
            node.input(1).replace_source_output(product.output(0))


def _outputs_first(kernel: NDArray[Any]) -> NDArray[Any]:
    """From the order of Keras to that of OpenVINO."""
    return kernel.T if kernel.ndim == 2 else kernel.transpose(3, 2, 0, 1)


def _outputs_last(kernel: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(kernel.T if kernel.ndim == 2 else kernel.transpose(2, 3, 1, 0))


def _rounded(kernel: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round a kernel, whose first axis is that of its outputs, to int8 and float32 scales by which to multiply."""
    axes = tuple(range(1, kernel.ndim))
    largest = np.abs(kernel).max(axis=axes, keepdims=True)
    scale = (np.where(largest > 0, largest, 1) / _LARGEST).astype(np.float32)
    return np.rint(kernel / scale).astype(np.int8), scale
