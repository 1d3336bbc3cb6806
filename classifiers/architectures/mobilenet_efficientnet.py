"""MobileNetV2 and EfficientNet-Lite2 side by side, whose last maps become one.

Two networks that learnt apart err apart, so that the mean of what they say is better than either (deep ensembles;
Lakshminarayanan, Pritzel and Blundell, NIPS 2017, arXiv:1612.01474). As one network they have one head and one
heat map, and every file format and engine takes them for what they are: a graph. `scripts/join_networks.py` makes one
of two that are trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifiers.architectures import efficientnet_lite2, mobilenet_v2
from classifiers.architectures.architecture import Architecture, StartWeights

if TYPE_CHECKING:
    import keras

BRANCHES = {"mobilenet_v2": mobilenet_v2, "efficientnet_lite2": efficientnet_lite2}
"""The networks in the order of their channels. The layers of a branch are called as alone, after its name."""


def features(inputs: keras.KerasTensor, weights: StartWeights = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 2560) feature map at stride 32.

    Args:
        inputs: float (batch, size, size, 3).
        weights: None.

    Raises:
        ValueError: there were to be other weights.
    """
    import keras

    if weights is not None:
        raise ValueError("mobilenet_efficientnet starts from two trained networks; scripts/join_networks.py joins them")
    maps = [branch.features(inputs, prefix=f"{name}_") for name, branch in BRANCHES.items()]
    return keras.layers.Concatenate(name="joined")(maps)


MOBILENET_EFFICIENTNET = Architecture(features, input_size=224, smallest_size=32)
