"""The MTCNN face detector in OpenVINO.

Kaipeng Zhang, Zhanpeng Zhang, Zhifeng Li, Yu Qiao: Joint Face Detection and Alignment using Multitask
Cascaded Convolutional Networks. IEEE Signal Processing Letters 23 (10), 2016. https://arxiv.org/abs/1604.02878

Three networks of growing size look at fewer and fewer windows. P-Net slides over an image pyramid and
proposes windows of 12x12 pixels, R-Net refines or rejects each at 24x24, O-Net does so once more at 48x48 and
adds five landmarks.

The weights, thresholds and pixel arithmetic are those of the `mtcnn` package 1.0.0, whose faces it reproduces
(`extractors.mtcnn_reference` runs the package itself).
"""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
from openvino import opset13 as ops

from extractors import DetectorUnavailableError
from extractors.face import Face
from extractors.shrink import shrink_to_side

WEIGHTS_PATH = Path(__file__).parent / "weights" / "mtcnn.npz"
WEIGHTS_SHA256 = "580d3b1f6eace65f022f9e3ea89df86dd9e43abcfdeb96d76ba4349d8e258d7a"

SMALLEST_FACE = 20
"""Side in pixels, at detection size, of the smallest face that is searched for."""

# Where faces are followed, faces are found from this many times the smallest expected one on. Where none is expected,
# one is taken to be there whose side is this share of the longer side of the image.
_SMALLER_FACE = 0.5
_UNEXPECTED_FACE = 0.125

_WINDOW = 12
_STRIDE = 2
_PYRAMID_FACTOR = 0.709
_PNET_LOGIT = np.log(0.6 / 0.4)
_RNET_THRESHOLD = 0.7

# Frames that pass the cascade together. More take more memory and, beyond the CPU's caches, more time.
_FRAMES_PER_PASS = 4
# R-Net and O-Net are compiled for one number of windows: every further number would cost a compilation. Larger ones
# are no faster per window, and waste more where there are few.
_RNET_WINDOWS = 8
_ONET_WINDOWS = 2
_CROPPED_TOGETHER = 32
# Non-maximum suppression compares all pairs: without a bound, an image made for it could take all memory.
_MAX_COMPARED = 2000


def largest_first(faces: Iterable[Face]) -> list[Face]:
    """Sort faces by the area of their boxes, largest first."""
    return sorted(faces, key=lambda face: face.box[2] * face.box[3], reverse=True)


