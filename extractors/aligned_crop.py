"""From a face in a frame to a crop that is aligned as others did, for networks that were trained on such."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from extractors.align import Pixels, cut_region, fit_similarity
from extractors.face import Face
from extractors.resize import resize


class AlignRule(Protocol):
    """How crops are aligned; a trained model says so, see `classifiers.crop_align.CropAlign`."""

    @property
    def template(self) -> tuple[tuple[float, float], ...]:
        """Where the five landmarks come to lie, in units of the side, the centre of the first pixel at 0."""
        ...

    @property
    def fit(self) -> str:
        """ "least_squares" or "least_median"."""
        ...

    @property
    def cut(self) -> int | str | None:
        """Side in pixels at which the crop is cut; "native" for that of the face, None for that of the crop."""
        ...

    @property
    def resize(self) -> str:
        """How it is interpolated then."""
        ...

    @property
    def beyond(self) -> str:
        """What is shown beyond the border of the frame: "black" or "edge"."""
        ...


@dataclass(frozen=True, slots=True)
class AlignedCrop:
    """Crops that are aligned by landmarks.

    Attributes:
        size: side of the square crop in pixels.
        rule: how they are aligned.
    """

    size: int
    rule: AlignRule

    def cut(self, image: Pixels, face: Face) -> NDArray[np.uint8]:
        """Cut the crop of one face.

        Args:
            image: RGB uint8 (height, width, 3).
            face: in pixels of the image.

        Returns:
            RGB uint8 (size, size, 3).

        Raises:
            ValueError: the landmarks all lie in one point.
        """
        template = np.asarray(self.rule.template)
        side = self._side(face.landmarks, template)
        transform = _FITS[self.rule.fit](face.landmarks, template * side)
        region, transform = cut_region(image, transform, side)
        border = cv2.BORDER_REPLICATE if self.rule.beyond == "edge" else cv2.BORDER_CONSTANT
        crop = cv2.warpAffine(region, transform, (side, side), flags=cv2.INTER_LINEAR, borderMode=border)
        return np.asarray(crop) if side == self.size else resize(crop, self.size, self.size, self.rule.resize)

    def _side(self, landmarks: NDArray[np.floating], template: NDArray[np.float64]) -> int:
        """Give the side in pixels at which the crop is cut."""
        if isinstance(self.rule.cut, str):
            return max(1, round(float(np.mean(_distances(landmarks) / _distances(template)))))
        return self.rule.cut or self.size


def _distances(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Give the distances of each two points of (n, 2)."""
    pairs = np.array(list(combinations(np.asarray(points, np.float64), 2)))
    return np.asarray(np.linalg.norm(pairs[:, 0] - pairs[:, 1], axis=1))


def _least_median(landmarks: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """Fit as `fit_similarity` does, but leave out landmarks that fit badly."""
    transform, _ = cv2.estimateAffinePartial2D(
        np.asarray(landmarks, np.float32), np.asarray(target, np.float32), method=cv2.LMEDS
    )
    if transform is None:
        raise ValueError("the five landmarks of a face must not coincide")
    return np.asarray(transform)


_FITS: dict[str, Callable[[NDArray[np.floating], NDArray[np.floating]], NDArray[np.float64]]] = {
    "least_squares": fit_similarity,
    "least_median": _least_median,
}
