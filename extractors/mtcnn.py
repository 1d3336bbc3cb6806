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

WEIGHTS_PATH = Path(__file__).parent / "weights" / "mtcnn.npz"
WEIGHTS_SHA256 = "580d3b1f6eace65f022f9e3ea89df86dd9e43abcfdeb96d76ba4349d8e258d7a"

SMALLEST_FACE = 20
"""Side in pixels, at detection size, of the smallest face that is searched for."""

_WINDOW = 12
_STRIDE = 2
_PYRAMID_FACTOR = 0.709
_PNET_THRESHOLD = 0.6
_RNET_THRESHOLD = 0.7

# Frames that pass the cascade together. More take more memory and, beyond the CPU's caches, more time.
_FRAMES_PER_PASS = 4
# R-Net and O-Net are compiled for one number of windows: every further number would cost a compilation.
_RNET_WINDOWS = 32
_ONET_WINDOWS = 8
# Non-maximum suppression compares all pairs: without a bound, an image made for it could take all memory.
_MAX_COMPARED = 2000


def shrink_to_side(image: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Shrink an image so that its longer side is at most `side` pixels.

    Args:
        image: RGB uint8 array of shape (height, width, 3).
        side: the bound in pixels. A smaller image keeps its size.

    Returns:
        The image, C-contiguous, and its scale: float64 (2,), new size by old size along x and y.

    Raises:
        ValueError: if the image is not of that shape and type, or empty.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"An image must be uint8 (height, width, 3), not {image.dtype} {image.shape}.")
    image = np.ascontiguousarray(image)
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image, np.ones(2)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.divide(size, (width, height))


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

    def pixels(self, batch: int, side: int) -> tuple[ov.Node, ov.Node]:
        """The parameter, RGB float32 (N, side, side, 3) from 0 to 255, and the first layer's input."""
        parameter = ops.parameter([batch, side, side, 3], np.float32)
        normalised = ops.multiply(ops.subtract(parameter, np.float32(127.5)), np.float32(1 / 128))
        return parameter, ops.transpose(normalised, [0, 3, 1, 2])

    def convolution(self, x: ov.Node, name: str) -> ov.Node:
        kernel = np.ascontiguousarray(self._array(f"{name}/kernel").transpose(3, 2, 0, 1))
        bias = self._array(f"{name}/bias").reshape(1, -1, 1, 1)
        return ops.add(ops.convolution(x, kernel, [1, 1], [0, 0], [0, 0], [1, 1]), bias)

    def dense(self, x: ov.Node, name: str) -> ov.Node:
        return ops.add(ops.matmul(x, self._array(f"{name}/kernel"), False, False), self._array(f"{name}/bias"))

    def conv_block(self, x: ov.Node, index: int) -> ov.Node:
        return self._prelu(self.convolution(x, f"conv{index}"), index)

    def dense_block(self, x: ov.Node, index: int) -> ov.Node:
        # The weights come from a network that flattened its maps as (width, height, channels).
        x = ops.reshape(ops.transpose(x, [0, 3, 2, 1]), [0, -1], special_zero=True)
        return self._prelu(self.dense(x, f"dense{index}"), index)

    def _prelu(self, x: ov.Node, index: int) -> ov.Node:
        return ops.prelu(x, self._array(f"prelu{index}/slope").reshape(-1))


def _max_pool(x: ov.Node, size: int, padding: str) -> ov.Output:
    return ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [size, size], auto_pad=padding).output(0)


def _build_pnet(weights: dict[str, np.ndarray]) -> ov.Model:
    """Images to offsets (N, 4, rows, columns) of boxes and [no face, face] (N, 2, rows, columns)."""
    layers = _Layers(weights, "pnet")
    parameter, x = layers.pixels(-1, -1)
    x = _max_pool(layers.conv_block(x, 1), 2, "same_upper")
    x = layers.conv_block(x, 2)
    x = layers.conv_block(x, 3)
    face = ops.softmax(layers.convolution(x, "face"), axis=1)
    return ov.Model([layers.convolution(x, "box"), face], [parameter], "pnet")


