"""The cascade of MTCNN: from images to faces; the default detector."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count

import cv2
import numpy as np
import openvino as ov
from numpy.typing import ArrayLike, NDArray

from extractors.face import Face, largest_first
from extractors.mtcnn.networks import WindowNetwork, build_onet, build_pnet, build_rnet, load_weights
from extractors.mtcnn.windows import Windows, cut_windows
from extractors.quality import is_plausible
from extractors.shrink import shrink_to_side

SMALLEST_FACE = 20
"""Side in pixels, at detection size, of the smallest face that is searched for."""

# Where faces are followed, faces are found from this many times the smallest expected one on. Where none is expected,
# one is taken to be there whose side is this share of the longer side of the image.
_SMALLER_FACE = 0.5
_UNEXPECTED_FACE = 0.125

_PNET_WINDOW = 12
_PNET_STRIDE = 2
_PYRAMID_FACTOR = 0.709
_PNET_LOGIT = np.log(0.6 / 0.4)
_RNET_THRESHOLD = 0.7

# A face as sure as this stands upright: MTCNN found none of 437 false ones in turned pictures, dlib's HOG one of 99. In
# upright clips four of five stretches of eight frames have one, so that they cost nothing.
_SURELY_UPRIGHT = 0.9995
# By how much O-Net's logit must rise for a face to be taken for one that is turned: of 1,061 upright faces in clips and
# photographs it does so for 1%, of 437 false ones in turned pictures for 94%, and then to the right turn for 98%.
_TURN_MARGIN = 1.0
# What has a lower one in every turn is likely no face: of upright ones fewer than 1%.
_FACE_LOGIT = 2.0
# A face in a turned picture that was looked at briefly must be as probable: of 146 that stand upright, 96% are.
_SURE_GLIMPSE = 0.97

# Frames that pass the cascade together. More take more memory and, beyond the CPU's caches, more time.
_FRAMES_PER_PASS = 4


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
    ) -> None:
        self._min_confidence = min_confidence
        self._min_face_size = min_face_size or 0
        self.detection_side = detection_side

        # Without the hint a CPU that has bfloat16 computes in it, and scores depend on the machine.
        config: dict[str, object] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            config["INFERENCE_NUM_THREADS"] = threads
        core = ov.Core()
        weights = load_weights()
        self._pnet = core.compile_model(build_pnet(weights), "CPU", config)
        self._rnet = WindowNetwork(core.compile_model(build_rnet(weights), "CPU", config))
        self._onet = WindowNetwork(core.compile_model(build_onet(weights), "CPU", config))

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
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

    def follow(self, images: Sequence[NDArray[np.uint8]], expected: Sequence[Sequence[Face]]) -> list[list[Face]]:
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

    def landmarks(self, image: NDArray[np.uint8], boxes: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
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
        windows = Windows.of_boxes(np.asarray(boxes, np.float64).reshape(-1, 4) * np.tile(scale, 2)).squared()
        values = self._onet(shrunk[None], windows)
        points = windows.landmark_points(values[:, 4:14]) / scale
        return points.astype(np.float32), _sigmoid(values[:, 14])

    def turn_of(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> int | None:
        """Tell how a picture is to be turned for its faces to stand upright.

        O-Net looks at the surest face in all four turns, unless it is too sure to be a false one. Where none was found,
        or it is none in any turn, the other three pictures are searched for faces from a sixteenth of the longer side
        on, which takes about as long as to search the picture as it is.

        Args:
            image: RGB uint8 array of shape (height, width, 3).
            faces: what was found in it as it is; may be none.

        Returns:
            Quarters of a turn, clockwise, 0 to 3; None where no face was found and none shows in another turn either.

        Raises:
            ValueError: if the image is not of that shape and type, or empty.
        """
        image, scale = shrink_to_side(image, self.detection_side)
        if faces:
            surest = max(faces, key=lambda face: face.confidence)
            if surest.confidence >= _SURELY_UPRIGHT:
                return 0
            windows = Windows.of_boxes(surest.scaled(scale).box[None].astype(np.float64)).squared()
            [patch] = cut_windows(image[None], windows, self._onet.side)
            logits = self._onet.of_patches(np.stack([np.rot90(patch, -turn) for turn in range(4)]))[:, 14]
            turn = int(logits.argmax())
            if logits[turn] >= _FACE_LOGIT:
                return turn if logits[turn] > logits[0] + _TURN_MARGIN else 0
        turns = (1, 2, 3)
        glimpsed = self.follow([np.ascontiguousarray(np.rot90(image, -turn)) for turn in turns], [[]] * len(turns))
        sure = [
            (face.confidence, turn)
            for turn, found in zip(turns, glimpsed, strict=True)
            for face in found
            if face.confidence >= _SURE_GLIMPSE and is_plausible(face)
        ]
        return max(sure)[1] if sure else None

    def _detect(self, images: Sequence[NDArray[np.uint8]], smallest_faces: Sequence[float]) -> list[list[Face]]:
        """Find the faces of each image from about a size on, in pixels of the image."""
        faces: list[list[Face]] = [[] for _ in images]
        for indices in _passes(images):
            frames, scale = self._shrunk([images[i] for i in indices])
            proposals = self._propose(frames, [smallest_faces[i] * scale.min() for i in indices], scale)
            found, landmarks = self._output(frames, self._refine(frames, proposals))
            for index, in_frame in zip(indices, _faces(len(frames), found, landmarks, scale), strict=True):
                faces[index] = in_frame
        return faces

    def _shrunk(self, images: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Images of one size as a stack at detection size, and its scale."""
        shrunk, scales = zip(*(shrink_to_side(image, self.detection_side) for image in images), strict=True)
        return np.stack(shrunk), scales[0]

    def _propose(
        self, frames: NDArray[np.uint8], smallest_faces: Sequence[float], scale: NDArray[np.float64]
    ) -> Windows:
        """P-Net's square windows in frames, for faces from about a size in each on, in pixels of the frame."""
        height, width = frames.shape[1:3]
        pyramid = list(_pyramid_scales(height, width, max(SMALLEST_FACE, self._min_face_size * scale.min())))
        levels = [
            self._propose_at(level, index, frame)
            for index, frame in enumerate(frames.astype(np.float32))
            for level in pyramid
            if level * smallest_faces[index] <= _PNET_WINDOW
        ]
        proposals = Windows.joined(levels)
        return proposals[proposals.non_maximum_suppression(0.7)].squared()

    def _propose_at(self, scale: float, index: int, frame: NDArray[np.float32]) -> Windows:
        """P-Net's windows at one level of the pyramid of a frame, the one of an index."""
        size = int(frame.shape[1] * scale), int(frame.shape[0] * scale)
        # One by one: every further number of frames would be a further shape, and cost a compilation.
        values = self._pnet(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)[None])[0][0]
        row, column = np.nonzero(values[..., 4] > _PNET_LOGIT)
        values = values[row, column]
        start = np.stack([column, row], axis=1) * _PNET_STRIDE
        # The package counts a window's pixels from 1 to 12, which makes its size 11.
        corners = np.concatenate([start + 1, start + _PNET_WINDOW], axis=1)
        corners = (corners + values[:, :4] * (_PNET_WINDOW - 1)) / scale
        found = Windows(np.full(len(row), index), corners.astype(np.float32), _sigmoid(values[:, 4]))
        return found[found.non_maximum_suppression(0.5)]

    def _refine(self, frames: NDArray[np.uint8], windows: Windows) -> Windows:
        """The windows that R-Net keeps, moved and made square again."""
        values = self._rnet(frames, windows)
        refined = windows.regressed(values[:, :4], _sigmoid(values[:, 4]))
        refined = refined[refined.score > _RNET_THRESHOLD]
        return refined[refined.non_maximum_suppression(0.7)].squared()

    def _output(self, frames: NDArray[np.uint8], windows: Windows) -> tuple[Windows, NDArray[np.float32]]:
        """The windows that O-Net takes for faces, and their landmarks, (N, 5, 2) in pixels of the frames."""
        values = self._onet(frames, windows)
        points = windows.landmark_points(values[:, 4:14])
        faces = windows.regressed(values[:, :4], _sigmoid(values[:, 14]))
        sure = faces.score > self._min_confidence
        faces, points = faces[sure], points[sure]
        kept = faces.non_maximum_suppression(0.7, relative_to="smaller")
        return faces[kept], points[kept]


