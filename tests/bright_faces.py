"""Pictures of one face, each darker than the one before, and an engine that judges them by their brightness."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from classifiers.datasets import Sample
from tests.tiny_shards import FACE, FACE_LANDMARKS


class BrightnessEngine:
    """An engine whose logits are the brightness of the crop, and its negative; remembers the sizes of its batches."""

    name, precision, weights_sha256 = "brightness", "f32", "0" * 64

    def __init__(self) -> None:
        self.batches: list[int] = []

    def predict(self, crops: np.ndarray) -> np.ndarray:
        assert crops.dtype == np.uint8 and crops.shape[1:] == (64, 64, 3)
        self.batches.append(len(crops))
        bright = crops.mean(axis=(1, 2, 3)) / 255
        return np.stack([bright, -bright], axis=1).astype(np.float32)


def sample(name: str, fake: bool = False, **facts: object) -> Sample:
    return Sample(Path(name), fake, **{"landmarks": FACE_LANDMARKS, **facts})


def pictures(folder: Path, count: int) -> list[Sample]:
    """Pictures of a face, each darker than the one before."""
    found = []
    for number in range(count):
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), (FACE * (1 - number / count)).astype(np.uint8)[..., ::-1])
        found.append(sample(str(path), fake=number % 2 == 1))
    return found
