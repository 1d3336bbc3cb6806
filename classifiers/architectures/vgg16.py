"""VGG-16: Simonyan and Zisserman, ICLR 2015, arXiv:1409.1556."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

INPUT_SIZE = 224


def features(inputs: keras.KerasTensor, weights: str | Path | None = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 512) feature map at stride 32."""
    import keras

    # The published weights want BGR with the ImageNet mean taken away, on the scale 0 to 255.
    centred = keras.layers.Rescaling(1.0, offset=[-123.68, -116.779, -103.939], name="preprocess")(inputs)
    network = keras.applications.VGG16(include_top=False, weights=weights, input_tensor=centred[..., ::-1])
    return network.output
