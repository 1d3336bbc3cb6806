"""VGG-16: Simonyan and Zisserman, ICLR 2015, arXiv:1409.1556."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from classifiers.architectures.architecture import Architecture, StartWeights
from classifiers.architectures.hinted_layer import HintedLayer
from classifiers.architectures.initialisation import normalise_signals

if TYPE_CHECKING:
    import keras

_HINTED = {
    "block3_conv3": HintedLayer(1.5, 4),
    "block4_conv3": HintedLayer(3.5, 8),
    "block5_conv3": HintedLayer(7.5, 16),
}

_MEAN = (123.68, 116.779, 103.939)
_SCALE = 64.0


def features(inputs: keras.KerasTensor, weights: StartWeights = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 512) feature map at stride 32."""
    import keras

    return vgg(keras.applications.VGG16, "block5_pool", inputs, weights)


def vgg(
    published: Callable[..., keras.Model], last_layer: str, inputs: keras.KerasTensor, weights: StartWeights
) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to the map of a layer of a VGG network.

    Args:
        published: `keras.applications.VGG16` or `VGG19`.
        last_layer: name of the layer.
        inputs: float (batch, size, size, 3).
        weights: None for random ones, normalised as the network has no batch normalisation; else what the published
            network reads.
    """
    import keras

    scaled = keras.layers.Rescaling(1 / _SCALE, offset=[-mean / _SCALE for mean in _MEAN], name="preprocess")(inputs)
    network = published(include_top=False, weights=weights, input_tensor=scaled)
    mapped = network.get_layer(last_layer).output
    if weights is None:
        normalise_signals(keras.Model(inputs, mapped))
    else:
        # Published for BGR from 0 to 255, for which kernels are so small that a usual learning rate throws them over.
        kernel, bias = network.get_layer("block1_conv1").get_weights()
        network.get_layer("block1_conv1").set_weights([kernel[:, :, ::-1] * _SCALE, bias])
    return mapped


VGG16 = Architecture(features, input_size=224, smallest_size=32, hinted_layers=_HINTED)
