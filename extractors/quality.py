"""How far the crop of a face can be relied on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from extractors.align import LANDMARK_TEMPLATE
from extractors.face import Face

_FULL_SIZE_PX = 96.0
_PROFILE = 0.2

# From 15,096 faces of photographs and videos, 405 of them profiles, found by MTCNN: eyes and mouth are 0.283 to 0.559
# of the longer side of the box apart (to 0.59 in the boxes of dlib), the likeness to the template is 0.63 or more, and
# no landmark lies further than 0.072 outside the box. Of what MTCNN takes for a face in pictures that lie on their
# side, 64% have eyes and mouth nearer to each other. Eyes below the mouth, or the right one where the left one should
# be, give a likeness of 0.1.
_EYES_TO_MOUTH = (0.28, 0.75)
_LIKENESS = 0.5
_OUTSIDE = 0.15


def face_quality(face: Face) -> float:
    """Rate a face by its size and pose.

    Small faces carry few traces of forgery, and a profile leaves half of the crop to the background.

    Args:
        face: box and landmarks in pixels of the frame as decoded, not of a shrunk copy.

    Returns:
        0 to 1; 1 for a frontal face of at least 96 px.
    """
    size = min(1.0, float(np.sqrt(max(face.box[2] * face.box[3], 0.0))) / _FULL_SIZE_PX)
    return size * frontality(face.landmarks)


def frontality(landmarks: NDArray[np.float32]) -> float:
    """Rate a pose: 1 where the nose lies between the eyes, down to 0.2 where it lies beyond one of them.

    Args:
        landmarks: float (5, 2) x, y in the order of `extractors.face.LANDMARK_NAMES`.
    """
    right_eye, left_eye, nose = landmarks[0], landmarks[1], landmarks[2]
    across = left_eye - right_eye
    length = float(across @ across)
    if length < 1e-6:
        return _PROFILE
    position = float((nose - right_eye) @ across) / length
    return float(np.clip(1.6 - 3.2 * abs(position - 0.5), _PROFILE, 1.0))


def is_plausible(face: Face) -> bool:
    """Tell whether landmarks and box can be those of a face, in whatever pose and however it is turned in the picture.

    A detector that takes something else for a face gives it the landmarks of one that is much too small for its box,
    or of none. The likeness to the mean face is the correlation after the best similarity transform (Procrustes).
    """
    side = float(face.box[2:].max())
    if not side > 0:
        return False
    points = face.landmarks.astype(np.float64)
    eyes_to_mouth = float(np.linalg.norm(points[3:].mean(axis=0) - points[:2].mean(axis=0))) / side
    outside = np.maximum(face.box[:2] - points, points - (face.box[:2] + face.box[2:])).max() / side
    if not _EYES_TO_MOUTH[0] <= eyes_to_mouth <= _EYES_TO_MOUTH[1] or outside > _OUTSIDE:
        return False
    return _likeness(points) >= _LIKENESS


def _likeness(landmarks: NDArray[np.float64]) -> float:
    """Compare the shape of landmarks with that of the mean face, 0 to 1."""
    seen, mean = ((points - points.mean(axis=0)) @ (1, 1j) for points in (landmarks, np.asarray(LANDMARK_TEMPLATE)))
    return float(abs(np.vdot(mean, seen)) / (np.linalg.norm(mean) * np.linalg.norm(seen)))
