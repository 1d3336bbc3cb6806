"""Networks that turn a face crop into two logits.

Every architecture takes RGB crops as numbers from 0 to 255, does its own preprocessing as its first layers, and ends
in the same head, so nothing outside the network has to know how a crop is normalised.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

LABELS = ("manipulated", "generated")
"""What the two logits mean: a real face that was altered, and a face that was drawn whole."""

ARCHITECTURES = {
    "inception_resnet_v2": "classifiers.architectures.inception_resnet_v2",
    "mobilenet_v2": "classifiers.architectures.mobilenet_v2",
    "vgg16": "classifiers.architectures.vgg16",
}
"""Name to module. A module offers `features(inputs, weights)` and `INPUT_SIZE`."""


def build(name: str, *, input_size: int | None = None, weights: str | Path | None = None) -> keras.Model:
    """Build a network with untrained head.

    Args:
        name: one of `ARCHITECTURES`.
        input_size: side of the square input in pixels; None for the architecture's usual one.
        weights: None for random ones, "imagenet" to let Keras fetch them, or a file that the architecture reads.

    Returns:
        A functional model from float (batch, size, size, 3), RGB, 0 to 255, to float32 (batch, 2) logits in the
        order of `LABELS`. The last feature map is the output of its layer "features".

    Raises:
        ValueError: no such architecture.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"no architecture is called {name!r}; there are {', '.join(sorted(ARCHITECTURES))}")
    import keras

    module = importlib.import_module(ARCHITECTURES[name])
    size = input_size or module.INPUT_SIZE
    inputs = keras.Input((size, size, 3), name="crop")
    features = keras.layers.Identity(name="features")(module.features(inputs, weights))
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    dropped = keras.layers.Dropout(0.2, name="dropout")(pooled)
    logits = keras.layers.Dense(len(LABELS), dtype="float32", name="logits")(dropped)
    return keras.Model(inputs, logits, name=name)
