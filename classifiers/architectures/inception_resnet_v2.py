"""Inception-ResNet-v2: Szegedy, Ioffe, Vanhoucke and Alemi, AAAI 2017, arXiv:1602.07261."""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifiers.architectures.architecture import Architecture, StartWeights
from classifiers.architectures.hinted_layer import HintedLayer

if TYPE_CHECKING:
    import keras

# Convolutions that are not padded leave out a margin.
_HINTED = {"block35_10_ac": HintedLayer(13, 8), "block17_20_ac": HintedLayer(21, 16)}


def features(inputs: keras.KerasTensor, weights: StartWeights = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 1536) feature map at stride 32."""
    import keras

    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocess")(inputs)
    network = keras.applications.InceptionResNetV2(include_top=False, weights=weights, input_tensor=scaled)
    return network.output


INCEPTION_RESNET_V2 = Architecture(features, input_size=299, smallest_size=75, hinted_layers=_HINTED)
