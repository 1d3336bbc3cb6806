"""Capsule-Forensics: Nguyen, Yamagishi and Echizen, ICASSP 2019, arXiv:1810.11215; extended in arXiv:1910.12467.

The first convolutions of VGG-19, then a few primary capsules that each look at statistics of the map, then one capsule
for each way in which a face can be forged, with dynamic routing between the two (Sabour, Frosst and Hinton, NeurIPS
2017, arXiv:1710.09829). Where the paper has one capsule for real and one for fake, ours has one for "manipulated" and
one for "generated": a real face is what neither of them is sure of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifiers.architectures.architecture import Architecture, StartWeights
from classifiers.architectures.vgg16 import vgg

if TYPE_CHECKING:
    import keras

_PRIMARY_CAPSULES = 3
_CLASS_CAPSULE_SIZE = 4


def features(inputs: keras.KerasTensor, weights: StartWeights = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 256) feature map at stride 4: VGG-19 up to its third pooling."""
    import keras

    return vgg(keras.applications.VGG19, "block3_conv4", inputs, weights)


def _logits(features: keras.KerasTensor, count: int) -> keras.KerasTensor:
    """Route the feature map to one capsule for each logit, and give the log-odds of their lengths."""
    import keras

    from classifiers.architectures.capsule_layers import ClassCapsules

    capsules = [_primary_capsule(features, f"capsule{number}") for number in range(1, _PRIMARY_CAPSULES + 1)]
    stacked = keras.layers.Concatenate(axis=1, dtype="float32", name="capsules")(capsules)
    return ClassCapsules(count, _CLASS_CAPSULE_SIZE, dtype="float32", name="logits")(stacked)


def _primary_capsule(features: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Map a feature map to a (1, 8) capsule."""
    import keras

    from classifiers.architectures.capsule_layers import MapStatistics

    layers = keras.layers
    x = features
    for number, filters in enumerate((64, 16), start=1):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_conv{number}")(x)
        x = layers.BatchNormalization(name=f"{name}_conv{number}_bn")(x)
        x = layers.ReLU(name=f"{name}_conv{number}_relu")(x)
    # From here on in full precision: a variance does not bear rounding, and there is little left to compute.
    x = MapStatistics(dtype="float32", name=f"{name}_statistics")(x)
    x = layers.Conv1D(8, 5, strides=2, padding="same", dtype="float32", name=f"{name}_conv3")(x)
    x = layers.BatchNormalization(dtype="float32", name=f"{name}_conv3_bn")(x)
    x = layers.Conv1D(1, 3, padding="same", dtype="float32", name=f"{name}_conv4")(x)
    x = layers.BatchNormalization(dtype="float32", name=f"{name}_conv4_bn")(x)
    return layers.Reshape((1, -1), dtype="float32", name=name)(x)


# VGG-19 is built to its end before the rest of it is left out.
CAPSNET = Architecture(features, input_size=224, smallest_size=32, head=_logits)
