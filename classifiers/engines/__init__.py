"""What runs a trained network. All engines give the same logits within 1e-3 at float32."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

from classifiers.engines.engine import PRECISIONS, Engine
from classifiers.model_spec import ModelSpec

__all__ = ["ENGINES", "PRECISIONS", "Engine", "create_engine", "engine_name"]

ENGINES: Mapping[str, str] = {
    "openvino": "classifiers.engines.openvino_engine:OpenVinoEngine",
    "onnxruntime": "classifiers.engines.onnxruntime_engine:OnnxRuntimeEngine",
    "keras": "classifiers.engines.keras_engine:KerasEngine",
    "tensorflow": "classifiers.engines.keras_engine:TensorFlowEngine",
}
"""Every engine: its name, and its module and class. `Engine` says how to add one."""

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
    module, _, engine = ENGINES[name].partition(":")
    device = device if device == "auto" else device.upper()
    return getattr(importlib.import_module(module), engine)(model, threads, precision, device)


def engine_name(name: str, model: ModelSpec) -> str:
    """Say which engine a name means for a model: "auto" is the fastest that is installed and has its files."""
    if name != "auto":
        return name
    for name, files in _FAST.items():
        if model.files.keys() >= set(files) and importlib.util.find_spec(name) is not None:
            return name
    return "keras"
