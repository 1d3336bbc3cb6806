"""OpenVINO: the default engine, which needs neither TensorFlow nor a GPU."""

from __future__ import annotations

import numpy as np
import openvino as ov

from classifiers.model_spec import ModelError, ModelSpec

_BATCH = 32


class OpenVinoEngine:
    """Runs the OpenVINO graph of a model on the CPU in float32.

    Args:
        model: has the files "openvino_graph" and "openvino_weights".
        threads: number of threads, or None for all cores.

    Raises:
        ModelError: a file is missing or damaged, or is not of the model's crop size.
    """

    name = "openvino"
    precision = "f32"

    def __init__(self, model: ModelSpec, threads: int | None = None) -> None:
        core = ov.Core()
        weights = ov.Tensor(np.frombuffer(model.read("openvino_weights"), np.uint8))
        graph = core.read_model(model.read("openvino_graph"), weights)
        self.weights_sha256 = model.files["openvino_weights"].sha256
        wanted = f"[?,{model.crop_size},{model.crop_size},3]"
        if str(graph.inputs[0].get_partial_shape()) != wanted:
            shape = graph.inputs[0].get_partial_shape()
            raise ModelError(f"the graph of model {model.name!r} takes {shape}, not crops of {wanted}")
        # Without the hint newer processors take bfloat16, and a score would depend on the machine.
        settings: dict[str, object] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        self._network = core.compile_model(graph, "CPU", settings)

    def predict(self, crops: np.ndarray) -> np.ndarray:
        """Classify uint8 (n, size, size, 3) RGB crops: float32 (n, 2) logits."""
        parts = [crops[start : start + _BATCH] for start in range(0, len(crops), _BATCH)]
        logits = [self._network(part.astype(np.float32))[0] for part in parts]
        return np.concatenate([np.empty((0, 2), np.float32), *logits])