def load_weights(path: Path = WEIGHTS_PATH) -> dict[str, np.ndarray]:
    """Read and verify the weights that `scripts/convert_mtcnn_weights.py` writes.

    Returns:
        float32 arrays by name, such as `pnet/conv1/kernel` (height, width, inputs, outputs).

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


class _Layers:
    """Adds the layers of one network, by the names of their weights, to an OpenVINO graph in NCHW layout."""

    def __init__(self, weights: dict[str, np.ndarray], network: str):
        self._weights = weights
        self._network = network

    def _array(self, name: str) -> np.ndarray:
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

    def heads(self, *names: str) -> tuple[np.ndarray, np.ndarray]:
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


def _convolution(x: ov.Node, kernel: np.ndarray, bias: np.ndarray) -> ov.Node:
    kernel = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
    return ops.add(ops.convolution(x, kernel, [1, 1], [0, 0], [0, 0], [1, 1]), bias.reshape(1, -1, 1, 1))


def _dense(x: ov.Node, kernel: np.ndarray, bias: np.ndarray) -> ov.Node:
    return ops.add(ops.matmul(x, kernel, False, False), bias)


def _max_pool(x: ov.Node, size: int, padding: str) -> ov.Output:
    return ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [size, size], auto_pad=padding).output(0)


def _build_pnet(weights: dict[str, np.ndarray]) -> ov.Model:
    """Images float32 (N, height, width, 3) to [4 offsets of a box, logit] (N, rows, columns, 5)."""
    layers = _Layers(weights, "pnet")
    parameter = ops.parameter([-1, -1, -1, 3], np.float32)
    x = _max_pool(layers.first_block(parameter), 2, "same_upper")
    x = layers.conv_block(x, 2)
    x = layers.conv_block(x, 3)
    return ov.Model([ops.transpose(_convolution(x, *layers.heads("box")), [0, 2, 3, 1])], [parameter], "pnet")


def _build_rnet(weights: dict[str, np.ndarray]) -> ov.Model:
    """Windows float32 (N, 24, 24, 3) to [4 offsets of a box, logit] (N, 5)."""
    layers = _Layers(weights, "rnet")
    parameter = ops.parameter([_RNET_WINDOWS, 24, 24, 3], np.float32)
    x = _max_pool(layers.first_block(parameter), 3, "same_upper")
    x = _max_pool(layers.conv_block(x, 2), 3, "valid")
    x = layers.conv_block(x, 3)
    x = layers.dense_block(x, 4)
    return ov.Model([_dense(x, *layers.heads("box"))], [parameter], "rnet")


def _build_onet(weights: dict[str, np.ndarray]) -> ov.Model:
    """Windows float32 (N, 48, 48, 3) to [4 offsets of a box, 10 of landmarks, logit] (N, 15)."""
    layers = _Layers(weights, "onet")
    parameter = ops.parameter([_ONET_WINDOWS, 48, 48, 3], np.float32)
    x = _max_pool(layers.first_block(parameter), 3, "same_upper")
    x = _max_pool(layers.conv_block(x, 2), 3, "valid")
    x = _max_pool(layers.conv_block(x, 3), 2, "same_upper")
    x = layers.conv_block(x, 4)
    x = layers.dense_block(x, 5)
    return ov.Model([_dense(x, *layers.heads("box", "landmarks"))], [parameter], "onet")


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    # The exponential of a large number would overflow.
    return 0.5 * (1 + np.tanh(0.5 * logit))


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Windows that may hold a face, in a stack of frames.

    Attributes:
        frame: intp (N,), index into the stack.
        corners: float32 (N, 4), x1, y1, x2, y2 in pixels of the frame.
        score: float32 (N,), probability of a face.
    """

    frame: np.ndarray
    corners: np.ndarray
    score: np.ndarray

    def __getitem__(self, selection: np.ndarray | slice) -> _Candidates:
        return _Candidates(self.frame[selection], self.corners[selection], self.score[selection])

    def __len__(self) -> int:
        return len(self.frame)

    def squared(self) -> _Candidates:
        """Grow the shorter side of each box to the longer one, about the same centre."""
        size = self.corners[:, 2:] - self.corners[:, :2]
        side = size.max(axis=1, keepdims=True)
        start = self.corners[:, :2] + (size - side) / 2
        return _Candidates(self.frame, np.concatenate([start, start + side], axis=1), self.score)

    def moved(self, offsets: np.ndarray, score: np.ndarray) -> _Candidates:
        """Move the corners by a network's offsets, in units of the box, and take over its scores."""
        size = self.corners[:, 2:] - self.corners[:, :2] + 1
        return _Candidates(self.frame, self.corners + offsets * np.tile(size, 2), score)

    def survivors(self, max_overlap: float, relative_to: str = "union") -> np.ndarray:
        """Indices of those left by non-maximum suppression within each frame; intp (M,).

        Args:
            max_overlap: of two boxes that overlap by more than this fraction, the one of lower score goes.
            relative_to: "union" of the two boxes, or the "smaller" one.
        """
        order = np.argsort(self.score, kind="stable")[::-1]
        frames = self.frame[order]
        kept = [np.empty(0, np.intp)]
        for frame in np.unique(frames):
            indices = order[frames == frame][:_MAX_COMPARED]
            kept.append(indices[~_overlaps_stronger(self.corners[indices], max_overlap, relative_to)])
        return np.concatenate(kept)


_NO_CANDIDATES = _Candidates(np.empty(0, np.intp), np.empty((0, 4), np.float32), np.empty(0, np.float32))


def _joined(candidates: Sequence[_Candidates]) -> _Candidates:
    return _Candidates(
        np.concatenate([c.frame for c in candidates]),
        np.concatenate([c.corners for c in candidates]),
        np.concatenate([c.score for c in candidates]),
    )


