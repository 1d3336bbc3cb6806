"""What runs a trained network. All engines give the same logits within 1e-3 at float32."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Protocol

import numpy as np

from classifiers.model_spec import ModelError, ModelSpec


class Engine(Protocol):
    """Runs one network.

    Attributes:
        name: as in `ENGINES`.
        precision: number format of the arithmetic, one of `PRECISIONS`.
        device: what computes, such as "CPU" or "GPU.1".
        weights_sha256: of the file of weights that it loaded.
    """

    name: str
    precision: str
    device: str
    weights_sha256: str

    def predict(self, crops: np.ndarray) -> np.ndarray:
        """Classify crops.

        Args:
            crops: uint8 (n, size, size, 3) RGB, aligned as the model's crop template says; n may be 0.

        Returns:
            float32 (n, 2) logits: manipulated, generated.
        """
        ...


PRECISIONS = ("int8", "bf16", "f32", "f16")
"""Number formats of the arithmetic, in the order in which "auto" prefers them; f16 is last, as it overflows first."""


def _openvino(model: ModelSpec, threads: int | None, precision: str, device: str) -> Engine:
    from classifiers.engines.openvino_engine import OpenVinoEngine

    return OpenVinoEngine(model, threads, precision, device)


def _onnxruntime(model: ModelSpec, threads: int | None, precision: str, device: str) -> Engine:
    from classifiers.engines.onnxruntime_engine import OnnxRuntimeEngine

    _require_f32("onnxruntime", precision)
    return OnnxRuntimeEngine(model, threads, device)


def _keras(model: ModelSpec, threads: int | None, precision: str, device: str) -> Engine:
    from classifiers.engines.keras_engine import KerasEngine

    _require_f32("keras", precision)
    return KerasEngine(model, threads, device)


def _tensorflow(model: ModelSpec, threads: int | None, precision: str, device: str) -> Engine:
    from classifiers.engines.keras_engine import TensorFlowEngine

    _require_f32("tensorflow", precision)
    return TensorFlowEngine(model, threads, device)


def _require_f32(engine: str, precision: str) -> None:
    if precision not in ("auto", "f32"):
        raise ModelError(f"the {engine} engine computes in f32, not in {precision}; the openvino engine may")


ENGINES: dict[str, Callable[[ModelSpec, int | None, str, str], Engine]] = {
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
    "keras": _keras,
    "tensorflow": _tensorflow,
}
"""Name to factory, which takes the model, the number of threads, the precision and the device."""

_FAST = {"openvino": ("openvino_graph", "openvino_weights"), "onnxruntime": ("onnx",)}
"""The engines that need a file of their own, the fastest first; each is called as its package is."""


def create_engine(
    name: str, model: ModelSpec, threads: int | None = None, precision: str = "f32", device: str = "auto"
) -> Engine:
    """Load a model into an engine.

    Args:
        name: one of `ENGINES`, or "auto": the fastest that is installed and that the model has files for.
        model: what to load.
        threads: number of CPU threads, or None for all cores.
        precision: one of `PRECISIONS`, or "auto": the first of them that the engine, the device and the model have.
        device: as the engine calls it, such as "CPU", "GPU", "NPU" or "CUDA", or "auto": the CPU, even where there is
            another device, so that scores do not depend on what else is in a machine. Keras decides for itself.

    Raises:
        ValueError: no such engine or precision.
        ModelError: the model has no file for it, the file is damaged, the engine is not installed, or it lacks the
            precision or the device.
    """
    name = engine_name(name, model)
    if name not in ENGINES:
        raise ValueError(f"no engine is called {name!r}; there are auto, {', '.join(ENGINES)}")
    if precision not in ("auto", *PRECISIONS):
        raise ValueError(f"no precision is called {precision!r}; there are auto, {', '.join(PRECISIONS)}")
    return ENGINES[name](model, threads, precision, device if device == "auto" else device.upper())


def engine_name(name: str, model: ModelSpec) -> str:
    """Say which engine a name means for a model: "auto" is the fastest that is installed and has its files."""
    if name != "auto":
        return name
    for name, files in _FAST.items():
        if model.files.keys() >= set(files) and importlib.util.find_spec(name) is not None:
            return name
    return "keras"
