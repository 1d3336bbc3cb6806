"""Face classifiers: architectures, trained weights and the engines that run them.

    model_spec.py      which trained models there are, and their files
    engines/           what runs them
    calibration.py     from logits to scores
    explain.py         which parts of a crop the logits come from
    architectures/     the networks, in Keras
    datasets/, training/, evaluation/
    export.py, quantize.py, compact.py    their files in other formats

Where to start:

    engine = create_engine("auto", find_model())
    logits = engine.predict(crops)
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

# What openvino imports would post its use to a public host at every start. Python gives up an import of what is None.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # typeshed knows no None

__all__ = ["ENGINES", "Engine", "ModelError", "ModelSpec", "create_engine", "find_model", "shipped_models"]

if TYPE_CHECKING:
    from classifiers.engines import ENGINES, Engine, create_engine
    from classifiers.model_spec import ModelError, ModelSpec, find_model, shipped_models
else:
    from importlib import import_module

    _HOMES = {
        "ENGINES": "classifiers.engines",
        "Engine": "classifiers.engines",
        "create_engine": "classifiers.engines",
        "ModelError": "classifiers.model_spec",
        "ModelSpec": "classifiers.model_spec",
        "find_model": "classifiers.model_spec",
        "shipped_models": "classifiers.model_spec",
    }

    def __getattr__(name):
        # The command line reads the settings of a training run for its help, and must not load numpy for that.
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *__all__})
