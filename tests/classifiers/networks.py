"""Running Keras networks on pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.tiny_shards import FACE

if TYPE_CHECKING:
    import keras


def run(network: keras.Model, crops: np.ndarray) -> np.ndarray:
    """Give what a network says of crops."""
    import keras

    return keras.ops.convert_to_numpy(network(crops, training=False))


def output_of(network: keras.Model, layer: str, crops: np.ndarray) -> np.ndarray:
    """Give the output of one layer, by its name."""
    import keras

    return run(keras.Model(network.input, network.get_layer(layer).output), crops)


def two_faces(size: int) -> np.ndarray:
    """Cut two squares out of a face."""
    return np.stack([FACE[:size, :size], FACE[40 : 40 + size, 50 : 50 + size]]).astype(np.float32)
