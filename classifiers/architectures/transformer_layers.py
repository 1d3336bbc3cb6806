"""The layers of a vision transformer that Keras does not have."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

_Shape = tuple[Any, ...]
"""Sides of a tensor; the first is the size of the batch, which is None until it is known."""

_SMALL = 1e-6


@keras.saving.register_keras_serializable(package="facewitness")
def gelu(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Gaussian error linear unit (Hendrycks and Gimpel, 2016, arXiv:1606.08415).

    That of Keras becomes an operation of TensorFlow that ONNX does not have.
    """
    return 0.5 * inputs * (1 + ops.erf(inputs * 0.5**0.5))


@keras.saving.register_keras_serializable(package="facewitness")
class Embeddings(keras.layers.Layer):
    """Puts a class token before the patches and says of each where it is.

    (batch, height, width, channels) becomes (batch, 1 + height * width, channels).
    """

    def build(self, input_shape: _Shape) -> None:
        """Make the class token and the positions."""
        _, height, width, channels = input_shape
        small = keras.initializers.TruncatedNormal(stddev=0.02)
        self.token = self.add_weight(shape=(1, channels), initializer=small, name="token")
        self.positions = self.add_weight(shape=(1 + height * width, channels), initializer=small, name="positions")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Embed."""
        _, height, width, channels = inputs.shape
        patches = ops.reshape(inputs, (-1, height * width, channels)) + self.positions[1:]
        token = ops.expand_dims(self.token + self.positions[:1], 0) + ops.zeros_like(patches[:, :1])
        return ops.concatenate([token, patches], axis=1)

    def compute_output_shape(self, input_shape: _Shape) -> _Shape:
        """Say the shape of the result."""
        batch, height, width, channels = input_shape
        return (batch, 1 + height * width, channels)


@keras.saving.register_keras_serializable(package="facewitness")
class Attention(keras.layers.Layer):
    """Lets tokens attend to each other.

    Queries, keys and values (batch, tokens, 3 * width) become (batch, tokens, width).

    Args:
        heads: how many ways there are of attending, each with its share of the width.
    """

    def __init__(self, heads: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.heads = heads

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Attend."""
        _, tokens, width = self.compute_output_shape(inputs.shape)
        size = width // self.heads
        query, key, value = (
            ops.transpose(ops.reshape(part, (-1, tokens, self.heads, size)), (0, 2, 1, 3))
            for part in ops.split(inputs, 3, axis=-1)
        )
        shares = ops.softmax(ops.matmul(query * size**-0.5, ops.transpose(key, (0, 1, 3, 2))), axis=-1)
        return ops.reshape(ops.transpose(ops.matmul(shares, value), (0, 2, 1, 3)), (-1, tokens, width))

    def compute_output_shape(self, input_shape: _Shape) -> _Shape:
        """Say the shape of the result."""
        return (*input_shape[:-1], input_shape[-1] // 3)

    def get_config(self) -> dict[str, object]:
        """Give what the constructor takes."""
        return {**super().get_config(), "heads": self.heads}


@keras.saving.register_keras_serializable(package="facewitness")
class ChannelScale(keras.layers.Layer):
    """Multiplies each channel by a number (LayerScale; Touvron et al., ICCV 2021, arXiv:2103.17239)."""

    def build(self, input_shape: _Shape) -> None:
        """Make the numbers."""
        self.scale = self.add_weight(shape=input_shape[-1:], initializer="ones", name="scale")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Multiply."""
        return inputs * self.scale


@keras.saving.register_keras_serializable(package="facewitness")
class PatchStatistics(keras.layers.Layer):
    """Maps tokens (batch, 1 + height * width, channels) to (batch, height, width, 3 * channels).

    The mean of a channel over the cells is the class token's, the mean of the patch tokens, or their deviation: the
    squares of what a patch is off, divided by the deviation, have the deviation as their mean.

    Args:
        cells: height and width of the map.
    """

    def __init__(self, cells: tuple[int, int], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.cells = tuple(cells)

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Lay the patches out beside what is common to them."""
        patches = inputs[:, 1:]
        token = inputs[:, :1] + ops.zeros_like(patches)
        squares = ops.square(patches - ops.mean(patches, axis=1, keepdims=True))
        deviation = ops.sqrt(ops.mean(squares, axis=1, keepdims=True) + _SMALL)
        together = ops.concatenate([token, patches, squares / deviation], axis=-1)
        return ops.reshape(together, (-1, *self.cells, together.shape[-1]))

    def compute_output_shape(self, input_shape: _Shape) -> _Shape:
        """Say the shape of the result."""
        return (input_shape[0], *self.cells, 3 * input_shape[-1])

    def get_config(self) -> dict[str, object]:
        """Give what the constructor takes."""
        return {**super().get_config(), "cells": self.cells}


@keras.saving.register_keras_serializable(package="facewitness")
class AreaMeans(keras.layers.Layer):
    """Resizes a map to a square by the means of areas, as OpenCV's INTER_AREA shrinks, and so keeps its mean.

    (batch, height, width, channels) becomes (batch, side, side, channels).

    Args:
        side: of the result in cells.
    """

    def __init__(self, side: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.side = side

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Resize."""
        _, height, width, channels = inputs.shape
        rows, columns = (ops.cast(_shares(count, self.side), inputs.dtype) for count in (height, width))
        x = ops.reshape(ops.matmul(rows, ops.reshape(inputs, (-1, height, width * channels))), (-1, width, channels))
        return ops.reshape(ops.matmul(columns, x), (-1, self.side, self.side, channels))

    def compute_output_shape(self, input_shape: _Shape) -> _Shape:
        """Say the shape of the result."""
        return (input_shape[0], self.side, self.side, input_shape[-1])

    def get_config(self) -> dict[str, object]:
        """Give what the constructor takes."""
        return {**super().get_config(), "side": self.side}


def _shares(cells: int, wanted: int) -> np.ndarray:
    """Say how much of each of so many cells each of the wanted ones covers: float32 (wanted, cells), rows sum to 1."""
    begins, ends = np.arange(wanted)[:, None] * cells / wanted, np.arange(cells)
    covered = np.minimum(begins + cells / wanted, ends + 1) - np.maximum(begins, ends)
    return (np.maximum(covered, 0) * wanted / cells).astype(np.float32)
