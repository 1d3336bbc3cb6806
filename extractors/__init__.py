"""Finds faces in images and cuts the crops that classifiers take.

    face.py            what a face is
    detector.py        what every detector promises
    mtcnn/             MTCNN, the default detector
    dlib_detectors.py  the two detectors of dlib
    follow.py          finds the faces of a clip without a search of every frame
    orientation.py     finds them whichever way up they stand
    align.py           from a face to its crop
    quality.py         how far a crop can be relied on, and what can be no face

Detectors are built by name, so that only the libraries of the chosen one are imported:

    detector = create_detector("mtcnn", min_confidence=0.95)
    faces_per_image = detector.detect([image])
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

# What openvino imports would post its use to a public host at every start. Python gives up an import of what is None.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # typeshed knows no None

if TYPE_CHECKING:
    from extractors.detector import DetectorUnavailableError, FaceDetector, FollowingDetector, TurningDetector
    from extractors.face import LANDMARK_NAMES, Face
else:
    _HOMES = {
        "DetectorUnavailableError": "extractors.detector",
        "Face": "extractors.face",
        "FaceDetector": "extractors.detector",
        "FollowingDetector": "extractors.detector",
        "LANDMARK_NAMES": "extractors.face",
        "TurningDetector": "extractors.detector",
    }

    def __getattr__(name):
        # The command line names the detectors in its help, and must not load numpy for that.
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "DETECTORS",
    "LANDMARK_NAMES",
    "DetectorUnavailableError",
    "Face",
    "FaceDetector",
    "FollowingDetector",
    "TurningDetector",
    "create_detector",
]

DETECTORS: Mapping[str, str] = {
    "mtcnn": "extractors.mtcnn.detector:MTCNN",
    "mtcnn-reference": "extractors.mtcnn.reference:ReferenceMTCNN",
    "dlib-hog": "extractors.dlib_detectors:DlibHOG",
    "dlib-cnn": "extractors.dlib_detectors:DlibCNN",
}
"""Every detector: its name, and its module and class. `FaceDetector` says how to add one."""


def create_detector(name: str, **options: object) -> FaceDetector:
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
    # Loads numpy.
    from extractors.detector import DetectorUnavailableError

    module, _, detector = DETECTORS[name].partition(":")
    try:
        return getattr(import_module(module), detector)(**options)
    except ImportError as error:
        raise DetectorUnavailableError(f"The face detector {name!r} cannot be loaded: {error}.") from error
