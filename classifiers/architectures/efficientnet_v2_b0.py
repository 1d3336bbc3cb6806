"""EfficientNetV2-B0: Tan and Le, ICML 2021, arXiv:2104.00298."""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifiers.architectures.architecture import Architecture, StartWeights

if TYPE_CHECKING:
    import keras

# Of ImageNet in RGB, on the scale 0 to 255.
_MEAN = (123.675, 116.28, 103.53)
_DEVIATION = (58.395, 57.12, 57.375)


def features(inputs: keras.KerasTensor, weights: StartWeights = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 1280) feature map at stride 32."""
    import keras

    scaled = keras.layers.Rescaling(
        [1 / deviation for deviation in _DEVIATION],
        offset=[-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)],
        name="preprocess",
    )(inputs)
    # The preprocessing that the network brings cannot be exported to ONNX.
    network = keras.applications.EfficientNetV2B0(
        include_top=False, weights=weights, input_tensor=scaled, include_preprocessing=False
    )
    return network.output


EFFICIENTNET_V2_B0 = Architecture(features, input_size=224, smallest_size=32)
