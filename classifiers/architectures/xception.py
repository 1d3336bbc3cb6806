"""Xception: Chollet, CVPR 2017, arXiv:1610.02357."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

INPUT_SIZE = 299
SMALLEST_SIZE = 71


def features(inputs: keras.KerasTensor, weights: str | Path | None = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 2048) feature map at stride 32."""
    import keras

    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocess")(inputs)
    return keras.applications.Xception(include_top=False, weights=weights, input_tensor=scaled).output
