"""From a face in a frame to the crop that a classifier was trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from extractors.face import Face

LANDMARK_TEMPLATE = ((0.360, 0.402), (0.640, 0.402), (0.500, 0.570), (0.378, 0.693), (0.622, 0.693))
"""Mean landmarks of frontal faces in a square that is 1.2 times the longer side of their MTCNN box.

Unit: the side of the square. Measured on 8,000 camera and video faces, then made symmetric.
"""


class TakesCrops(Protocol):
    """What says which crops it takes, as a trained model does; see `CropGeometry`."""

    @property
    def crop_size(self) -> int:
        """Side of the crop in pixels."""
        ...

    @property
    def crop_template(self) -> tuple[tuple[float, float], ...]:
        """Where the five landmarks lie in it."""
        ...

    @property
    def crop_cut_size(self) -> int:
        """Side in pixels at which it is cut."""
        ...


class Pixels(Protocol):
    """An image that is cut like an array, `pixels[top:bottom, left:right]`; an array itself is one.

    Others make the RGB of no more than the region that is asked for.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels."""
        ...

    def __getitem__(self, region: tuple[slice, slice], /) -> NDArray[Any]: ...


@dataclass(frozen=True, slots=True)
class CropGeometry:
    """Where a face lies in its crop. Stored with every set of weights, because scores hold for this crop only.

    Attributes:
        size: side of the square crop in pixels.
        template: where the five landmarks come to lie, as x, y in units of the side, in the order of
            `extractors.face.LANDMARK_NAMES`.
        cut_size: side in pixels at which the crop is cut before it is averaged down to `size`; the same if not given.
            What a teacher taught was trained on crops of the teacher's size that were shrunk, which are sharper or
            softer than crops cut at their own size.
    """

    size: int
    template: tuple[tuple[float, float], ...] = LANDMARK_TEMPLATE
    cut_size: int = 0

    def __post_init__(self) -> None:
        points = tuple((float(x), float(y)) for x, y in self.template)
        if len(points) != 5 or self.size < 1:
            raise ValueError(f"a crop needs five landmarks and a positive size, not {len(points)} and {self.size}")
        object.__setattr__(self, "template", points)
        object.__setattr__(self, "cut_size", self.cut_size or self.size)
        if self.cut_size < self.size:
            raise ValueError(f"a crop of {self.size} pixels cannot be cut at {self.cut_size}")

    @classmethod
    def of_model(cls, model: TakesCrops) -> CropGeometry:
        """Give the crop that a model was trained on."""
        return cls(model.crop_size, model.crop_template, model.crop_cut_size)

    def cut(self, image: Pixels, face: Face) -> NDArray[np.uint8]:
        """Cut the crop of one face; see `align_face`."""
        return align_face(image, face.landmarks, self)

    def transform(self, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """Fit the similarity transform that takes landmarks closest to the template; see `fit_similarity`.

        Args:
            landmarks: (5, 2) x, y in pixels of the frame.

        Returns:
            float64 (2, 3) matrix from pixels of the frame to pixels of the crop (pixel centres at integers).

        Raises:
            ValueError: the landmarks all lie in one point.
        """
        return fit_similarity(landmarks, np.asarray(self.template) * self.size - 0.5)


def fit_similarity(landmarks: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """Fit the similarity transform that takes landmarks closest to where they should be.

    Least squares in closed form (Umeyama 1991), written with complex numbers, in which a similarity without reflection
    is one multiplication and one addition.

    Args:
        landmarks: (n, 2) x, y in pixels.
        target: where they should be, likewise.

    Returns:
        float64 (2, 3) matrix.

    Raises:
        ValueError: the landmarks all lie in one point.
    """
    source, goal = (np.asarray(points, dtype=np.float64) @ (1, 1j) for points in (landmarks, target))
    centred = source - source.mean()
    spread = np.vdot(centred, centred).real
    if spread < 1e-6:
        raise ValueError("the five landmarks of a face must not coincide")
    factor = np.vdot(centred, goal - goal.mean()) / spread
    shift = goal.mean() - factor * source.mean()
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def warp_crop(image: Pixels, transform: NDArray[np.float64], size: int) -> NDArray[Any]:
    """Cut a square crop out of an image, smoothing before it shrinks.

    Args:
        image: uint8 or float32 (height, width) or (height, width, channels).
        transform: (2, 3) similarity from pixels of the image to pixels of the crop.
        size: side of the crop in pixels.

    Returns:
        (size, size[, channels]) of the image's dtype; beyond the image its border pixels are repeated.
    """
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    region, transform = cut_region(image, transform, size)
    if scale < 0.75:
        # Bilinear warping skips pixels when it shrinks: average the region down first.
        region, transform = _shrink(region, transform, scale)
    return cv2.warpAffine(region, transform, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def align_face(image: Pixels, landmarks: NDArray[np.floating], geometry: CropGeometry) -> NDArray[np.uint8]:
    """Cut the crop of one face.

    Args:
        image: RGB uint8 (height, width, 3).
        landmarks: (5, 2) in pixels of the image.
        geometry: the crop that the classifier wants.

    Returns:
        RGB uint8 (size, size, 3).
    """
    if geometry.cut_size == geometry.size:
        return warp_crop(image, geometry.transform(landmarks), geometry.size)
    larger = CropGeometry(geometry.cut_size, geometry.template)
    return shrink_crop(align_face(image, landmarks, larger), geometry.size)


def shrink_crop(crop: NDArray[Any], size: int) -> NDArray[Any]:
    """Average a square crop or mask down to a smaller side in pixels."""
    return cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)


def aligner(size: int, cut_size: int) -> Callable[[Pixels, NDArray[np.floating]], NDArray[np.uint8]]:
    """Give what cuts crops, as `align_face` does, out of an image, given its landmarks; see `CropGeometry`."""
    return partial(align_face, geometry=CropGeometry(size, cut_size=cut_size))


def cut_region(image: Pixels, transform: NDArray[np.float64], size: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Leave only what a crop shows: OpenCV warps no image of more than 32,766 pixels a side.

    Args:
        image: (height, width[, channels]).
        transform: (2, 3) similarity from pixels of the image to pixels of the crop.
        size: side of the crop in pixels.

    Returns:
        The part of the image, and the same transform from its pixels.
    """
    height, width = image.shape[:2]
    corners = np.array([[-1, -1], [size, -1], [size, size], [-1, size]], dtype=np.float64)
    in_image = (corners - transform[:, 2]) @ np.linalg.inv(transform[:, :2]).T
    left, top = np.clip(np.floor(in_image.min(axis=0)).astype(int), 0, (width - 1, height - 1))
    right, bottom = np.clip(np.ceil(in_image.max(axis=0)).astype(int) + 1, (left + 1, top + 1), (width, height))
    return image[top:bottom, left:right], _before(transform, np.ones(2), np.array([left, top]))


def _shrink(
    image: NDArray[Any], transform: NDArray[np.float64], scale: float
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    height, width = image.shape[:2]
    new_size = (max(1, round(width * scale)), max(1, round(height * scale)))
    factor = np.array([width / new_size[0], height / new_size[1]])
    # The centre of pixel p of the small image lies at (p + 0.5) * factor - 0.5 in the large one.
    return cv2.resize(image, new_size, interpolation=cv2.INTER_AREA), _before(transform, factor, 0.5 * factor - 0.5)


def _before(
    transform: NDArray[np.float64], factor: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compose: first p * factor + offset, then the transform."""
    return np.column_stack([transform[:, :2] * factor, transform[:, :2] @ offset + transform[:, 2]])
