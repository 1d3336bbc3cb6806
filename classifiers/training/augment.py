"""How a picture and its landmarks become one training crop; the same for every recipe."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from classifiers.datasets import AlignFace, Landmarks, Picture
from classifiers.degradation import degrade, overlay, recolour


def flip(image: Picture, landmarks: Landmarks) -> tuple[Picture, Landmarks]:
    """Mirror a picture and its five landmarks, whose right and left change places."""
    mirrored = landmarks[[1, 0, 2, 4, 3]].copy()
    mirrored[:, 0] = image.shape[1] - 1 - mirrored[:, 0]
    return np.ascontiguousarray(image[:, ::-1]), mirrored


def jitter_landmarks(landmarks: Landmarks, rng: np.random.Generator) -> Landmarks:
    """Move landmarks as another detector or frame would, and the whole crop a little."""
    centre = landmarks.mean(axis=0)
    reach = float(np.linalg.norm(landmarks - centre, axis=1).mean())
    angle, scale = np.deg2rad(rng.normal(0, 3)), float(np.exp(rng.normal(0, 0.05)))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    noise = rng.normal(0, 0.025 * reach, landmarks.shape) + rng.normal(0, 0.05 * reach, 2)
    return (landmarks - centre) @ turn.T + centre + noise


def with_history(
    image: Picture, landmarks: Landmarks, rng: np.random.Generator, strength: float
) -> tuple[Picture, Landmarks]:
    """Give a picture the history that it may have had before it came into a data set."""
    old = degrade(image, rng, 0.7 * strength) if rng.random() < 0.5 else image
    return old, scaled(landmarks, image, old)


def augmented_crop(
    image: Picture,
    landmarks: Landmarks,
    align: AlignFace,
    history: np.random.Generator,
    jitter: np.random.Generator,
    strength: float,
) -> Picture:
    """Colour, overlay and degrade a whole picture, then cut the crop as another detector might have.

    Args:
        image: RGB uint8 (height, width, 3).
        landmarks: (5, 2) in pixels of it.
        align: cuts the crop.
        history: decides what happens to the picture; two in the same state give two pictures one history.
        jitter: decides how the landmarks are off.
        strength: 0 leaves picture and landmarks as they are, 1 is what hosted footage goes through.

    Returns:
        RGB uint8 crop.
    """
    coloured = recolour(image, history) if history.random() < 0.5 * strength else image
    covered = overlay(coloured, history) if history.random() < 0.08 * strength else coloured
    worse = degrade(covered, history, strength)
    return align(worse, scaled(_jittered(landmarks, jitter, strength), image, worse))


def augmented_mask(
    mask: npt.NDArray[np.float32],
    landmarks: Landmarks,
    align: AlignFace,
    jitter: np.random.Generator,
    strength: float,
    cells: int,
) -> np.ndarray:
    """Cut a float32 (height, width) mask as `augmented_crop` cuts the picture, and sum it up in cells."""
    crop = align(mask, _jittered(landmarks, jitter, strength))
    return cv2.resize(crop, (cells, cells), interpolation=cv2.INTER_AREA)


def _jittered(landmarks: Landmarks, jitter: np.random.Generator, strength: float) -> Landmarks:
    return landmarks + strength * (jitter_landmarks(landmarks, jitter) - landmarks)


def scaled(landmarks: Landmarks, image: Picture, resized: Picture) -> Landmarks:
    """Take landmarks of one picture to a resized copy of it."""
    return landmarks * (resized.shape[1] / image.shape[1], resized.shape[0] / image.shape[0])
