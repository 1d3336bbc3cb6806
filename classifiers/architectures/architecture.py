"""What every architecture says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from classifiers.architectures.hinted_layer import HintedLayer

if TYPE_CHECKING:
    import keras

StartWeights: TypeAlias = "str | Path | None"
"""What a network starts from: None for random weights, "imagenet" to let Keras fetch published ones, or a file."""


def pooled_logits(
    features: keras.KerasTensor, count: int, initializer: str | keras.Initializer = "glorot_uniform"
) -> keras.KerasTensor:
    """Average the feature map and put one dense layer, "logits", on the averages: the usual head."""
    import keras

    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    dropped = keras.layers.Dropout(0.2, name="dropout")(pooled)
    return keras.layers.Dense(count, kernel_initializer=initializer, dtype="float32", name="logits")(dropped)


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network from a face crop to a feature map, and its head.

    To add an architecture, write a file that holds one of these, with the paper in its docstring, and a line into
    `classifiers.architectures.ARCHITECTURES`. `tests/classifiers/test_architecture_conformance.py` then tests it as it
    does every other; that suite is the contract. Keras is imported inside the functions, so that the registry is light.

    Attributes:
        features: maps RGB crops, float (batch, size, size, 3) from 0 to 255, to the last feature map, (batch, height,
            width, channels). It is given the input and the weights to start from, does its own preprocessing, and
            raises ValueError where it cannot start from them.
        input_size: side of the crops in pixels that it usually takes.
        smallest_size: side in pixels of the smallest crops that its strides allow.
        size_step: what the side must be a multiple of.
        head: maps the feature map to that many logits, float32; the last layer is called "logits".
        hinted_layers: those that can learn from hints, by name.
        blocks: what the names of the layers of each block begin with, from the first block to the last; empty for a
            network that is no row of equal blocks.
    """

    features: Callable[[keras.KerasTensor, StartWeights], keras.KerasTensor]
    input_size: int
    smallest_size: int
    size_step: int = 1
    head: Callable[[keras.KerasTensor, int], keras.KerasTensor] = pooled_logits
    hinted_layers: Mapping[str, HintedLayer] = field(default_factory=dict)
    blocks: tuple[str, ...] = ()
