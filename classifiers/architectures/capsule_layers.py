"""The layers of a capsule network that Keras does not have."""

from __future__ import annotations

import keras
from keras import ops

_SMALL = 1e-6


@keras.saving.register_keras_serializable(package="facewitness")
class MapStatistics(keras.layers.Layer):
    """Mean and variance of each channel: (batch, height, width, channels) becomes (batch, channels, 2)."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Pool over the whole map."""
        mean = ops.mean(inputs, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(inputs - mean), axis=(1, 2))
        return ops.stack([mean[:, 0, 0], variance], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Say the shape of the result."""
        return (input_shape[0], input_shape[3], 2)


@keras.saving.register_keras_serializable(package="facewitness")
class ClassCapsules(keras.layers.Layer):
    """Capsules that primary capsules agree on: (batch, primary, numbers) becomes (batch, classes) log-odds.

    Each primary capsule predicts every class capsule through a matrix of its own; its vote counts the more, the more
    it agrees with the sum of all votes. The length of a class capsule is taken to be the probability of its class. As
    a capsule is a sum s of votes squashed to the length |s|² / (1 + |s|²), the log-odds are those of |s|² to one.

    Args:
        classes: how many there are.
        size: how many numbers a class capsule has.
        iterations: how often the votes are weighed anew.
    """

    def __init__(self, classes: int, size: int, iterations: int = 2, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.classes, self.size, self.iterations = classes, size, iterations

    def build(self, input_shape: tuple[None, int, int]) -> None:
        """Make the matrices of the primary capsules."""
        _, primary, numbers = input_shape
        self.kernel = self.add_weight(
            shape=(primary, numbers, self.classes * self.size),
            initializer=keras.initializers.RandomNormal(stddev=numbers**-0.5),
            name="kernel",
        )
        # Capsules of length one half at first: undecided, and away from the point where a length has no gradient.
        self.bias = self.add_weight(
            shape=(self.classes, self.size),
            initializer=keras.initializers.Constant(self.size**-0.5),
            name="bias",
        )

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Route."""
        primary = inputs.shape[1]
        # (batch, primary, 1, numbers) by (primary, numbers, all votes).
        votes = ops.matmul(ops.expand_dims(_squash(inputs), 2), self.kernel)
        votes = ops.reshape(votes, (-1, primary, self.classes, self.size))
        agreement = ops.zeros_like(votes[..., :1])
        for _ in range(self.iterations):
            capsules = ops.sum(ops.softmax(agreement, axis=2) * votes, axis=1, keepdims=True) + self.bias
            agreement = agreement + ops.sum(votes * _squash(capsules), axis=-1, keepdims=True)
        capsules = ops.sum(ops.softmax(agreement, axis=2) * votes, axis=1) + self.bias
        return ops.log(ops.sum(ops.square(capsules), axis=-1) + _SMALL)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Say the shape of the result."""
        return (input_shape[0], self.classes)

    def get_config(self) -> dict[str, object]:
        """Give what the constructor takes."""
        return {**super().get_config(), "classes": self.classes, "size": self.size, "iterations": self.iterations}


def _squash(capsules: keras.KerasTensor) -> keras.KerasTensor:
    """Keep the direction of vectors and map their length to between 0 and 1."""
    square = ops.sum(ops.square(capsules), axis=-1, keepdims=True)
    return capsules * ops.sqrt(square + _SMALL) / (1 + square)
