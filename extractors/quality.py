"""How far the crop of a face can be relied on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from extractors.face import Face

_FULL_SIZE_PX = 96.0
_PROFILE = 0.2


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