def _build_rnet(weights: dict[str, np.ndarray]) -> ov.Model:
    """Windows to offsets (N, 4) of boxes and [no face, face] (N, 2)."""
    layers = _Layers(weights, "rnet")
    parameter, x = layers.pixels(_RNET_WINDOWS, 24)
    x = _max_pool(layers.conv_block(x, 1), 3, "same_upper")
    x = _max_pool(layers.conv_block(x, 2), 3, "valid")
    x = layers.conv_block(x, 3)
    x = layers.dense_block(x, 4)
    face = ops.softmax(layers.dense(x, "face"), axis=1)
    return ov.Model([layers.dense(x, "box"), face], [parameter], "rnet")


def _build_onet(weights: dict[str, np.ndarray]) -> ov.Model:
    """Windows to offsets (N, 4) of boxes, landmarks (N, 10) and [no face, face] (N, 2)."""
    layers = _Layers(weights, "onet")
    parameter, x = layers.pixels(_ONET_WINDOWS, 48)
    x = _max_pool(layers.conv_block(x, 1), 3, "same_upper")
    x = _max_pool(layers.conv_block(x, 2), 3, "valid")
    x = _max_pool(layers.conv_block(x, 3), 2, "same_upper")
    x = layers.conv_block(x, 4)
    x = layers.dense_block(x, 5)
    face = ops.softmax(layers.dense(x, "face"), axis=1)
    return ov.Model([layers.dense(x, "box"), layers.dense(x, "landmarks"), face], [parameter], "onet")


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


def _overlaps_stronger(corners: np.ndarray, max_overlap: float, relative_to: str) -> np.ndarray:
    """Whether each box, sorted by falling score, overlaps any before it; bool (N,).

    Unlike in greedy suppression, a suppressed box still suppresses others: that is the package's rule.
    """
    x1, y1, x2, y2 = corners.T
    area = (x2 - x1) * (y2 - y1)
    width = np.minimum(x2[:, None], x2) - np.maximum(x1[:, None], x1)
    height = np.minimum(y2[:, None], y2) - np.maximum(y1[:, None], y1)
    intersection = np.maximum(width, 0) * np.maximum(height, 0)
    if relative_to == "union":
        reference = area[:, None] + area - intersection
    else:
        reference = np.minimum(area[:, None], area)
    return np.triu(intersection > max_overlap * reference, k=1).any(axis=0)


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
        near = pixels.take(start + left[:, None], axis=0)
        far = pixels.take(start + right[:, None], axis=0)
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

    def __call__(self, frames: np.ndarray, windows: _Candidates) -> list[np.ndarray]:
        """The network's outputs, float32 (N, values) each, for N windows.

        Args:
            frames: float32 (frames, height, width, 3), RGB from 0 to 255.
            windows: of those frames.
        """
        outputs = [np.empty((len(windows), port.shape[1]), np.float32) for port in self._model.outputs]
        batch, side = self._patches.shape[:2]
        for start in range(0, len(windows), batch):
            chunk = slice(start, start + batch)
            patches = _crop(frames, windows[chunk], side)
            self._patches[: len(patches)] = patches
            for output, values in zip(outputs, self._model(self._patches).values(), strict=True):
                output[chunk] = values[: len(patches)]
        return outputs


