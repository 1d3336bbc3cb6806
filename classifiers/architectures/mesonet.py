"""Meso-4: Afchar, Nozick, Yamagishi and Echizen, "MesoNet", WIFS 2018, arXiv:1809.00888.

A small network for what lies between the noise and the meaning of a picture. The published classifier flattens the
map of a crop of 256 pixels; ours pools it, as it does for every architecture, so that other sizes fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifiers.architectures.architecture import Architecture, StartWeights

if TYPE_CHECKING:
    import keras


def features(inputs: keras.KerasTensor, weights: StartWeights = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 16) feature map at stride 32.

    Raises:
        ValueError: weights were asked for; none are published.
    """
    import keras

    if weights is not None:
        raise ValueError("mesonet has no published weights; train it from random ones")
    x = keras.layers.Rescaling(1 / 255, name="preprocess")(inputs)
    x = convolution(x, "conv1", filters=8, kernel=3, pool=2)
    x = convolution(x, "conv2", filters=8, kernel=5, pool=2)
    x = convolution(x, "conv3", filters=16, kernel=5, pool=2)
    return convolution(x, "conv4", filters=16, kernel=5, pool=4)


def convolution(x: keras.KerasTensor, name: str, *, filters: int, kernel: int, pool: int) -> keras.KerasTensor:
    """Convolve, rectify, normalise and pool, which is what MesoNet calls a layer."""
    import keras

    x = keras.layers.Conv2D(filters, kernel, padding="same", activation="relu", name=name)(x)
    x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
    return keras.layers.MaxPooling2D(pool, padding="same", name=f"{name}_pool")(x)


MESONET = Architecture(features, input_size=256, smallest_size=32)