def _overlaps_stronger(corners: np.ndarray, max_overlap: float, relative_to: str) -> np.ndarray:
    """Whether each box, sorted by falling score, overlaps any before it; bool (N,).

    Unlike in greedy suppression, a suppressed box still suppresses others: that is the package's rule.
    """
    x1, y1, x2, y2 = corners.T.copy()
    area = (x2 - x1) * (y2 - y1)
    # In place: for some hundred boxes, new arrays for each result would take most of the time.
    intersection = np.minimum(x2[:, None], x2)
    intersection -= np.maximum(x1[:, None], x1)
    np.maximum(intersection, 0, out=intersection)
    height = np.minimum(y2[:, None], y2)
    height -= np.maximum(y1[:, None], y1)
    intersection *= np.maximum(height, 0, out=height)
    if relative_to == "union":
        reference = np.add(area[:, None], area, out=height)
        reference -= intersection
    else:
        reference = np.minimum(area[:, None], area, out=height)
    reference *= max_overlap
    return np.triu(intersection > reference, k=1).any(axis=0)


def _sample_positions(low: np.ndarray, high: np.ndarray, samples: int, length: int) -> tuple[np.ndarray, ...]:
    """Where to read `samples` values along each of N intervals of an axis of `length` pixels.

    Returns:
        The pixels before and after each position and the weight of the latter, and whether the position lies
        outside the axis; (N, samples) each.
    """
    steps = np.linspace(0, 1, samples, dtype=np.float32)
    # The package maps 0 and `length` to the centres of the first and last pixel.
    position = (low[:, None] + (high - low)[:, None] * steps) * np.float32((length - 1) / length)
    inside = np.clip(position, 0, length - 1)
    before = inside.astype(np.intp)
    after = np.minimum(before + 1, length - 1)
    return before, after, inside - before.astype(np.float32), position != inside


def _crop(frames: np.ndarray, windows: _Candidates, side: int) -> np.ndarray:
    """Sample windows bilinearly, mid-grey outside the frame; float32 (N, side, side, 3)."""
    height, width = frames.shape[1:3]
    x1, y1, x2, y2 = windows.corners.T
    left, right, x_weight, x_outside = _sample_positions(x1, x2, side, width)
    top, bottom, y_weight, y_outside = _sample_positions(y1, y2, side, height)

    pixels = frames.reshape(-1, 3)

    def rows(y: np.ndarray) -> np.ndarray:
        start = ((windows.frame[:, None] * height + y) * width)[:, :, None]
        # `take` is four times as fast as indexing here.
        near = pixels.take(start + left[:, None], axis=0).astype(np.float32)
        far = pixels.take(start + right[:, None], axis=0).astype(np.float32)
        return near + (far - near) * x_weight[:, None, :, None]

    upper = rows(top)
    patches = upper + (rows(bottom) - upper) * y_weight[:, :, None, None]
    patches[y_outside[:, :, None] | x_outside[:, None]] = 127.5
    return patches


class _WindowNet:
    """R-Net or O-Net over any number of windows of a stack of frames."""

    def __init__(self, model: ov.CompiledModel):
        self._model = model
        self._patches = np.zeros(tuple(model.input().shape), np.float32)

    def __call__(self, frames: np.ndarray, windows: _Candidates) -> np.ndarray:
        """The network's outputs, float32 (N, values), for N windows.

        Args:
            frames: uint8 (frames, height, width, 3), RGB.
            windows: of those frames.
        """
        values = np.empty((len(windows), self._model.output().shape[1]), np.float32)
        batch, side = self._patches.shape[:2]
        for start in range(0, len(windows), _CROPPED_TOGETHER):
            patches = _crop(frames, windows[start : start + _CROPPED_TOGETHER], side)
            for first in range(0, len(patches), batch):
                chunk = patches[first : first + batch]
                self._patches[: len(chunk)] = chunk
                values[start + first :][: len(chunk)] = self._model(self._patches)[0][: len(chunk)]
        return values


