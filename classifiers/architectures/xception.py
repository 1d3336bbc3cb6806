"""Xception: Chollet, CVPR 2017, arXiv:1610.02357."""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifiers.architectures.architecture import Architecture, StartWeights

if TYPE_CHECKING:
    import keras


def features(inputs: keras.KerasTensor, weights: StartWeights = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 2048) feature map at stride 32."""
    import keras

    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocess")(inputs)
    return keras.applications.Xception(include_top=False, weights=weights, input_tensor=scaled).output


XCEPTION = Architecture(features, input_size=299, smallest_size=71)
