"""DINOv2 ViT-S/14: Oquab et al., TMLR 2024, arXiv:2304.07193; a vision transformer (Dosovitskiy et al., ICLR 2021).

What it learnt of pictures without labels tells forgeries of generators apart that no classifier was shown (Ojha, Li and
Lee, CVPR 2023, arXiv:2302.10174). The head reads class token, mean and deviation of the patch tokens after three of the
blocks, since seams are seen by earlier ones and faces by later ones. All of it is a mean over the patches, so that the
class activation map says exactly what each of them adds.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from classifiers.architectures.architecture import Architecture, StartWeights, pooled_logits

if TYPE_CHECKING:
    import keras

PATCH = 14
WIDTH = 384
BLOCKS = 12
HEADS = 6
EPSILON = 1e-6
"""Of the layer normalisations, as published."""

_MLP_WIDTH = 4 * WIDTH
_TAPPED = (6, 9, 12)
"""Blocks whose tokens the head reads, counted from one."""

# Of ImageNet, for pixels from 0 to 255.
_MEAN = (123.675, 116.28, 103.53)
_DEVIATION = (58.395, 57.12, 57.375)


def features(inputs: keras.KerasTensor, weights: StartWeights = None, *, prefix: str = "") -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 3456) feature map at stride 14.

    Args:
        inputs: float (batch, size, size, 3).
        weights: None, or the `.npz` that `scripts/convert_dinov2_weights.py` writes for layers without a prefix.
        prefix: of the names of all layers.

    Raises:
        ValueError: Keras was to fetch weights; it has none.
    """
    import keras

    from classifiers.architectures.transformer_layers import Embeddings, PatchStatistics

    if weights == "imagenet":
        raise ValueError("Keras has no dinov2_small; scripts/convert_dinov2_weights.py makes a file of it")
    layers = keras.layers
    offset = [-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)]
    scale = [1 / deviation for deviation in _DEVIATION]
    scaled = layers.Rescaling(scale, offset=offset, name=f"{prefix}preprocess")(inputs)
    patches = layers.Conv2D(WIDTH, PATCH, strides=PATCH, name=f"{prefix}patches")(scaled)
    x = Embeddings(name=f"{prefix}embeddings")(patches)
    norm, maps = layers.LayerNormalization(epsilon=EPSILON, name=f"{prefix}norm"), []
    for number in range(1, BLOCKS + 1):
        x = _block(x, f"{prefix}block{number}")
        if number in _TAPPED:
            statistics = PatchStatistics(patches.shape[1:3], dtype="float32", name=f"{prefix}block{number}_statistics")
            maps.append(statistics(norm(x)))
    mapped = layers.Concatenate(dtype="float32", name=f"{prefix}joined")(maps)
    if weights is not None:
        _load(keras.Model(inputs, mapped), Path(weights))
    return mapped


def _block(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Add to tokens (batch, tokens, 384) what they learn from each other and then each by itself."""
    import keras

    from classifiers.architectures.transformer_layers import Attention, ChannelScale, gelu

    layers = keras.layers
    y = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_norm1")(x)
    y = layers.Dense(3 * WIDTH, name=f"{name}_qkv")(y)
    y = Attention(HEADS, name=f"{name}_attention")(y)
    y = layers.Dense(WIDTH, name=f"{name}_projection")(y)
    x = layers.Add(name=f"{name}_attended")([x, ChannelScale(name=f"{name}_scale1")(y)])
    y = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_norm2")(x)
    y = layers.Dense(_MLP_WIDTH, activation=gelu, name=f"{name}_expand")(y)
    y = layers.Dense(WIDTH, name=f"{name}_project")(y)
    return layers.Add(name=f"{name}_out")([x, ChannelScale(name=f"{name}_scale2")(y)])


def _head(features: keras.KerasTensor, count: int) -> keras.KerasTensor:
    """Begin with logits near 0: what a head of large random numbers sends back, the network would have to unlearn."""
    import keras

    return pooled_logits(features, count, keras.initializers.RandomNormal(stddev=1e-3))


def _load(network: keras.Model, file: Path) -> None:
    """Read the arrays of each layer, named `layer/number`, with the positions resized to the network's patches.

    Raises:
        KeyError, ValueError: the file holds something else.
    """
    with np.load(file, allow_pickle=False) as arrays:
        for layer in network.layers:
            if layer.weights:
                values = [arrays[f"{layer.name}/{number}"] for number in range(len(layer.weights))]
                if layer.name == "embeddings":
                    values[1] = _resized(values[1], network.get_layer("patches").output.shape[1:3])
                layer.set_weights(values)


def _resized(positions: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
    """Resize position embeddings (1 + n * n, width), the first of which is the class token's, to a grid of cells."""
    side = round((len(positions) - 1) ** 0.5)
    height, width = cells
    grid = cv2.resize(positions[1:].reshape(side, side, -1), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.concatenate([positions[:1], grid.reshape(-1, positions.shape[1])])


DINOV2_SMALL = Architecture(
    features,
    input_size=140,
    smallest_size=4 * PATCH,
    size_step=PATCH,
    head=_head,
    blocks=tuple(f"block{number}_" for number in range(1, BLOCKS + 1)),
)