def _passes(images: Sequence[NDArray[np.uint8]]) -> Iterator[list[int]]:
    """Indices of images of one size that pass the cascade together."""
    by_shape = defaultdict(list)
    for index, image in enumerate(images):
        by_shape[image.shape].append(index)
    for indices in by_shape.values():
        for start in range(0, len(indices), _FRAMES_PER_PASS):
            yield indices[start : start + _FRAMES_PER_PASS]


def _pyramid_scales(height: int, width: int, smallest_face: float) -> Iterator[float]:
    """Scales that bring faces, from the smallest to one that fills the image, to P-Net's window."""
    for level in count():
        scale = _PNET_WINDOW / smallest_face * _PYRAMID_FACTOR**level
        if min(height, width) * scale < _PNET_WINDOW:
            return
        yield scale


def _sigmoid(logit: NDArray[np.float32]) -> NDArray[np.float32]:
    # The exponential of a large number would overflow.
    return 0.5 * (1 + np.tanh(0.5 * logit))


def _faces(
    frames: int, windows: Windows, landmarks: NDArray[np.float32], scale: NDArray[np.float64]
) -> list[list[Face]]:
    """The faces of each frame in pixels of the images, of which the frames are copies at a scale."""
    start, end = windows.corners[:, :2] / scale, windows.corners[:, 2:] / scale
    boxes = np.concatenate([start, end - start], axis=1).astype(np.float32)
    points = (landmarks / scale).astype(np.float32)
    faces: list[list[Face]] = [[] for _ in range(frames)]
    for row, frame in enumerate(windows.frame):
        faces[frame].append(Face(boxes[row], points[row], float(windows.score[row])))
    return [largest_first(in_frame) for in_frame in faces]
