"""Keras: the reference engine, which runs the network as it was trained, on whichever backend Keras has."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import numpy as np

from classifiers.architectures import load
from classifiers.model_spec import ModelError, ModelSpec

_BATCH = 32


class KerasEngine:
    """Runs the Keras file of a model in float32.

    Args:
        model: has the file "keras".
        threads: number of threads, or None for all cores. TensorFlow heeds it only before its first operation, and
            PyTorch for the whole process; JAX does not.
        device: "auto", or the one that Keras must have chosen: "CPU" or "GPU".

    Raises:
        ModelError: the file is missing, damaged or of another architecture, Keras lacks its backend, or it runs on
            another device.
    """

    name = "keras"
    precision = "f32"

    def __init__(self, model: ModelSpec, threads: int | None = None, device: str = "auto") -> None:
        content = model.read("keras")
        self.weights_sha256 = model.files["keras"].sha256
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        try:
            import keras
        except ImportError as error:
            raise ModelError(
                f"Keras cannot be loaded ({error}); install its backend, or set KERAS_BACKEND to the one there is"
            ) from error

        backend = keras.backend.backend()
        if threads is not None:
            _limit_threads(backend, threads)
        with tempfile.TemporaryDirectory() as folder:
            # Keras reads from a path only; this one holds exactly the bytes that were checked.
            path = Path(folder, "model.keras")
            path.write_bytes(content)
            try:
                network = load(path)
            except ValueError as error:
                message = f"the Keras file of model {model.name!r} does not hold weights of {model.architecture}"
                raise ModelError(message) from error
        if network.name != model.architecture or network.input_shape[1] != model.crop_size:
            raise ModelError(
                f"the Keras file of model {model.name!r} holds a {network.name} for crops of {network.input_shape[1]} "
                f"pixels, not a {model.architecture} for {model.crop_size}"
            )
        # "cpu", "/job:localhost/.../device:CPU:0" or "TFRT_CPU_0", as the backend has it.
        self.device = "CPU" if "cpu" in str(network.variables[0].value.device).lower() else "GPU"
        if device not in ("auto", self.device):
            raise ModelError(f"the {self.name} engine runs where Keras does, on the {self.device}, not on {device}")
        if self.device != "CPU":
            _require_float32(backend)
        # JAX is slow uncompiled; the compilers of the others cost more than they save.
        network.compile(jit_compile=backend == "jax")
        self._network = network

    def predict(self, crops: np.ndarray) -> np.ndarray:
        """Classify uint8 (n, size, size, 3) RGB crops: float32 (n, 2) logits."""
        logits = [np.empty((0, 2), np.float32)]
        for start in range(0, len(crops), _BATCH):
            part = crops[start : start + _BATCH]
            # Always a full batch: any other shape would be traced anew.
            padded = np.zeros((_BATCH, *part.shape[1:]), np.float32)
            padded[: len(part)] = part
            logits.append(self._network.predict_on_batch(padded)[: len(part)])
        return np.concatenate(logits)


class TensorFlowEngine(KerasEngine):
    """Keras on TensorFlow, and on nothing else.

    Raises:
        ModelError: as `KerasEngine`, or Keras runs on another backend.
    """

    name = "tensorflow"

    def __init__(self, model: ModelSpec, threads: int | None = None, device: str = "auto") -> None:
        if os.environ.setdefault("KERAS_BACKEND", "tensorflow") != "tensorflow":
            raise ModelError("the tensorflow engine needs KERAS_BACKEND=tensorflow, which is set to another backend")
        super().__init__(model, threads, device)


def _require_float32(backend: str) -> None:
    """Keep a GPU from TensorFloat-32, which it takes by itself and which is not float32; for the whole process."""
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(False)
    elif backend == "torch":
        import torch

        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    elif backend == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")


def _limit_threads(backend: str, threads: int) -> None:
    if backend == "tensorflow":
        import tensorflow as tf

        if not tf.config.get_visible_devices("GPU"):
            with contextlib.suppress(RuntimeError):
                tf.config.threading.set_intra_op_parallelism_threads(threads)
    elif backend == "torch":
        import torch

        torch.set_num_threads(threads)
