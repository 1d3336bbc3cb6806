"""Several accelerators at once, by the backend's own means."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

import keras

log = logging.getLogger(__name__)


@contextlib.contextmanager
def all_devices() -> Iterator[int]:
    """Let networks built in this context train on all accelerators, each taking its part of every batch.

    TensorFlow mirrors the variables (on several hosts where `TF_CONFIG` names them), JAX shards the batch through
    `keras.distribution`; with PyTorch one device is used.

    Yields:
        How many devices there are.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        if "TF_CONFIG" in os.environ:
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        elif len(tf.config.list_logical_devices("GPU")) > 1:
            strategy = tf.distribute.MirroredStrategy()
        else:
            yield 1
            return
        with strategy.scope():
            yield strategy.num_replicas_in_sync
        return
    if backend == "jax" and len(devices := keras.distribution.list_devices()) > 1:
        earlier = keras.distribution.distribution()
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
        try:
            yield len(devices)
        finally:
            keras.distribution.set_distribution(earlier)
        return
    yield 1
