"""A network's file as a graph that takes our crops and gives our logits, so that everything here runs it as our own."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers.model_spec import ModelError
from classifiers.numerals import counted
from classifiers.published.recipe import InputRecipe, OutputRecipe, Recipe

if TYPE_CHECKING:
    import openvino as ov

FORMATS = (".onnx", ".xml", ".keras")
"""Endings of the files that can be adapted: ONNX, an OpenVINO graph with its weights beside it, Keras."""

UNKNOWN_LOGIT = -30.0
"""Second logit of a network that has one output only; see `classifiers.calibration.NEVER`."""

# A chance of 1 in float32 is no more than this sure: its logit would be infinite.
_SMALLEST_CHANCE = 1e-7
_BATCH = 3


def adapt(path: Path, recipe: Recipe) -> ov.Model:
    """Read a network and put what its recipe says around it.

    Args:
        path: one of `FORMATS`.
        recipe: how the network is used.

    Returns:
        A graph from RGB crops, float32 (n, size, size, 3) from 0 to 255, to logits, float32 (n, 2): manipulated and
        generated, each against real.

    Raises:
        ModelError: the file is no such network, needs operations that are not known here or files that are missing,
            takes or gives something else than the recipe says, cannot take several crops at a time, or gives what is
            no number.
    """
    network = _read(path)
    network = _with_open_batch(network, path, recipe.input)
    output = _output(network, path, recipe.output)
    graph = _wrapped(network, output, recipe)
    _check(graph, path, recipe.input.size)
    return graph


def _read(path: Path) -> ov.Model:
    import openvino as ov

    if path.suffix.lower() not in FORMATS:
        raise ModelError(f"{path} is no {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file; export the network to ONNX")
    if not path.is_file():
        raise ModelError(f"there is no file {path}")
    try:
        return _from_keras(path) if path.suffix.lower() == ".keras" else ov.Core().read_model(path)
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        raise ModelError(f"{path} cannot be read as a network: {_reason(error)}") from error


def _from_keras(path: Path) -> ov.Model:
    import keras
    import openvino as ov

    from classifiers.export import save_openvino

    network = keras.saving.load_model(path, compile=False, safe_mode=True)
    with tempfile.TemporaryDirectory() as folder:
        graph_file = Path(folder, "network.xml")
        save_openvino(network, graph_file)
        weights = np.frombuffer(graph_file.with_suffix(".bin").read_bytes(), np.uint8)
        # From memory: what is read from files is mapped, and these go away.
        return ov.Core().read_model(graph_file.read_bytes(), ov.Tensor(weights))


def _reason(error: Exception) -> str:
    """Give the line of a library's message that says what is wrong; those before say where in its code."""
    lines = [line.strip(" -") for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__


def _with_open_batch(network: ov.Model, path: Path, wanted: InputRecipe) -> ov.Model:
    import openvino as ov

    if len(network.inputs) != 1:
        raise ModelError(f"{path} takes {len(network.inputs)} inputs; a detector of single faces takes one")
    shape = network.inputs[0].get_partial_shape()
    if shape.rank.is_dynamic:
        raise ModelError(f"{path} does not say how many axes its input has; export it with a fixed number of them")
    sides = {"NCHW": [3, wanted.size, wanted.size], "NHWC": [wanted.size, wanted.size, 3]}[wanted.layout]
    if len(shape) != 4 or not ov.PartialShape(sides).compatible(ov.PartialShape(list(shape)[1:])):
        raise ModelError(
            f"{path} takes {shape}, but its recipe says {wanted.layout} of {wanted.size} pixels: [n, "
            f"{', '.join(map(str, sides))}]"
        )
    try:
        network.reshape({network.inputs[0]: ov.PartialShape([-1, *sides])})
    except RuntimeError as error:
        raise ModelError(
            f"{path} only takes {shape}; export it so that it takes any number of crops (dynamic_axes)"
        ) from error
    return network


def _output(network: ov.Model, path: Path, wanted: OutputRecipe) -> ov.Output:
    found = [output for output in network.outputs if wanted.name is None or wanted.name in output.get_names()]
    if not found:
        names = ", ".join(name for output in network.outputs for name in output.get_names())
        raise ModelError(f"{path} has no output {wanted.name!r}, as its recipe says; it has {names}")
    shape = found[0].get_partial_shape()
    sides = [] if shape.rank.is_dynamic else list(shape)[1:]
    known = bool(sides) and all(side.is_static for side in sides)
    if known and math.prod(side.get_length() for side in sides) != len(wanted.classes):
        meanings = counted(len(wanted.classes), "number")
        raise ModelError(f"{path} gives {shape}, but its recipe is for {meanings}; correct its classes")
    return found[0]


def _wrapped(network: ov.Model, output: ov.Output, recipe: Recipe) -> ov.Model:
    import openvino as ov
    from openvino import opset13

    size = recipe.input.size
    crops = opset13.parameter([-1, size, size, 3], np.float32, name="crop")
    crops.output(0).set_names({"crop"})
    entry = network.inputs[0]
    prepared = _prepared(crops, recipe.input)
    if entry.get_element_type() != ov.Type.f32:
        prepared = opset13.convert(prepared, entry.get_element_type().get_type_name())
    for reader in list(entry.get_target_inputs()):
        reader.replace_source_output(prepared.output(0))
    logits = _logits(opset13.convert(output.get_node().input_value(0), "f32"), recipe.output)
    logits.output(0).set_names({"logits"})
    return ov.Model([logits], [crops], recipe.name)


def _prepared(crops: Any, wanted: InputRecipe) -> Any:
    """Turn RGB crops, (n, size, size, 3) from 0 to 255, into what the network takes."""
    from openvino import opset13

    if wanted.colour == "BGR":
        crops = opset13.gather(crops, np.array([2, 1, 0]), np.int64(3))
    scale = (wanted.scale / np.asarray(wanted.deviation, np.float64)).astype(np.float32)
    shift = (np.asarray(wanted.mean, np.float64) / np.asarray(wanted.deviation, np.float64)).astype(np.float32)
    found = opset13.subtract(opset13.multiply(crops, scale), shift)
    return opset13.transpose(found, np.array([0, 3, 1, 2])) if wanted.layout == "NCHW" else found


def _logits(found: Any, said: OutputRecipe) -> Any:
    """Turn what a network says into two logits: manipulated and generated, each against real."""
    from openvino import opset13

    flat = opset13.reshape(found, np.array([0, len(said.classes)]), special_zero=True)
    if len(said.classes) == 1:
        first = opset13.multiply(_log_odds(flat, said), np.float32(-1 if said.classes[0] == "real" else 1))
        if said.classes[0] == "generated":
            return opset13.concat([_unknown(first), first], 1)
        return opset13.concat([first, _unknown(first)], 1)
    if said.activation == "softmax":
        flat = opset13.log(opset13.maximum(flat, np.float32(_SMALLEST_CHANCE)))
    real = _of_classes(flat, said.classes, ("real",))
    both = []
    for meanings in (("fake", "manipulated"), ("generated",)):
        chosen = _of_classes(flat, said.classes, meanings)
        both.append(opset13.subtract(chosen, real) if chosen is not None else _unknown(real))
    return opset13.concat(both, 1)


def _log_odds(value: Any, said: OutputRecipe) -> Any:
    from openvino import opset13

    if said.activation == "none":
        return value
    chance = opset13.clamp(value, _SMALLEST_CHANCE, 1 - _SMALLEST_CHANCE)
    return opset13.subtract(opset13.log(chance), opset13.log(opset13.subtract(np.float32(1), chance)))


def _of_classes(logits: Any, classes: Sequence[str], meanings: Sequence[str]) -> Any:
    """Sum up the chances of some classes, as a logarithm, (n, 1); None where there are none."""
    from openvino import opset13

    chosen = np.array([place for place, meaning in enumerate(classes) if meaning in meanings])
    if not len(chosen):
        return None
    found = opset13.gather(logits, chosen, np.int64(1))
    highest = opset13.reduce_max(found, np.array([1]), keep_dims=True)
    rest = opset13.reduce_sum(opset13.exp(opset13.subtract(found, highest)), np.array([1]), keep_dims=True)
    return opset13.add(highest, opset13.log(rest))


def _unknown(like: Any) -> Any:
    from openvino import opset13

    return opset13.add(opset13.multiply(like, np.float32(0)), np.float32(UNKNOWN_LOGIT))


def _check(graph: ov.Model, path: Path, size: int) -> None:
    """Run a few crops, together and one by one.

    Raises:
        ModelError: it cannot, gives what is no number, or what a crop gives depends on the others.
    """
    from classifiers.openvino_graph import compile_for_cpu

    crops = np.random.default_rng(0).integers(0, 256, (_BATCH, size, size, 3)).astype(np.float32)
    try:
        network = compile_for_cpu(graph)
        together = np.array(network(crops)[0])
        alone = np.concatenate([np.array(network(crop[None])[0]) for crop in crops])
    except RuntimeError as error:
        raise ModelError(f"{path} cannot be run: {_reason(error)}") from error
    if not np.isfinite(together).all():
        raise ModelError(f"{path} gives what is no number for crops of noise; its weights or its recipe are wrong")
    if np.abs(together - alone).max() > 1e-2 * max(1.0, float(np.abs(together).max())):
        raise ModelError(f"what {path} says of a crop depends on the others; export it in evaluation mode")