def _landmark_points(corners: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """O-Net's landmarks, five x then five y in units of the box, as pixels; float32 (N, 5, 2)."""
    size = corners[:, 2:] - corners[:, :2] + 1
    points = landmarks.reshape(-1, 2, 5).transpose(0, 2, 1)
    return points * size[:, None] + corners[:, None, :2] - 1


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
        self._detection_side = detection_side

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
        by_shape = defaultdict(list)
        for index, image in enumerate(images):
            by_shape[image.shape].append(index)

        faces: list[list[Face]] = [[] for _ in images]
        for indices in by_shape.values():
            for start in range(0, len(indices), _FRAMES_PER_PASS):
                chunk = indices[start : start + _FRAMES_PER_PASS]
                for index, found in zip(chunk, self._detect_stack([images[i] for i in chunk]), strict=True):
                    faces[index] = found
        return faces

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
        shrunk, scale = shrink_to_side(image, self._detection_side)
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4) * np.tile(scale, 2)
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1).astype(np.float32)
        windows = _Candidates(np.zeros(len(boxes), np.intp), corners, np.ones(len(boxes), np.float32)).squared()
        _, landmarks, face = self._onet(shrunk[None].astype(np.float32), windows)
        points = _landmark_points(windows.corners, landmarks) / scale
        return points.astype(np.float32), face[:, 1]

    def _detect_stack(self, images: Sequence[np.ndarray]) -> list[list[Face]]:
        """Find the faces of images of one size."""
        shrunk, scales = zip(*(shrink_to_side(image, self._detection_side) for image in images), strict=True)
        frames, scale = np.stack(shrunk).astype(np.float32), scales[0]

        windows = self._propose(frames, max(SMALLEST_FACE, self._min_face_size * scale.min()))
        windows = self._refine(frames, windows)
        found, landmarks = self._output(frames, windows)

        start, end = found.corners[:, :2] / scale, found.corners[:, 2:] / scale
        boxes = np.concatenate([start, end - start], axis=1).astype(np.float32)
        landmarks = (landmarks / scale).astype(np.float32)
        faces: list[list[Face]] = [[] for _ in images]
        for row, frame in enumerate(found.frame):
            faces[frame].append(Face(boxes[row], landmarks[row], float(found.score[row])))
        return [largest_first(in_frame) for in_frame in faces]

    def _propose(self, frames: np.ndarray, smallest_face: float) -> _Candidates:
        """P-Net's square windows in frames, float32 (B, height, width, 3)."""
        height, width = frames.shape[1:3]
        levels = [_Candidates(np.empty(0, np.intp), np.empty((0, 4), np.float32), np.empty(0, np.float32))]
        for scale in _pyramid_scales(height, width, smallest_face):
            size = int(width * scale), int(height * scale)
            level = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])
            offsets, face = self._pnet(level).values()
            probability = face[:, 1]
            frame, row, column = np.nonzero(probability > _PNET_THRESHOLD)
            start = np.stack([column, row], axis=1) * _STRIDE
            # The package counts a window's pixels from 1 to 12, which makes its size 11.
            window = np.concatenate([start + 1, start + _WINDOW], axis=1)
            corners = (window + offsets[frame, :, row, column] * (_WINDOW - 1)) / scale
            found = _Candidates(frame, corners.astype(np.float32), probability[frame, row, column])
            levels.append(found[found.survivors(0.5)])
        proposals = _Candidates(
            np.concatenate([level.frame for level in levels]),
            np.concatenate([level.corners for level in levels]),
            np.concatenate([level.score for level in levels]),
        )
        return proposals[proposals.survivors(0.7)].squared()

    def _refine(self, frames: np.ndarray, windows: _Candidates) -> _Candidates:
        """The windows that R-Net keeps, moved and made square again."""
        offsets, face = self._rnet(frames, windows)
        refined = windows.moved(offsets, face[:, 1])
        refined = refined[refined.score > _RNET_THRESHOLD]
        return refined[refined.survivors(0.7)].squared()

    def _output(self, frames: np.ndarray, windows: _Candidates) -> tuple[_Candidates, np.ndarray]:
        """The faces that O-Net keeps and their landmarks, float32 (N, 5, 2)."""
        offsets, landmarks, face = self._onet(frames, windows)
        points = _landmark_points(windows.corners, landmarks)
        faces = windows.moved(offsets, face[:, 1])
        sure = faces.score > self._min_confidence
        faces, points = faces[sure], points[sure]
        kept = faces.survivors(0.7, relative_to="smaller")
        return faces[kept], points[kept]
