"""The plain convolutional network of the field's tutorials: convolution and pooling, four times over.

Of no paper; the pattern is that of LeNet-5 (LeCun, Bottou, Bengio and Haffner, Proc. IEEE 1998) with the rectifiers and
batch normalisation (Ioffe and Szegedy, ICML 2015, arXiv:1502.03167) that tutorials give it. The line to beat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifiers.architectures.architecture import Architecture, StartWeights

if TYPE_CHECKING:
    import keras

_FILTERS = (32, 64, 128, 256)


def features(inputs: keras.KerasTensor, weights: StartWeights = None) -> keras.KerasTensor:
    """Map RGB crops, 0 to 255, to a (height, width, 256) feature map at stride 16.

    Raises:
        ValueError: weights were asked for; none are published.
    """
    import keras

    if weights is not None:
        raise ValueError("cnn has no published weights; train it from random ones")
    layers = keras.layers
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocess")(inputs)
    for number, filters in enumerate(_FILTERS, start=1):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(name=f"conv{number}_bn")(x)
        x = layers.ReLU(name=f"conv{number}_relu")(x)
        x = layers.MaxPooling2D(2, name=f"conv{number}_pool")(x)
    return x


CNN = Architecture(features, input_size=128, smallest_size=16)