def _landmark_points(corners: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """O-Net's landmarks, five x then five y in units of the box, as pixels; float32 (N, 5, 2)."""
    size = corners[:, 2:] - corners[:, :2] + 1
    points = landmarks.reshape(-1, 2, 5).transpose(0, 2, 1)
    return points * size[:, None] + corners[:, None, :2] - 1


def _passes(images: Sequence[np.ndarray]) -> Iterator[list[int]]:
    """Indices of images of one size that pass the cascade together."""
    by_shape = defaultdict(list)
    for index, image in enumerate(images):
        by_shape[image.shape].append(index)
    for indices in by_shape.values():
        for start in range(0, len(indices), _FRAMES_PER_PASS):
            yield indices[start : start + _FRAMES_PER_PASS]


def _corners(boxes: np.ndarray) -> np.ndarray:
    """Boxes x, y, width, height as float32 x1, y1, x2, y2; (N, 4)."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1).astype(np.float32)


def _pyramid_scales(height: int, width: int, smallest_face: float) -> Iterator[float]:
    """Scales that bring faces, from the smallest to one that fills the image, to P-Net's window."""
    for level in count():
        scale = _WINDOW / smallest_face * _PYRAMID_FACTOR**level
        if min(height, width) * scale < _WINDOW:
            return
        yield scale


class MTCNN:
    """Detects faces with MTCNN; the default detector.

    An instance must not be used by two threads at once.

    Args:
        min_confidence: faces of a probability, from 0 to 1, that is not above this are dropped.
        min_face_size: side in pixels of the original image below which faces are not searched for. None, or a
            value that shrinking brings below 20 pixels, searches from 20 pixels at detection size.
        detection_side: images with a longer side than this, in pixels, are shrunk to it for detection.
        threads: of the CPU; None leaves the number to OpenVINO.

    Raises:
        DetectorUnavailableError: if the weights are missing or altered.
    """

    name = "mtcnn"

    def __init__(
        self,
        *,
        min_confidence: float = 0.9,
        min_face_size: float | None = None,
        detection_side: int = 640,
        threads: int | None = None,
    ):
        self._min_confidence = min_confidence
        self._min_face_size = min_face_size or 0
        self.detection_side = detection_side

        # Without the hint a CPU that has bfloat16 computes in it, and scores depend on the machine.
        config = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            config["INFERENCE_NUM_THREADS"] = threads
        core = ov.Core()
        weights = load_weights()
        self._pnet = core.compile_model(_build_pnet(weights), "CPU", config)
        self._rnet = _WindowNet(core.compile_model(_build_rnet(weights), "CPU", config))
        self._onet = _WindowNet(core.compile_model(_build_onet(weights), "CPU", config))

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Face]]:
        """Find the faces of each image.

        Args:
            images: RGB uint8 arrays of shape (height, width, 3); those of equal size are processed together.

        Returns:
            For each image its faces, largest first. The box is O-Net's, neither square nor cut at the border
            of the image; the confidence is O-Net's probability.

        Raises:
            ValueError: if an image is not of that shape and type, or empty.
        """
        return self._detect(images, [0.0] * len(images))

    def follow(self, images: Sequence[np.ndarray], expected: Sequence[Sequence[Face]]) -> list[list[Face]]:
        """Find faces again whose places are roughly known, and any new ones that are not much smaller.

        P-Net looks for faces from half the size of the smallest expected one on, in the very copies that `detect`
        looks at too: it finds the same faces in the same places, for a fifth of the cost where they are large.

        Args:
            images: as for `detect`.
            expected: for each image its faces as they are expected to be.

        Returns:
            As from `detect`. An expected face that the networks do not find is not among them.

        Raises:
            ValueError: if an image is not of that shape and type, or empty.
        """
        smallest = []
        for image, faces in zip(images, expected, strict=True):
            side = min((float(face.box[2:].max()) for face in faces), default=max(image.shape) * _UNEXPECTED_FACE)
            smallest.append(_SMALLER_FACE * side)
        return self._detect(images, smallest)

    def landmarks(self, image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Locate the landmarks of faces whose boxes are known, with O-Net alone.

        Args:
            image: RGB uint8 array of shape (height, width, 3).
            boxes: (N, 4), x, y, width, height in pixels of the image; made square about their centres.

        Returns:
            The landmarks, float32 (N, 5, 2), x, y in pixels of the image in the order of `LANDMARK_NAMES`;
            and O-Net's probability that the box holds a face, float32 (N,).

        Raises:
            ValueError: if the image is not of that shape and type, or empty.
        """
        shrunk, scale = shrink_to_side(image, self.detection_side)
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4) * np.tile(scale, 2)
        windows = _Candidates(np.zeros(len(boxes), np.intp), _corners(boxes), np.ones(len(boxes), np.float32)).squared()
        values = self._onet(shrunk[None], windows)
        points = _landmark_points(windows.corners, values[:, 4:14]) / scale
        return points.astype(np.float32), _sigmoid(values[:, 14])

    def _detect(self, images: Sequence[np.ndarray], smallest_faces: Sequence[float]) -> list[list[Face]]:
        """Find the faces of each image from about a size on, in pixels of the image."""
        faces: list[list[Face]] = [[] for _ in images]
        for indices in _passes(images):
            frames, scale = self._shrunk([images[i] for i in indices])
            windows = self._propose(frames, [smallest_faces[i] * scale.min() for i in indices], scale)
            for index, found in zip(indices, self._faces(frames, windows, scale), strict=True):
                faces[index] = found
        return faces

    def _shrunk(self, images: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Images of one size as a stack at detection size, and its scale."""
        shrunk, scales = zip(*(shrink_to_side(image, self.detection_side) for image in images), strict=True)
        return np.stack(shrunk), scales[0]

    def _smallest_face(self, scale: np.ndarray) -> float:
        """Side in pixels at detection size."""
        return max(SMALLEST_FACE, self._min_face_size * scale.min())

    def _faces(self, frames: np.ndarray, windows: _Candidates, scale: np.ndarray) -> list[list[Face]]:
        """The faces of each frame that R-Net and O-Net find in windows, in pixels of the images."""
        found, landmarks = self._output(frames, self._refine(frames, windows))
        start, end = found.corners[:, :2] / scale, found.corners[:, 2:] / scale
        boxes = np.concatenate([start, end - start], axis=1).astype(np.float32)
        landmarks = (landmarks / scale).astype(np.float32)
        faces: list[list[Face]] = [[] for _ in frames]
        for row, frame in enumerate(found.frame):
            faces[frame].append(Face(boxes[row], landmarks[row], float(found.score[row])))
        return [largest_first(in_frame) for in_frame in faces]

    def _propose(self, frames: np.ndarray, smallest_faces: Sequence[float], scale: np.ndarray) -> _Candidates:
        """P-Net's square windows in frames, uint8 (B, height, width, 3), for faces from about a size in each on."""
        levels = [_NO_CANDIDATES]
        pyramid = list(_pyramid_scales(*frames.shape[1:3], self._smallest_face(scale)))
        for index, frame in enumerate(frames.astype(np.float32)):
            for scale in (scale for scale in pyramid if scale * smallest_faces[index] <= _WINDOW):
                size = int(frame.shape[1] * scale), int(frame.shape[0] * scale)
                # One by one: every further number of frames would be a further shape, and cost a compilation.
                values = self._pnet(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)[None])[0][0]
                row, column = np.nonzero(values[..., 4] > _PNET_LOGIT)
                if not len(row):
                    continue
                values = values[row, column]
                start = np.stack([column, row], axis=1) * _STRIDE
                # The package counts a window's pixels from 1 to 12, which makes its size 11.
                window = np.concatenate([start + 1, start + _WINDOW], axis=1)
                corners = (window + values[:, :4] * (_WINDOW - 1)) / scale
                found = _Candidates(np.full(len(row), index), corners.astype(np.float32), _sigmoid(values[:, 4]))
                levels.append(found[found.survivors(0.5)])
        proposals = _joined(levels)
        return proposals[proposals.survivors(0.7)].squared()

    def _refine(self, frames: np.ndarray, windows: _Candidates) -> _Candidates:
        """The windows that R-Net keeps, moved and made square again."""
        values = self._rnet(frames, windows)
        refined = windows.moved(values[:, :4], _sigmoid(values[:, 4]))
        refined = refined[refined.score > _RNET_THRESHOLD]
        return refined[refined.survivors(0.7)].squared()

    def _output(self, frames: np.ndarray, windows: _Candidates) -> tuple[_Candidates, np.ndarray]:
        """The faces that O-Net keeps and their landmarks, float32 (N, 5, 2)."""
        values = self._onet(frames, windows)
        points = _landmark_points(windows.corners, values[:, 4:14])
        faces = windows.moved(values[:, :4], _sigmoid(values[:, 14]))
        sure = faces.score > self._min_confidence
        faces, points = faces[sure], points[sure]
        kept = faces.survivors(0.7, relative_to="smaller")
        return faces[kept], points[kept]
