"""What becomes of the scores when a picture has been compressed, shrunk, blurred or has become noisy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from classifiers.datasets import Picture
from classifiers.degradation import jpeg, video_frame
from classifiers.evaluation.predictions import ChangePicture


def _jpeg(image: Picture, seed: int, quality: int) -> Picture:
    return jpeg(image, quality)


def _h264(image: Picture, seed: int, crf: int) -> Picture:
    """Code the picture as a key frame; an odd last row or column is doubled first, since the codec would drop it."""
    height, width = image.shape[:2]
    padded = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return video_frame([padded], 0, crf)[:height, :width]


def _scale(image: Picture, seed: int, factor: float) -> Picture:
    height, width = image.shape[:2]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _blur(image: Picture, seed: int, sigma: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def _noise(image: Picture, seed: int, sigma: float) -> Picture:
    noisy = image + np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _series(
    name: str, change: Callable[..., Picture], option: str, values: dict[str, float]
) -> dict[str, ChangePicture]:
    return {f"{name} {text}": partial(change, **{option: value}) for text, value in values.items()}


CHANGES: dict[str, ChangePicture] = {
    **_series("jpeg", _jpeg, "quality", {"90": 90, "70": 70, "50": 50, "30": 30}),
    **_series("h264 crf", _h264, "crf", {"23": 23, "32": 32, "40": 40}),
    **_series("scale", _scale, "factor", {"1/2": 0.5, "1/4": 0.25}),
    **_series("blur", _blur, "sigma", {"1": 1.0, "2": 2.0}),
    **_series("noise", _noise, "sigma", {"5": 5.0, "10": 10.0}),
}
"""Name to change, each series from mild to strong. Blur and noise are standard deviations in pixels and grey levels."""
