"""MobileNetV2: Sandler, Howard, Zhu, Zhmoginov and Chen, CVPR 2018, arXiv:1801.04381.

Every batch normalisation is folded into the convolution before it. As a function the network is the published one
with frozen statistics, but a training step takes a third of the time on a CPU and nothing differs between training
and inference.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from classifiers.architectures.initialisation import normalise_signals

if TYPE_CHECKING:
    import keras

INPUT_SIZE = 224
SMALLEST_SIZE = 32

# Rows of table 2 of the paper: expansion factor, output channels, repeats, stride of the first.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))

_RESIDUAL_DEVIATION = 0.3


def features(inputs: keras.KerasTensor, weights: str | Path | None = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 1280) feature map at stride 32.

    Args:
        inputs: float (batch, size, size, 3).
        weights: None, "imagenet", a `.npz` of folded convolutions in graph order, or a `.keras` file of a
            `keras.applications.MobileNetV2` with batch normalisation, which is folded.
    """
    import keras

    layers = keras.layers
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocess")(inputs)
    x = layers.Conv2D(32, 3, strides=2, padding="same", name="stem")(x)
    x = layers.ReLU(6.0, name="stem_relu")(x)
    channels, block = 32, 0
    for expansion, filters, repeats, first_stride in _STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            x = _inverted_residual(x, f"block_{block}", expansion * channels, filters, stride)
            channels, block = filters, block + 1
    x = layers.Conv2D(1280, 1, name="top")(x)
    x = layers.ReLU(6.0, name="top_relu")(x)
    network = keras.Model(inputs, x)
    if weights is None:
        # Without normalisation a residual block has to start as a small change, or training does not take off.
        residual = [layer.name for layer in network.layers if isinstance(layer, layers.Add)]
        projects = [name.replace("_add", "_project") for name in residual]
        normalise_signals(network, dict.fromkeys(projects, _RESIDUAL_DEVIATION))
    else:
        _set_weights(network, _folded_weights(weights))
    return x


def _inverted_residual(x: keras.KerasTensor, name: str, expanded: int, filters: int, stride: int) -> keras.KerasTensor:
    import keras

    layers = keras.layers
    y = x
    if expanded != x.shape[-1]:
        y = layers.Conv2D(expanded, 1, name=f"{name}_expand")(y)
        y = layers.ReLU(6.0, name=f"{name}_expand_relu")(y)
    y = layers.DepthwiseConv2D(3, strides=stride, padding="same", name=f"{name}_depthwise")(y)
    y = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(y)
    y = layers.Conv2D(filters, 1, name=f"{name}_project")(y)
    if stride == 1 and x.shape[-1] == filters:
        y = layers.Add(name=f"{name}_add")([x, y])
    return y


def _set_weights(model: keras.Model, folded: list[np.ndarray]) -> None:
    for variable, value in zip(model.weights, folded, strict=True):
        variable.assign(value)


def _folded_weights(weights: str | Path) -> list[np.ndarray]:
    """Read kernels and biases in graph order."""
    import keras

    if str(weights).endswith(".npz"):
        with np.load(weights, allow_pickle=False) as arrays:
            return [arrays[name] for name in arrays.files if "FULLY_CONNECTED" not in name]
    if str(weights) == "imagenet":
        return _fold_batch_norm(keras.applications.MobileNetV2(include_top=False, weights="imagenet"))
    if not str(weights).endswith(".keras"):
        raise ValueError(f"{weights} is no .keras file and no .npz of weights")
    return _fold_batch_norm(keras.models.load_model(weights, compile=False, safe_mode=True))


def _fold_batch_norm(model: keras.Model) -> list[np.ndarray]:
    import keras

    folded: list[np.ndarray] = []
    kernel = None
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            kernel = np.asarray(layer.get_weights()[0])
        elif isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = (np.asarray(value) for value in layer.get_weights())
            factor = gamma / np.sqrt(variance + layer.epsilon)
            # A depthwise kernel has its channels in the third place, any other in the last.
            folded.append(kernel * (factor[:, None] if kernel.shape[-1] == 1 else factor))
            folded.append(beta - mean * factor)
    return folded
