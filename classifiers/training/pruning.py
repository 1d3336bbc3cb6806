"""Kernels of which most numbers are 0, so that the weights of a large network fill a small file.

The smallest numbers of a trained kernel can go if the others then learn on: Han, Pool, Tran and Dally, NeurIPS 2015,
arXiv:1506.02626.
"""

from __future__ import annotations

import keras

from classifiers.compact import large_convolutions


def prune(network: keras.Model, sparsity: float) -> None:
    """Set the smallest numbers of each large kernel to 0, in place, and keep them there while the network trains.

    Args:
        network: as `classifiers.architectures.build` gives it.
        sparsity: share of the numbers, 0 to 1.
    """
    for layer in large_convolutions(network):
        size = keras.ops.abs(layer.kernel)
        # Not those as large: where more are 0 already, as in a model that was stored in 8 bits, the quantile is 0.
        layer.kernel.constraint = Kept(size > keras.ops.quantile(size, sparsity))
    constrain(network.trainable_variables)


def constrain(variables: list[keras.Variable]) -> None:
    """Let variables meet their constraints, as an optimiser does after a step; it does not for running means."""
    for variable in variables:
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable))


class Kept(keras.constraints.Constraint):
    """Sets to 0 whatever is not kept.

    Args:
        kept: bool, of the shape of the variable.
    """

    def __init__(self, kept: keras.KerasTensor) -> None:
        self._kept = kept

    def __call__(self, w: keras.KerasTensor) -> keras.KerasTensor:
        """Give the variable with 0 in the other places."""
        return keras.ops.where(self._kept, w, 0.0)
