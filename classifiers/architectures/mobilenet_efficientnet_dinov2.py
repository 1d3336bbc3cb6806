"""MobileNetV2, EfficientNet-Lite2 and DINOv2 ViT-S/14 side by side, whose last maps become one.

As `mobilenet_efficientnet`, with a transformer beside the convolutions that sees the crop smaller. Whether that is
worth its cost is told in `classifiers/weights/experiments.md`. `scripts/join_networks.py` makes one network of three
that are trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifiers.architectures import dinov2_small, mobilenet_efficientnet
from classifiers.architectures.architecture import Architecture, StartWeights

if TYPE_CHECKING:
    import keras

BRANCHES = {**mobilenet_efficientnet.BRANCHES, "dinov2_small": dinov2_small}
"""The networks in the order of their channels. The layers of a branch are called as alone, after its name."""

_SIZE = 224
_SEEN = dinov2_small.DINOV2_SMALL.input_size
_LEAST = dinov2_small.DINOV2_SMALL.smallest_size


def features(inputs: keras.KerasTensor, weights: StartWeights = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 6016) feature map at stride 32.

    Args:
        inputs: float (batch, size, size, 3).
        weights: None.

    Raises:
        ValueError: there were to be other weights.
    """
    import keras

    from classifiers.architectures.transformer_layers import AreaMeans

    if weights is not None:
        raise ValueError(
            "mobilenet_efficientnet_dinov2 starts from three trained networks; scripts/join_networks.py joins them"
        )
    *convolutional, transformer = BRANCHES
    maps = [BRANCHES[name].features(inputs, prefix=f"{name}_") for name in convolutional]
    # The transformer takes crops as small, beside the whole ones, as it does alone.
    step = dinov2_small.PATCH
    side = max(_LEAST, inputs.shape[1] * _SEEN // _SIZE // step * step)
    seen = AreaMeans(side, name=f"{transformer}_crop")(inputs)
    patches = BRANCHES[transformer].features(seen, prefix=f"{transformer}_")
    maps.append(AreaMeans(maps[0].shape[1], dtype="float32", name=f"{transformer}_cells")(patches))
    return keras.layers.Concatenate(name="joined")(maps)


MOBILENET_EFFICIENTNET_DINOV2 = Architecture(features, input_size=_SIZE, smallest_size=_LEAST)
