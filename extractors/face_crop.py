"""The crop that a classifier wants, however it is cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from extractors.align import CropGeometry, Pixels, TakesCrops
from extractors.aligned_crop import AlignedCrop, AlignRule
from extractors.box_crop import BoxCrop, BoxRule
from extractors.face import Face

# A detector's box is this much smaller than the square that the landmark template is measured in.
_SQUARE_BY_BOX = 1.2


class FaceCrop(Protocol):
    """How the crop of a face is cut."""

    @property
    def size(self) -> int:
        """Side of the square crop in pixels."""
        ...

    def cut(self, image: Pixels, face: Face) -> NDArray[np.uint8]:
        """Cut the crop of one face.

        Args:
            image: RGB uint8 (height, width, 3).
            face: in pixels of the image.

        Returns:
            RGB uint8 (size, size, 3).

        Raises:
            ValueError: the face has no extent, or lies outside the image.
        """
        ...


class TakesFaceCrops(TakesCrops, Protocol):
    """What says how its crops are cut, as a trained model does."""

    @property
    def crop_box(self) -> BoxRule | None:
        """How they are cut around boxes; None where faces are aligned by their landmarks."""
        ...

    @property
    def crop_align(self) -> AlignRule | None:
        """How they are aligned in a way of others; None for ours."""
        ...


def crop_of(model: TakesFaceCrops) -> FaceCrop:
    """Give the crop that a model was trained on."""
    if model.crop_box:
        return BoxCrop(model.crop_size, model.crop_box)
    return AlignedCrop(model.crop_size, model.crop_align) if model.crop_align else CropGeometry.of_model(model)


def landmark_aligner(crop: FaceCrop) -> Callable[[NDArray[Any], NDArray[np.floating]], NDArray[np.uint8]]:
    """Give what cuts crops out of pictures of which only the landmarks of the face are known, not its box."""

    def align(image: NDArray[Any], landmarks: NDArray[np.floating]) -> NDArray[np.uint8]:
        return crop.cut(image, face_around(landmarks))

    return align


def face_around(landmarks: NDArray[np.floating]) -> Face:
    """Guess the box that a detector gave for five landmarks, (5, 2) in pixels.

    Raises:
        ValueError: the landmarks all lie in one point.
    """
    square = CropGeometry(100)
    transform = square.transform(landmarks)
    side = square.size / float(np.hypot(transform[0, 0], transform[1, 0]))
    middle = np.linalg.solve(transform[:, :2], np.full(2, square.size / 2) - transform[:, 2])
    box = side / _SQUARE_BY_BOX
    return Face(np.array([*(middle - box / 2), box, box], np.float32), np.asarray(landmarks, np.float32), 1.0)
