"""Faces that small autoencoders make again, so that a detector also meets what a generator leaves inside a face.

A swapped or animated face was made by a decoder that enlarged a small code, then pasted back. A seam can be imitated
without one, the decoder's own traces can't: smooth skin, wrong fine texture, the grid of its enlarging layers. So a few
autoencoders of different decoders learn to reconstruct real faces (`autoencoder.py`), and resynthesise them for
training. Published networks for enlarging pictures can join them (`enlarging.py`).
"""

from __future__ import annotations

import queue
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from classifiers.datasets import Landmarks, Picture
from classifiers.training.enlarging import Enlarger
from classifiers.training.self_blending import TEMPLATE, match_colour

if TYPE_CHECKING:
    import openvino as ov

_TEMPLATE = (TEMPLATE - (0.50, 0.55)) * 1.2 + 0.5
"""Where the landmarks lie in a generator's crop, in units of its side: tighter than a classifier's."""

_AT_A_TIME = 2
"""Faces that each autoencoder can resynthesise at a time."""


def cut_face(image: Picture, landmarks: Landmarks, side: int) -> tuple[Picture, npt.NDArray[np.float64]]:
    """Cut the crop that a generator takes.

    Args:
        image: RGB uint8 (height, width, 3).
        landmarks: (5, 2) in pixels of the image.
        side: of the crop in pixels.

    Returns:
        RGB uint8 (side, side, 3), and the (2, 3) similarity from pixels of the image to those of the crop.
    """
    source, target = (np.asarray(p, np.float64) @ (1, 1j) for p in (landmarks, _TEMPLATE * side - 0.5))
    centred = source - source.mean()
    factor = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred).real
    shift = target.mean() - factor * source.mean()
    matrix = np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])
    if abs(factor) < 0.75:
        # Bilinear warping skips pixels when it shrinks.
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / abs(factor)), np.uint8)
    crop = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(crop, np.uint8), matrix


@dataclass(frozen=True, slots=True, eq=False)
class Resynthesis:
    """A picture whose face went through a generator's crop, made again by the generator or not.

    Attributes:
        image: RGB uint8, with the face that the generator made.
        resampled: RGB uint8, with the face as it was, after the same crop and about as soft. It is no forgery.
    """

    image: Picture
    resampled: Picture


class _Network(Protocol):
    """Makes RGB uint8 crops (side, side, 3) of a face again; fit for several threads."""

    def side(self, rng: np.random.Generator) -> int: ...

    def resynthesise(self, crop: Picture) -> Picture: ...


class FaceGenerators:
    """Networks that resynthesise faces; fit for several threads.

    Args:
        folder: holds an `.xml` and a `.bin` of each autoencoder, to be run by OpenVINO, and a `.param` and a `.bin` of
            each network for enlarging pictures, to be run by ncnn.

    Raises:
        FileNotFoundError: the folder holds none.
        DataError: a network for enlarging does something else.
    """

    def __init__(self, folder: Path) -> None:
        graphs, plans = sorted(folder.glob("*.xml")), sorted(folder.glob("*.param"))
        self.names = [path.stem for path in (*graphs, *plans)]
        if not self.names:
            raise FileNotFoundError(f"no face generator lies in {folder}")
        self._networks: list[_Network] = [_TrainedAutoencoder(graph) for graph in graphs]
        self._networks += [Enlarger(plan) for plan in plans]

    def resynthesise(self, image: Picture, landmarks: Landmarks, rng: np.random.Generator) -> Resynthesis:
        """Let one of the generators make a face again.

        Args:
            image: RGB uint8 (height, width, 3).
            landmarks: (5, 2) in pixels of the image.
            rng: chooses the generator and what is done to its output.
        """
        network = self._networks[rng.integers(len(self._networks))]
        crop, matrix = cut_face(image, landmarks, network.side(rng))
        made = network.resynthesise(crop)
        if rng.random() < 0.5:
            made = match_colour(made, crop, np.ones(crop.shape[:2], bool))
        if rng.random() < 0.35:
            # What restoring nets and users' sharpening do to a soft face.
            amount = rng.uniform(0.3, 1.2)
            sharper = cv2.addWeighted(made, 1 + amount, cv2.GaussianBlur(made, (0, 0), 1.2), -amount, 0)
            made = np.asarray(sharper, np.uint8)
        soft = cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.3, 1.0)) if rng.random() < 0.6 else crop
        way = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(2)]
        return Resynthesis(*(_paste(face, matrix, image, way) for face in (made, soft)))


class _TrainedAutoencoder:
    def __init__(self, graph_file: Path) -> None:
        import openvino as ov

        core = ov.Core()
        graph = core.read_model(graph_file)
        # Faces come one by one, and a graph of fixed shape runs faster.
        graph.reshape([1, *(int(str(side)) for side in list(graph.inputs[0].get_partial_shape())[1:])])
        # In float32, since newer processors would take bfloat16 and a batch would depend on the machine.
        settings = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": _AT_A_TIME, "INFERENCE_NUM_THREADS": 2}
        self._network = core.compile_model(graph, "CPU", settings)
        # Not one a thread: TensorFlow's loaders are threads that Python forgets after every call.
        self._requests: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
        for _ in range(_AT_A_TIME):
            self._requests.put(self._network.create_infer_request())

    def side(self, rng: np.random.Generator) -> int:
        return int(self._network.inputs[0].shape[1])

    def resynthesise(self, crop: Picture) -> Picture:
        request = self._requests.get()
        try:
            output = request.infer([crop[None].astype(np.float32)])[0][0]
        finally:
            self._requests.put(request)
        return np.clip(np.rint(output), 0, 255).astype(np.uint8)


def _paste(face: np.ndarray, matrix: np.ndarray, image: np.ndarray, way: int) -> np.ndarray:
    size = image.shape[1::-1]
    back = cv2.warpAffine(face, matrix, size, flags=way | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT)
    # Beyond the crop nothing was made: the picture stays.
    known = cv2.warpAffine(np.full(face.shape[:2], 255, np.uint8), matrix, size, flags=way | cv2.WARP_INVERSE_MAP)
    return np.where((known == 255)[..., None], back, image)
