"""Finds faces in images.

Detectors are built by name, so that only the libraries of the chosen one are imported:

    detector = create_detector("mtcnn", min_confidence=0.95)
    faces_per_image = detector.detect([image])
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from extractors.face import LANDMARK_NAMES, Face, FaceDetector

__all__ = [
    "DETECTORS",
    "LANDMARK_NAMES",
    "DetectorUnavailableError",
    "Face",
    "FaceDetector",
    "create_detector",
]


class DetectorUnavailableError(RuntimeError):
    """A detector cannot be built here: its library, model file or weights are missing or damaged."""


def _detector_class(module: str, name: str) -> Callable[..., FaceDetector]:
    def build(**options) -> FaceDetector:
        return getattr(import_module(module), name)(**options)

    return build


DETECTORS: dict[str, Callable[..., FaceDetector]] = {
    "mtcnn": _detector_class("extractors.mtcnn", "MTCNN"),
    "mtcnn-reference": _detector_class("extractors.mtcnn_reference", "ReferenceMTCNN"),
    "dlib-hog": _detector_class("extractors.dlib_detectors", "DlibHOG"),
    "dlib-cnn": _detector_class("extractors.dlib_detectors", "DlibCNN"),
}
"""Every detector: its name and what builds it from keyword options."""


def create_detector(name: str, **options) -> FaceDetector:
    """Build a detector.

    Args:
        name: a key of `DETECTORS`.
        options: keyword arguments of that detector's class.

    Raises:
        ValueError: if there is no detector of that name.
        DetectorUnavailableError: if its library, model file or weights are missing or damaged.
    """
    if name not in DETECTORS:
        raise ValueError(f"Unknown face detector {name!r}; choose one of {', '.join(DETECTORS)}.")
    try:
        return DETECTORS[name](**options)
    except ImportError as error:
        raise DetectorUnavailableError(f"The face detector {name!r} cannot be loaded: {error}.") from error
