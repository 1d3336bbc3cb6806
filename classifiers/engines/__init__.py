"""What runs a trained network. All engines give the same logits within 1e-3 at float32."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Protocol

import numpy as np

from classifiers.model_spec import ModelSpec


class Engine(Protocol):
    """Runs one network.

    Attributes:
        name: as in `ENGINES`.
        precision: number format of the arithmetic, such as "f32".
        weights_sha256: of the file of weights that it loaded.
    """

    name: str
    precision: str
    weights_sha256: str

    def predict(self, crops: np.ndarray) -> np.ndarray:
        """Classify crops.

        Args:
            crops: uint8 (n, size, size, 3) RGB, aligned as the model's crop template says; n may be 0.

        Returns:
            float32 (n, 2) logits: manipulated, generated.
        """
        ...


def _openvino(model: ModelSpec, threads: int | None) -> Engine:
    from classifiers.engines.openvino_engine import OpenVinoEngine

    return OpenVinoEngine(model, threads)


def _onnxruntime(model: ModelSpec, threads: int | None) -> Engine:
    from classifiers.engines.onnxruntime_engine import OnnxRuntimeEngine

    return OnnxRuntimeEngine(model, threads)


def _keras(model: ModelSpec, threads: int | None) -> Engine:
    from classifiers.engines.keras_engine import KerasEngine

    return KerasEngine(model, threads)


def _tensorflow(model: ModelSpec, threads: int | None) -> Engine:
    from classifiers.engines.keras_engine import TensorFlowEngine

    return TensorFlowEngine(model, threads)


ENGINES: dict[str, Callable[[ModelSpec, int | None], Engine]] = {
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
    "keras": _keras,
    "tensorflow": _tensorflow,
}
"""Name to factory."""

_FAST = {"openvino": ("openvino_graph", "openvino_weights"), "onnxruntime": ("onnx",)}
"""The engines that need a file of their own, the fastest first; each is called as its package is."""


def create_engine(name: str, model: ModelSpec, threads: int | None = None) -> Engine:
    """Load a model into an engine.

    Args:
        name: one of `ENGINES`, or "auto": the fastest that is installed and that the model has files for.
        model: what to load.
        threads: number of threads, or None for all cores.

    Raises:
        ValueError: no such engine.
        ModelError: the model has no file for it, the file is damaged, or the engine is not installed.
    """
    name = engine_name(name, model)
    if name not in ENGINES:
        raise ValueError(f"no engine is called {name!r}; there are auto, {', '.join(ENGINES)}")
    return ENGINES[name](model, threads)


def engine_name(name: str, model: ModelSpec) -> str:
    """Say which engine a name means for a model: "auto" is the fastest that is installed and has its files."""
    if name != "auto":
        return name
    for name, files in _FAST.items():
        if model.files.keys() >= set(files) and importlib.util.find_spec(name) is not None:
            return name
    return "keras"
