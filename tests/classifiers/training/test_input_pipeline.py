"""The way of the batches into training."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from classifiers.training.batch import NO_HINTS, Batch
from classifiers.training.input_pipeline import InputPipeline


class DiskIsFull:
    """Two batches, then what a loader raises when the disk is full."""

    teacher_features, hint_channels = 0, NO_HINTS

    def batch(self, number: int) -> Batch:
        if number == 2:
            raise OSError(28, "No space left on device")
        crops = np.full((2, 8, 8, 3), 128, np.uint8)
        return Batch(crops, np.zeros((2, 2), np.float32), np.zeros((2, 1, 1), np.float32), np.ones(2, np.float32))


def test_training_ends_with_what_a_loader_raised():
    crops = keras.Input((8, 8, 3))
    cells = keras.layers.Conv2D(1, 8)(crops)
    outputs = {
        "logits": keras.layers.Dense(2)(keras.layers.Flatten()(crops)),
        "mask": keras.layers.Reshape((1, 1))(cells),
    }
    trainer = keras.Model(crops, outputs)
    trainer.compile("sgd", loss={"logits": "mse", "mask": "mse"})
    with pytest.raises(OSError, match="No space left on device"):
        InputPipeline(DiskIsFull(), steps_per_epoch=4, first_epoch=0, loaders=2).fit(trainer, [], epochs=1, verbose=0)
