"""Inception-ResNet-v2: Szegedy, Ioffe, Vanhoucke and Alemi, AAAI 2017, arXiv:1602.07261."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.architectures.hinted_layer import HintedLayer

if TYPE_CHECKING:
    import keras

INPUT_SIZE = 299
SMALLEST_SIZE = 75

# Convolutions that are not padded leave out a margin.
HINTED = {"block35_10_ac": HintedLayer(13, 8), "block17_20_ac": HintedLayer(21, 16)}


def features(inputs: keras.KerasTensor, weights: str | Path | None = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 1536) feature map at stride 32."""
    import keras

    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocess")(inputs)
    network = keras.applications.InceptionResNetV2(include_top=False, weights=weights, input_tensor=scaled)
    return network.output
