"""EfficientNet-Lite2: Liu and Tan, "Higher accuracy on vision models with EfficientNet-Lite", TensorFlow blog, 2020.

EfficientNet-B2 (Tan and Le, ICML 2019, arXiv:1905.11946) for computing in 8 bits: without squeeze and excitation, with
ReLU6 for swish. The published one takes pictures of 260 pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifiers.architectures.architecture import Architecture, StartWeights
from classifiers.architectures.inverted_residual import Stage, inverted_residual_features, read_folded

if TYPE_CHECKING:
    import keras

# Table 1 of the paper with 1.1 times the channels and 1.2 times the blocks, but for those of the first and last stage.
_STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 3, 2),
    Stage(6, 48, 3, 2, kernel=5),
    Stage(6, 88, 4, 2),
    Stage(6, 120, 4, 1, kernel=5),
    Stage(6, 208, 5, 2, kernel=5),
    Stage(6, 352, 1, 1),
)


def features(inputs: keras.KerasTensor, weights: StartWeights = None, *, prefix: str = "") -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 1280) feature map at stride 32.

    Args:
        inputs: float (batch, size, size, 3).
        weights: None, or the `.npz` of ImageNet weights that `scripts/convert_efficientnet_weights.py` writes.
        prefix: of the names of all layers.

    Raises:
        ValueError: Keras was to fetch weights; it has none.
    """
    import keras

    if weights == "imagenet":
        raise ValueError("Keras has no efficientnet_lite2; scripts/convert_efficientnet_weights.py makes a file of it")
    scaled = keras.layers.Rescaling(1 / 128, offset=-127 / 128, name=f"{prefix}preprocess")(inputs)
    folded = None if weights is None else read_folded(weights)
    return inverted_residual_features(inputs, scaled, _STAGES, folded, prefix)


EFFICIENTNET_LITE2 = Architecture(features, input_size=224, smallest_size=32)
