"""What every engine promises."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from classifiers.model_spec import ModelError

PRECISIONS = ("int8", "bf16", "f32", "f16")
"""Number formats of the arithmetic, in the order in which "auto" prefers them; f16 is last, as it overflows first."""


class Engine(Protocol):
    """Runs one network. An engine is used by one thread at a time.

    To add an engine, write a class with these members into a new file and a line into `classifiers.engines.ENGINES`.
    `tests/classifiers/test_engine_conformance.py` then tests it as it does every other; that suite is the contract.

    Its constructor takes the model, the number of CPU threads or None for all cores, a precision and a device, as
    `classifiers.engines.create_engine` does. It raises `ModelError`, with one sentence for the user, where a file is
    missing or damaged, where its package is not installed, and where it lacks the precision or the device.

    Attributes:
        name: the key in `classifiers.engines.ENGINES`.
        precision: number format of the arithmetic, one of `PRECISIONS`.
        device: what computes, such as "CPU" or "GPU.1".
        weights_sha256: of the file of weights that it loaded.
    """

    name: str
    precision: str
    device: str
    weights_sha256: str

    def predict(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify crops; at float32 the logits are those of Keras within 1e-3.

        Args:
            crops: uint8 (n, size, size, 3) RGB, aligned as the model's crop template says; n may be 0.

        Returns:
            float32 (n, 2) logits: manipulated, generated. Those of a crop do not depend on the others.

        Raises:
            ValueError: the crops are of another size or type.
        """
        ...


def check_crops(crops: NDArray[Any], size: int) -> None:
    """Make sure that crops are what `Engine.predict` takes.

    Raises:
        ValueError: they are not uint8 (n, size, size, 3).
    """
    if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != (size, size, 3):
        raise ValueError(f"crops must be uint8 (n, {size}, {size}, 3), not {crops.dtype} {crops.shape}")


def require_f32(engine: str, precision: str) -> None:
    """Refuse every precision but float32, for engines that have no other.

    Raises:
        ModelError: another precision is wanted.
    """
    if precision not in ("auto", "f32"):
        raise ModelError(f"the {engine} engine computes in f32, not in {precision}; the openvino engine may")
