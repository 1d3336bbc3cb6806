"""Random weights for networks that have no normalisation to keep their signals in range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

_PICTURES = 16
_SIZE = 64


def normalise_signals(network: keras.Model, deviations: Mapping[str, float] | None = None) -> None:
    """Scale and shift each convolution so that its channels start with mean 0 and standard deviation 1.

    The first step of a network with batch normalisation, in the weights themselves: without it, all crops look nearly
    alike after a dozen rectified layers, and training hardly starts. It is the initialisation of Salimans and Kingma,
    NeurIPS 2016, arXiv:1602.07868, on pictures of noise instead of data.

    Args:
        network: takes RGB, 0 to 255; kernels and biases of its convolutions are changed.
        deviations: by layer name, other standard deviations to start with.
    """
    import keras

    deviations = deviations or {}

    signals = {id(network.input): keras.ops.convert_to_tensor(_noise_pictures())}
    for layer in network.layers[1:]:
        inputs = keras.tree.map_structure(lambda tensor: signals[id(tensor)], layer.input)
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            _normalise(layer, inputs, deviations.get(layer.name, 1.0))
        signals[id(layer.output)] = layer(inputs)


def _normalise(layer: keras.layers.Layer, inputs: object, deviation: float) -> None:
    import keras

    activation, layer.activation = layer.activation, keras.activations.linear
    outputs = keras.ops.convert_to_numpy(keras.ops.cast(layer(inputs), "float32"))
    layer.activation = activation
    factor = deviation / (outputs.std(axis=(0, 1, 2)) + 1e-6)
    kernel, bias = layer.get_weights()
    # A depthwise kernel has its channels in the third place, any other in the last.
    scale = factor[:, None] if isinstance(layer, keras.layers.DepthwiseConv2D) else factor
    layer.set_weights([kernel * scale, (bias - outputs.mean(axis=(0, 1, 2))) * factor])


def _noise_pictures() -> np.ndarray:
    """Draw RGB noise, 0 to 255, that like photographs is the stronger the coarser it is."""
    rng = np.random.default_rng(0)
    pictures = np.full((_PICTURES, _SIZE, _SIZE, 3), 128.0)
    for cell in (1, 2, 4, 8, 16, 32):
        cells = rng.normal(0, 8 * cell**0.5, (_PICTURES, _SIZE // cell, _SIZE // cell, 3))
        pictures += cells.repeat(cell, axis=1).repeat(cell, axis=2)
    return pictures.clip(0, 255).astype(np.float32)
