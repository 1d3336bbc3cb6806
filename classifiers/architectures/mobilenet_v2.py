"""MobileNetV2: Sandler, Howard, Zhu, Zhmoginov and Chen, CVPR 2018, arXiv:1801.04381."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from classifiers.architectures.architecture import Architecture, StartWeights
from classifiers.architectures.inverted_residual import Stage, inverted_residual_features, read_folded

if TYPE_CHECKING:
    import keras

# Rows of table 2 of the paper.
_STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)


def features(inputs: keras.KerasTensor, weights: StartWeights = None, *, prefix: str = "") -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 1280) feature map at stride 32.

    Args:
        inputs: float (batch, size, size, 3).
        weights: None, "imagenet", a `.npz` of folded convolutions in graph order, or a `.keras` file of a
            `keras.applications.MobileNetV2` with batch normalisation, which is folded.
        prefix: of the names of all layers.
    """
    import keras

    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name=f"{prefix}preprocess")(inputs)
    folded = None if weights is None else _folded_weights(weights)
    return inverted_residual_features(inputs, scaled, _STAGES, folded, prefix)


def _folded_weights(weights: str | Path) -> list[np.ndarray]:
    import keras

    if str(weights).endswith(".npz"):
        return read_folded(weights)
    if str(weights) == "imagenet":
        return _fold_batch_norm(keras.applications.MobileNetV2(include_top=False, weights="imagenet"))
    if not str(weights).endswith(".keras"):
        raise ValueError(f"{weights} is no .keras file and no .npz of weights")
    return _fold_batch_norm(keras.models.load_model(weights, compile=False, safe_mode=True))


def _fold_batch_norm(model: keras.Model) -> list[np.ndarray]:
    import keras

    folded: list[np.ndarray] = []
    kernel: np.ndarray | None = None
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            kernel = np.asarray(layer.get_weights()[0])
        elif kernel is not None and isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = (np.asarray(value) for value in layer.get_weights())
            factor = gamma / np.sqrt(variance + layer.epsilon)
            # A depthwise kernel has its channels in the third place, any other in the last.
            folded.append(kernel * (factor[:, None] if kernel.shape[-1] == 1 else factor))
            folded.append(beta - mean * factor)
    return folded


MOBILENET_V2 = Architecture(features, input_size=224, smallest_size=32)
