"""MesoInception-4: Afchar, Nozick, Yamagishi and Echizen, "MesoNet", WIFS 2018, arXiv:1809.00888.

Meso-4 with its first two layers replaced by inception modules of dilated convolutions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifiers.architectures.architecture import Architecture, StartWeights
from classifiers.architectures.mesonet import convolution

if TYPE_CHECKING:
    import keras


def features(inputs: keras.KerasTensor, weights: StartWeights = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 16) feature map at stride 32.

    Raises:
        ValueError: weights were asked for; none are published.
    """
    import keras

    if weights is not None:
        raise ValueError("mesoinception has no published weights; train it from random ones")
    x = keras.layers.Rescaling(1 / 255, name="preprocess")(inputs)
    x = _inception(x, "inception1", filters=(1, 4, 4, 2))
    x = _inception(x, "inception2", filters=(2, 4, 4, 2))
    x = convolution(x, "conv3", filters=16, kernel=5, pool=2)
    return convolution(x, "conv4", filters=16, kernel=5, pool=4)


def _inception(x: keras.KerasTensor, name: str, filters: tuple[int, int, int, int]) -> keras.KerasTensor:
    """Four views side by side: of one pixel, and of 3x3 pixels at dilations 1, 2 and 3."""
    import keras

    layers = keras.layers
    views = [layers.Conv2D(filters[0], 1, activation="relu", name=f"{name}_pixel")(x)]
    for dilation, count in enumerate(filters[1:], start=1):
        view = f"{name}_dilation{dilation}"
        y = layers.Conv2D(count, 1, activation="relu", name=f"{view}_reduce")(x)
        y = layers.Conv2D(count, 3, padding="same", dilation_rate=dilation, activation="relu", name=view)(y)
        views.append(y)
    x = layers.Concatenate(name=f"{name}_views")(views)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.MaxPooling2D(2, padding="same", name=f"{name}_pool")(x)


MESOINCEPTION = Architecture(features, input_size=256, smallest_size=32)
