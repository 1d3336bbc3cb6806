"""Learning rates that fall from the last block of a transformer to the first."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from classifiers.training.batch import NO_HINTS, Batch
from classifiers.training.config import TrainingConfig
from classifiers.training.fit import train

RATE = 0.01


class LoudCrops:
    """Noise of which half is called forged."""

    teacher_features, hint_channels = 0, NO_HINTS

    def batch(self, number: int) -> Batch:
        crops = np.random.default_rng(number).integers(0, 256, (16, 32, 32, 3), dtype=np.uint8)
        logits = np.repeat(np.float32([[0, 0], [1, 1]]), 8, axis=0)
        return Batch(crops, logits, np.zeros((16, 4, 4), np.float32), np.ones(16, np.float32))


def small_transformer() -> keras.Model:
    """Layers named as those of `dinov2_small`; one lies before its blocks, one between them, and one after them."""
    layers, crops = keras.layers, keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 8, strides=8, name="patches")(layers.Rescaling(1 / 127.5, offset=-1)(crops))
    for name in ("block1_expand", "block11_expand", "between", "block12_expand"):
        x = layers.Dense(8, activation="tanh", name=name)(x)
    features = layers.Dense(8, name="features")(x)
    logits = layers.Dense(2, dtype="float32", name="logits")(layers.GlobalAveragePooling2D()(features))
    return keras.Model(crops, logits)


@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_rate_falls_by_a_factor_with_each_block_down(tmp_path, decay):
    keras.utils.set_random_seed(0)
    network = small_transformer()
    before = {layer.name: layer.get_weights() for layer in network.layers}
    config = TrainingConfig(
        architecture="dinov2_small",
        depth_decay=decay,
        steps=1,
        steps_per_epoch=1,
        batch_size=16,
        learning_rate=RATE,
        weight_decay=0,
        ema_momentum=0,
    )
    train(network, LoudCrops(), config, lambda predict: {"selection": 0.0}, tmp_path)

    # The first step of Adam moves each number by the rate, however large its gradient.
    for name, down in {
        "patches": 12,
        "block1_expand": 11,
        "block11_expand": 1,
        "block12_expand": 0,
        "logits": 0,
    }.items():
        moved = np.abs(network.get_layer(name).get_weights()[0] - before[name][0])
        assert np.median(moved) == pytest.approx(RATE * decay**down, rel=0.05)
