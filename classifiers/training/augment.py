"""How a picture and its landmarks become one training crop; the same for every recipe."""

from __future__ import annotations

import cv2
import numpy as np

from classifiers.datasets import AlignFace
from classifiers.degradation import degrade, overlay, recolour


def flip(image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mirror a picture and its five landmarks, whose right and left change places."""
    mirrored = landmarks[[1, 0, 2, 4, 3]].copy()
    mirrored[:, 0] = image.shape[1] - 1 - mirrored[:, 0]
    return np.ascontiguousarray(image[:, ::-1]), mirrored


def jitter_landmarks(landmarks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move landmarks as another detector or frame would, and the whole crop a little."""
    centre = landmarks.mean(axis=0)
    reach = float(np.linalg.norm(landmarks - centre, axis=1).mean())
    angle, scale = np.deg2rad(rng.normal(0, 3)), float(np.exp(rng.normal(0, 0.05)))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    noise = rng.normal(0, 0.025 * reach, landmarks.shape) + rng.normal(0, 0.05 * reach, 2)
    return (landmarks - centre) @ turn.T + centre + noise


def with_history(
    image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Give a picture the history that it may have had before it came into a data set."""
    old = degrade(image, rng, 0.7 * strength) if rng.random() < 0.5 else image
    return old, scaled(landmarks, image, old)


def augmented_crop(
    image: np.ndarray,
    landmarks: np.ndarray,
    align: AlignFace,
    history: np.random.Generator,
    jitter: np.random.Generator,
    strength: float,
) -> np.ndarray:
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
    mask: np.ndarray,
    landmarks: np.ndarray,
    align: AlignFace,
    jitter: np.random.Generator,
    strength: float,
    cells: int,
) -> np.ndarray:
    """Cut a float32 (height, width) mask as `augmented_crop` cuts the picture, and sum it up in cells."""
    crop = align(mask, _jittered(landmarks, jitter, strength))
    return cv2.resize(crop, (cells, cells), interpolation=cv2.INTER_AREA)


def _jittered(landmarks: np.ndarray, jitter: np.random.Generator, strength: float) -> np.ndarray:
    return landmarks + strength * (jitter_landmarks(landmarks, jitter) - landmarks)


def scaled(landmarks: np.ndarray, image: np.ndarray, resized: np.ndarray) -> np.ndarray:
    """Take landmarks of one picture to a resized copy of it."""
    return landmarks * (resized.shape[1] / image.shape[1], resized.shape[0] / image.shape[0])
