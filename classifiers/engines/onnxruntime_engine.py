"""ONNX Runtime: the portable engine, for processors that OpenVINO does not know."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classifiers.engines.engine import check_crops, require_f32
from classifiers.extras import install_command
from classifiers.model_spec import ModelError, ModelSpec

_BATCH = 32

# TensorFloat-32, which CUDA takes by itself, is not float32.
_PROVIDERS = {"CPU": ("CPUExecutionProvider", {}), "CUDA": ("CUDAExecutionProvider", {"use_tf32": "0"})}


class OnnxRuntimeEngine:
    """Runs the ONNX file of a model in float32.

    Args:
        model: has the file "onnx".
        threads: number of CPU threads, or None for all cores.
        precision: "f32" or "auto", which is the same.
        device: "CPU", "CUDA", or "auto" for the CPU.

    Raises:
        ModelError: ONNX Runtime is not installed or lacks the precision or the device, or the file is missing, damaged
            or not of the model's crop size.
    """

    name = "onnxruntime"
    precision = "f32"

    def __init__(
        self, model: ModelSpec, threads: int | None = None, precision: str = "f32", device: str = "auto"
    ) -> None:
        require_f32(self.name, precision)
        content = model.read("onnx")
        self.weights_sha256 = model.files["onnx"].sha256
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(f"the onnxruntime engine needs `{install_command('onnx')}`") from error

        self.device = "CPU" if device == "auto" else device
        built_in = onnxruntime.get_available_providers()
        devices = [name for name, (provider, _) in _PROVIDERS.items() if provider in built_in]
        if self.device not in devices:
            raise ModelError(f"the onnxruntime engine finds no device {device}; there are {', '.join(devices)}")
        options = onnxruntime.SessionOptions()
        # Errors only: what it says of a graph that it can run is of no use to anybody.
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            session = onnxruntime.InferenceSession(content, options, providers=[_PROVIDERS[self.device]])
        # Each kind of damage has a class of its own, derived from nothing narrower.
        except Exception as error:
            raise ModelError(f"the ONNX file of model {model.name!r} cannot be loaded") from error
        if session.get_providers()[0] != _PROVIDERS[self.device][0]:
            # It would quietly run on the CPU instead.
            raise ModelError(
                f"the onnxruntime engine cannot start device {self.device}; it lacks its driver or its libraries"
            )
        inputs = session.get_inputs()
        wanted = [model.crop_size, model.crop_size, 3]
        if len(inputs) != 1 or inputs[0].shape[1:] != wanted:
            shapes = ", ".join(str(each.shape) for each in inputs)
            raise ModelError(f"the ONNX file of model {model.name!r} takes {shapes}, not crops of {wanted}")
        self._session, self._input, self._size = session, inputs[0].name, model.crop_size

    def predict(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify crops, as `Engine.predict` says."""
        check_crops(crops, self._size)
        parts = [crops[start : start + _BATCH] for start in range(0, len(crops), _BATCH)]
        logits = [self._session.run(None, {self._input: part.astype(np.float32)})[0] for part in parts]
        return np.concatenate([np.empty((0, 2), np.float32), *logits])
