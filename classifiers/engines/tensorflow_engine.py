"""TensorFlow: the reference engine, which runs the Keras model as it was trained."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import numpy as np

from classifiers.architectures import build
from classifiers.model_spec import ModelError, ModelSpec

_BATCH = 32


class TensorFlowEngine:
    """Runs the Keras file of a model in TensorFlow in float32.

    Args:
        model: has the file "keras".
        threads: number of threads, or None for all cores; TensorFlow heeds it only before its first operation.

    Raises:
        ModelError: the file is missing, damaged or of another architecture, or Keras runs on another backend.
    """

    name = "tensorflow"
    precision = "f32"

    def __init__(self, model: ModelSpec, threads: int | None = None) -> None:
        content = model.read("keras")
        self.weights_sha256 = model.files["keras"].sha256
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import keras
        import tensorflow as tf

        if keras.backend.backend() != "tensorflow":
            raise ModelError("the tensorflow engine needs KERAS_BACKEND=tensorflow, which is set to another backend")
        if threads is not None and not tf.config.get_visible_devices("GPU"):
            with contextlib.suppress(RuntimeError):
                tf.config.threading.set_intra_op_parallelism_threads(threads)
        with tempfile.TemporaryDirectory() as folder:
            # Keras reads from a path only; this one holds exactly the bytes that were checked.
            path = Path(folder, "model.keras")
            path.write_bytes(content)
            # Only its weights are read: a layer configuration means nothing to an older Keras, a kernel does.
            network = build(model.architecture, input_size=model.crop_size)
            try:
                network.load_weights(path)
            except ValueError as error:
                message = f"the Keras file of model {model.name!r} does not hold weights of {model.architecture}"
                raise ModelError(message) from error
        # One traced function of a fixed batch: any other shape would be traced anew.
        signature = tf.TensorSpec((_BATCH, model.crop_size, model.crop_size, 3), tf.float32)
        self._network = tf.function(lambda crops: network(crops, training=False), input_signature=[signature])

    def predict(self, crops: np.ndarray) -> np.ndarray:
        """Classify uint8 (n, size, size, 3) RGB crops: float32 (n, 2) logits."""
        logits = [np.empty((0, 2), np.float32)]
        for start in range(0, len(crops), _BATCH):
            part = crops[start : start + _BATCH].astype(np.float32)
            padded = np.zeros((_BATCH, *part.shape[1:]), np.float32)
            padded[: len(part)] = part
            logits.append(self._network(padded).numpy()[: len(part)])
        return np.concatenate(logits)
