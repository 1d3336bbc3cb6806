"""ResNet-50: He, Zhang, Ren and Sun, CVPR 2016, arXiv:1512.03385."""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifiers.architectures.architecture import Architecture, StartWeights

if TYPE_CHECKING:
    import keras


def features(inputs: keras.KerasTensor, weights: StartWeights = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 2048) feature map at stride 32."""
    import keras

    centred = keras.layers.Rescaling(1.0, offset=[-123.68, -116.779, -103.939], name="preprocess")(inputs)
    network = keras.applications.ResNet50(include_top=False, weights=weights, input_tensor=centred)
    if weights is not None:
        # Published for BGR.
        kernel, bias = network.get_layer("conv1_conv").get_weights()
        network.get_layer("conv1_conv").set_weights([kernel[:, :, ::-1], bias])
    return network.output


RESNET50 = Architecture(features, input_size=224, smallest_size=32)
