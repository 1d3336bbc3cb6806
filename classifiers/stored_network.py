"""The network of a model, from whichever of its files holds it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.architectures import load
from classifiers.compact import read_compact
from classifiers.model_spec import ModelError, ModelSpec

if TYPE_CHECKING:
    import keras


def load_network(model: ModelSpec) -> keras.Model:
    """Build the network of a model in float32, with its trained weights.

    Raises:
        ModelError: a file is missing, damaged or of another architecture.
    """
    if "keras" not in model.source_files:
        return read_compact(model)
    with tempfile.TemporaryDirectory() as folder:
        # Keras reads from a path only; this one holds exactly the bytes that were checked.
        path = Path(folder, "model.keras")
        path.write_bytes(model.read("keras"))
        try:
            network = load(path)
        except ValueError as error:
            message = f"the Keras file of model {model.name!r} does not hold weights of {model.architecture}"
            raise ModelError(message) from error
    if network.name != model.architecture or network.input_shape[1] != model.crop_size:
        raise ModelError(
            f"the Keras file of model {model.name!r} holds a {network.name} for crops of {network.input_shape[1]} "
            f"pixels, not a {model.architecture} for {model.crop_size}"
        )
    return network
