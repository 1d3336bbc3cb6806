"""Face classifiers: architectures, trained weights and the engines that run them."""

from __future__ import annotations

import importlib

_HOMES = {
    "ENGINES": "classifiers.engines",
    "Engine": "classifiers.engines",
    "create_engine": "classifiers.engines",
    "ModelError": "classifiers.model_spec",
    "ModelSpec": "classifiers.model_spec",
    "find_model": "classifiers.model_spec",
    "shipped_models": "classifiers.model_spec",
}
__all__ = ["ENGINES", "Engine", "ModelError", "ModelSpec", "create_engine", "find_model", "shipped_models"]


def __getattr__(name: str) -> object:
    # The command line reads the settings of a training run for its help, and must not load numpy for that.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
