"""What the forged region teaches: the heat map of the network that is shipped."""

from __future__ import annotations

import keras
import numpy as np

from classifiers.training.batch import NO_HINTS, UNKNOWN, Batch
from classifiers.training.config import TrainingConfig
from classifiers.training.fit import train

CELLS = 4


class DarkForgeries:
    """Faces of which one cell is dark, which is the forged one, and one bright; whether they are forged is not told."""

    teacher_features, hint_channels = 0, NO_HINTS

    def batch(self, number: int) -> Batch:
        rng = np.random.default_rng(number)
        crops = rng.integers(100, 156, (16, 8 * CELLS, 8 * CELLS, 3), dtype=np.uint8)
        masks = np.zeros((16, CELLS, CELLS), np.float32)
        for crop, mask in zip(crops, masks, strict=True):
            dark, bright = rng.choice(CELLS**2, 2, replace=False)
            mask.flat[dark] = 1
            for cell, value in ((dark, 20), (bright, 235)):
                row, column = (8 * place for place in divmod(int(cell), CELLS))
                crop[row : row + 8, column : column + 8] = value
        return Batch(crops, np.full((16, 2), UNKNOWN, np.float32), masks, np.ones(16, np.float32))


def test_the_forged_region_teaches_what_each_cell_adds_to_the_logit(tmp_path):
    keras.utils.set_random_seed(0)
    layers, crops = keras.layers, keras.Input((8 * CELLS, 8 * CELLS, 3))
    features = layers.Conv2D(8, 8, strides=8, name="features")(layers.Rescaling(1 / 127.5, offset=-1)(crops))
    logits = layers.Dense(2, dtype="float32", name="logits")(layers.GlobalAveragePooling2D()(features))
    classifier = keras.Model(crops, logits)
    config = TrainingConfig(
        steps=60, steps_per_epoch=60, batch_size=16, warmup_steps=2, learning_rate=0.03, ema_momentum=0
    )
    train(classifier, DarkForgeries(), config, lambda predict: {"selection": 0.0}, tmp_path)

    held_out = DarkForgeries().batch(10_000)
    maps = keras.Model(crops, features).predict(held_out.crops, verbose=0) @ classifier.get_layer("logits").kernel
    strongest = np.array(maps)[..., 0].reshape(16, -1).argmax(axis=1)
    assert (strongest == held_out.masks.reshape(16, -1).argmax(axis=1)).all()
