"""P-Net, R-Net and O-Net in OpenVINO, and their weights."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from extractors.detector import DetectorUnavailableError
from extractors.mtcnn.windows import Windows, cut_windows

WEIGHTS_PATH = Path(__file__).parents[1] / "weights" / "mtcnn.npz"
WEIGHTS_SHA256 = "580d3b1f6eace65f022f9e3ea89df86dd9e43abcfdeb96d76ba4349d8e258d7a"

# R-Net and O-Net are compiled for one number of windows: every further number would cost a compilation. Larger ones
# are no faster per window, and waste more where there are few.
_RNET_WINDOWS = 8
_ONET_WINDOWS = 2
_CUT_TOGETHER = 32

Weights = dict[str, NDArray[np.float32]]
"""Arrays by name, such as `pnet/conv1/kernel` (height, width, inputs, outputs)."""


def load_weights(path: Path = WEIGHTS_PATH) -> Weights:
    """Read and verify the weights that `scripts/convert_mtcnn_weights.py` writes.

    Raises:
        DetectorUnavailableError: if the file cannot be read or its SHA-256 is not the one pinned here.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DetectorUnavailableError(f"The MTCNN weights cannot be read: {error}.") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise DetectorUnavailableError(
            f"The MTCNN weights {path} are damaged or altered: SHA-256 is {digest}, not {WEIGHTS_SHA256}."
        )
    with np.load(io.BytesIO(content)) as arrays:
        return dict(arrays)


def build_pnet(weights: Weights) -> ov.Model:
    """Build P-Net: images float32 (N, height, width, 3) to [4 offsets of a box, logit] (N, rows, columns, 5)."""
    layers = _Layers(weights, "pnet")
    parameter = ops.parameter([-1, -1, -1, 3], np.float32)
    x = _max_pool(layers.first_block(parameter), 2, "same_upper")
    x = layers.conv_block(x, 2)
    x = layers.conv_block(x, 3)
    return ov.Model([ops.transpose(_convolution(x, *layers.heads("box")), [0, 2, 3, 1])], [parameter], "pnet")


def build_rnet(weights: Weights) -> ov.Model:
    """Build R-Net: windows float32 (N, 24, 24, 3) to [4 offsets of a box, logit] (N, 5)."""
    layers = _Layers(weights, "rnet")
    parameter = ops.parameter([_RNET_WINDOWS, 24, 24, 3], np.float32)
    x = _max_pool(layers.first_block(parameter), 3, "same_upper")
    x = _max_pool(layers.conv_block(x, 2), 3, "valid")
    x = layers.conv_block(x, 3)
    x = layers.dense_block(x, 4)
    return ov.Model([_dense(x, *layers.heads("box"))], [parameter], "rnet")


def build_onet(weights: Weights) -> ov.Model:
    """Build O-Net: windows float32 (N, 48, 48, 3) to [4 offsets of a box, 10 of landmarks, logit] (N, 15)."""
    layers = _Layers(weights, "onet")
    parameter = ops.parameter([_ONET_WINDOWS, 48, 48, 3], np.float32)
    x = _max_pool(layers.first_block(parameter), 3, "same_upper")
    x = _max_pool(layers.conv_block(x, 2), 3, "valid")
    x = _max_pool(layers.conv_block(x, 3), 2, "same_upper")
    x = layers.conv_block(x, 4)
    x = layers.dense_block(x, 5)
    return ov.Model([_dense(x, *layers.heads("box", "landmarks"))], [parameter], "onet")


class WindowNetwork:
    """R-Net or O-Net over any number of windows of a stack of frames.

    Args:
        model: compiled for a fixed number of windows.
    """

    def __init__(self, model: ov.CompiledModel) -> None:
        self._model = model
        self._patches = np.zeros(tuple(model.input().shape), np.float32)

    def __call__(self, frames: NDArray[np.uint8], windows: Windows) -> NDArray[np.float32]:
        """Give the network's outputs, float32 (N, values), for N windows.

        Args:
            frames: RGB uint8 (frames, height, width, 3).
            windows: of those frames.
        """
        values = np.empty((len(windows), self._model.output().shape[1]), np.float32)
        for start in range(0, len(windows), _CUT_TOGETHER):
            together = windows[start : start + _CUT_TOGETHER]
            values[start:][: len(together)] = self.of_patches(cut_windows(frames, together, self.side))
        return values

    @property
    def side(self) -> int:
        """Side of the patches that the network takes, in pixels."""
        return self._patches.shape[1]

    def of_patches(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the network's outputs, float32 (N, values), for N patches as `cut_windows` gives them."""
        values = np.empty((len(patches), self._model.output().shape[1]), np.float32)
        batch = len(self._patches)
        for first in range(0, len(patches), batch):
            chunk = patches[first : first + batch]
            self._patches[: len(chunk)] = chunk
            values[first:][: len(chunk)] = self._model(self._patches)[0][: len(chunk)]
        return values


class _Layers:
    """Adds the layers of one network, by the names of their weights, to an OpenVINO graph in NCHW layout."""

    def __init__(self, weights: Weights, network: str) -> None:
        self._weights = weights
        self._network = network

    def _array(self, name: str) -> NDArray[np.float32]:
        return self._weights[f"{self._network}/{name}"]

    def first_block(self, pixels: ov.Node) -> ov.Node:
        """The first block, of RGB (N, height, width, 3) from 0 to 255."""
        kernel, bias = self._array("conv1/kernel").astype(np.float64), self._array("conv1/bias")
        # The weights are for pixels from -1 to 1, (p - 127.5) / 128; no layer pads before this one, so it can do that.
        bias = (bias - kernel.sum(axis=(0, 1, 2)) * (127.5 / 128)).astype(np.float32)
        x = ops.transpose(pixels, [0, 3, 1, 2])
        return self._prelu(_convolution(x, (kernel / 128).astype(np.float32), bias), 1)

    def conv_block(self, x: ov.Node, index: int) -> ov.Node:
        return self._prelu(_convolution(x, self._array(f"conv{index}/kernel"), self._array(f"conv{index}/bias")), index)

    def dense_block(self, x: ov.Node, index: int) -> ov.Node:
        # The weights come from a network that flattened its maps as (width, height, channels).
        x = ops.reshape(ops.transpose(x, [0, 3, 2, 1]), [0, -1], special_zero=True)
        return self._prelu(_dense(x, self._array(f"dense{index}/kernel"), self._array(f"dense{index}/bias")), index)

    def heads(self, *names: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Kernel and bias of one layer for the named outputs and then one logit of "face"."""
        kernels = [self._array(f"{name}/kernel") for name in names]
        biases = [self._array(f"{name}/bias") for name in names]
        # Of two classes the softmax is the sigmoid of the difference.
        kernel, bias = self._array("face/kernel"), self._array("face/bias")
        kernels.append(kernel[..., 1:] - kernel[..., :1])
        biases.append(bias[1:] - bias[:1])
        return np.concatenate(kernels, axis=-1), np.concatenate(biases)

    def _prelu(self, x: ov.Node, index: int) -> ov.Node:
        return ops.prelu(x, self._array(f"prelu{index}/slope").reshape(-1))


def _convolution(x: ov.Node, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> ov.Node:
    kernel = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
    return ops.add(ops.convolution(x, kernel, [1, 1], [0, 0], [0, 0], [1, 1]), bias.reshape(1, -1, 1, 1))


def _dense(x: ov.Node, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> ov.Node:
    return ops.add(ops.matmul(x, kernel, False, False), bias)


def _max_pool(x: ov.Node, size: int, padding: str) -> ov.Output:
    return ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [size, size], auto_pad=padding).output(0)
