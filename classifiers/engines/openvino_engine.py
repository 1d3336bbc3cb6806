"""OpenVINO: the default engine, which needs neither TensorFlow nor a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13

from classifiers.engines.engine import check_crops
from classifiers.model_spec import ModelError, ModelSpec
from classifiers.openvino_graph import (
    CPU_SETTINGS,
    bottleneck_maps,
    files_of,
    nodes_before,
    read_graph,
    with_byte_input,
)

# Maps of more crops than this leave the caches of a CPU: they cost more time, and a lot of memory.
_CPU_BATCH = 8
_BATCH = 32

_CAPABILITIES = {"int8": {"INT8", "FP32"}, "bf16": {"BF16"}, "f32": {"FP32"}, "f16": {"FP16"}}
"""What a device must be capable of, by precision; what is not quantised in an int8 model stays in float32."""


class OpenVinoEngine:
    """Runs the OpenVINO graph of a model.

    Args:
        model: has the files "openvino_graph" and "openvino_weights", or those of `files_of` for int8.
        threads: number of CPU threads, or None for all cores.
        precision: "auto", "int8", "bf16", "f32" or "f16".
        device: one of those of OpenVINO, or "auto" for the CPU.

    Raises:
        ModelError: a file is missing or damaged, or is not of the model's crop size; or there is no such device, or it
            cannot compute in this precision.
    """

    name = "openvino"

    def __init__(
        self, model: ModelSpec, threads: int | None = None, precision: str = "f32", device: str = "auto"
    ) -> None:
        core = ov.Core()
        self.device = "CPU" if device == "auto" else device
        if self.device not in core.available_devices:
            devices = ", ".join(core.available_devices)
            raise ModelError(f"the openvino engine finds no device {device}; there are {devices}")
        self.precision = _precision(core, self.device, model, precision)
        graph = with_byte_input(read_graph(model, self.precision))
        self.weights_sha256 = model.files[files_of(self.precision)[1]].sha256
        self._size = model.crop_size
        # Without a hint newer processors take bfloat16, and a score would depend on the machine.
        settings: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY"}
        if self.device == "CPU":
            settings |= CPU_SETTINGS
            if threads is not None:
                settings["INFERENCE_NUM_THREADS"] = threads
        if self.precision == "bf16":
            parts = _split(graph)
        else:
            # What is quantised in an int8 graph says so itself.
            parts = [(graph, "f32" if self.precision == "int8" else self.precision)]
        try:
            self._networks = [
                core.compile_model(part, self.device, settings | {"INFERENCE_PRECISION_HINT": hint})
                for part, hint in parts
            ]
        except RuntimeError as error:
            raise ModelError(f"device {self.device} cannot run model {model.name!r} in {self.precision}") from error

    def predict(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify crops, as `Engine.predict` says."""
        check_crops(crops, self._size)
        batch = _CPU_BATCH if self.device == "CPU" else _BATCH
        logits = [np.empty((0, 2), np.float32)]
        for start in range(0, len(crops), batch):
            values: list[Any] = [crops[start : start + batch]]
            for network in self._networks:
                values = list(network(values).values())
            logits += values
        return np.concatenate(logits)


def _split(graph: ov.Model) -> list[tuple[ov.Model, str]]:
    """Cut a graph in two of which only the second bears bf16, if everything in it passes through bottleneck maps.

    Made for MobileNetV2, whose first depthwise convolution looks at differences far smaller than what they differ from:
    without it and what else is before the first convolution that widens a map, four fifths of the error of bf16 are
    gone. Of InceptionResNetV2 the stem stays in f32, a fifteenth of its work.
    """
    widened = next(iter(bottleneck_maps(graph).values()), [])
    result = graph.outputs[0].get_node()
    if not widened or any(node.get_type_name() == "Parameter" for node in nodes_before(result, widened)):
        return [(graph, "bf16")]
    first = ov.Model(widened, graph.get_parameters()).clone()
    middle = [opset13.parameter(port.get_partial_shape(), np.float32) for port in widened]
    for port, parameter in zip(widened, middle, strict=True):
        for reader in list(port.get_target_inputs()):
            reader.replace_source_output(parameter.output(0))
    return [(first, "f32"), (ov.Model([result.input_value(0)], middle), "bf16")]


def _precision(core: ov.Core, device: str, model: ModelSpec, wanted: str) -> str:
    """Take the precision that is wanted, or the first that the device and the files of the model allow."""
    capable = set(core.get_property(device, "OPTIMIZATION_CAPABILITIES"))
    able = [precision for precision, needed in _CAPABILITIES.items() if needed <= capable]
    if not able:
        raise ModelError(f"device {device} computes in none of {', '.join(_CAPABILITIES)}; choose another device")
    if wanted != "auto" and wanted not in able:
        raise ModelError(f"device {device} does not compute in {wanted}; it does in {', '.join(able)}")
    if wanted in ("auto", "int8") and "int8" in able:
        has_files = model.files.keys() >= set(files_of("int8"))
        if has_files and adds_int8_exactly(core, device):
            return "int8"
        if wanted == "int8":
            reason = f"device {device} does not add 8-bit products exactly" if has_files else "it has no int8 files"
            raise ModelError(f"model {model.name!r} cannot run in int8: {reason}; choose another precision")
    if wanted == "auto" and model.origin and "f32" in able:
        # How published networks bear other formats nobody has measured.
        return "f32"
    return next(p for p in able if p != "int8") if wanted == "auto" else wanted


def adds_int8_exactly(core: ov.Core, device: str) -> bool:
    """Tell whether sums of 8-bit products come out right.

    x86 processors without VNNI instructions saturate where two neighbouring products exceed 16 bits; no list of
    capabilities says so, but the largest sum there is does. A device that cannot even form it does not either.
    """
    largest = opset13.parameter([1, 64, 1, 1], np.float32)
    quantised = opset13.fake_quantize(largest, *np.array([0, 255, 0, 255], np.float32), 256)
    weights = opset13.convert(opset13.constant(np.full((1, 64, 1, 1), 127, np.int8)), "f32")
    scaled = opset13.multiply(weights, np.float32(1))
    total = opset13.convolution(quantised, scaled, [1, 1], [0, 0], [0, 0], [1, 1])
    try:
        network = core.compile_model(ov.Model([total], [largest]), device, {"INFERENCE_PRECISION_HINT": "f32"})
        found = network(np.full((1, 64, 1, 1), 255, np.float32))[0].item()
    except RuntimeError:
        return False
    return float(found) == 64 * 255 * 127
