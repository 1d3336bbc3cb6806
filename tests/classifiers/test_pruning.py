"""Kernels that keep their zeros while a network trains."""

from __future__ import annotations

import keras
import numpy as np

from classifiers.training.batch import NO_HINTS, Batch
from classifiers.training.config import TrainingConfig
from classifiers.training.fit import train
from classifiers.training.pruning import prune


class BrightForgeries:
    """Noise that is brighter where it is forged."""

    teacher_features, hint_channels = 0, NO_HINTS

    def batch(self, number: int) -> Batch:
        rng = np.random.default_rng(number)
        targets = rng.integers(0, 2, (8, 2)).astype(np.float32)
        crops = rng.integers(0, 156, (8, 16, 16, 3)) + 100 * targets[:, :1, None, None]
        return Batch(crops.astype(np.uint8), targets, np.zeros((8, 2, 2), np.float32), np.ones(8, np.float32))


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    layers, crops = keras.layers, keras.Input((16, 16, 3))
    small = layers.Conv2D(32, 3, strides=4, name="small")(layers.Rescaling(1 / 127.5, offset=-1)(crops))
    features = layers.Conv2D(32, 3, strides=2, padding="same", name="features")(layers.Activation("relu")(small))
    logits = layers.Dense(2, dtype="float32", name="logits")(layers.GlobalAveragePooling2D()(features))
    return keras.Model(crops, logits)


def kernel_of(classifier: keras.Model) -> np.ndarray:
    return classifier.get_layer("features").get_weights()[0]


def test_the_smallest_numbers_of_large_kernels_become_zero_and_stay_so(tmp_path):
    classifier = network()
    before = [np.array(weight) for weight in classifier.get_weights()]
    prune(classifier, 0.75)
    pruned = kernel_of(classifier)
    np.testing.assert_array_equal(pruned == 0, np.abs(before[2]) < np.quantile(np.abs(before[2]), 0.75))
    np.testing.assert_array_equal(pruned[pruned != 0], before[2][pruned != 0])

    # What is validated and kept is a running mean.
    config = TrainingConfig(steps=8, round_steps=4, batch_size=8, warmup_steps=2, learning_rate=0.01, ema_momentum=0.5)
    seen = []
    train(
        classifier,
        BrightForgeries(),
        config,
        lambda predict: seen.append(kernel_of(classifier)) or {"selection": len(seen)},
        tmp_path,
    )
    for trained in (*seen, kernel_of(classifier)):
        np.testing.assert_array_equal(trained == 0, pruned == 0)
        assert (trained[pruned != 0] != pruned[pruned != 0]).all()
    assert np.count_nonzero(classifier.get_layer("small").kernel) == before[0].size


def test_zeros_that_are_there_stay_even_if_they_are_more():
    classifier = network()
    prune(classifier, 0.9)
    zeros = kernel_of(classifier) == 0
    prune(classifier, 0.75)
    np.testing.assert_array_equal(kernel_of(classifier) == 0, zeros)
    kernel = classifier.get_layer("features").kernel
    moved = keras.ops.convert_to_numpy(kernel.constraint(kernel + 1.0))
    np.testing.assert_array_equal(moved == 0, zeros)
