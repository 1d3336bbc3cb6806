"""Keras: the reference engine, which runs the network as it was trained, on whichever backend Keras has."""

from __future__ import annotations

import contextlib
import os

import numpy as np
from numpy.typing import NDArray

from classifiers.engines.engine import check_crops, require_f32
from classifiers.model_spec import ModelError, ModelSpec
from classifiers.stored_network import load_network

_BATCH = 32


class KerasEngine:
    """Runs the network of a model in float32.

    Args:
        model: has the file "keras", or compact ones.
        threads: number of threads, or None for all cores. TensorFlow heeds it only before its first operation, and
            PyTorch for the whole process; JAX does not.
        precision: "f32" or "auto", which is the same.
        device: "auto", or the one that Keras must have chosen: "CPU" or "GPU".

    Raises:
        ModelError: the file is missing, damaged or of another architecture, Keras lacks its backend, another
            precision is wanted, or it runs on another device.
    """

    name = "keras"
    precision = "f32"

    def __init__(
        self, model: ModelSpec, threads: int | None = None, precision: str = "f32", device: str = "auto"
    ) -> None:
        require_f32(self.name, precision)
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
        network = load_network(model)
        self.weights_sha256 = list(model.source_files.values())[-1].sha256
        # "cpu", "/job:localhost/.../device:CPU:0" or "TFRT_CPU_0", as the backend has it.
        self.device = "CPU" if "cpu" in str(network.variables[0].value.device).lower() else "GPU"
        if device not in ("auto", self.device):
            raise ModelError(f"the {self.name} engine runs where Keras does, on the {self.device}, not on {device}")
        if self.device != "CPU":
            _require_float32(backend)
        # JAX is slow uncompiled; the compilers of the others cost more than they save.
        network.compile(jit_compile=backend == "jax")
        self._network, self._size = network, model.crop_size

    def predict(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify crops, as `Engine.predict` says."""
        check_crops(crops, self._size)
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

    def __init__(
        self, model: ModelSpec, threads: int | None = None, precision: str = "f32", device: str = "auto"
    ) -> None:
        require_f32(self.name, precision)
        if os.environ.setdefault("KERAS_BACKEND", "tensorflow") != "tensorflow":
            raise ModelError("the tensorflow engine needs KERAS_BACKEND=tensorflow, which is set to another backend")
        super().__init__(model, threads, precision, device)


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
