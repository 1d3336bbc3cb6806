"""From a face in a frame to a crop around its box, for networks that were not trained on aligned faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from extractors.align import Pixels
from extractors.face import Face

_INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC}


class BoxRule(Protocol):
    """How crops are cut around boxes; a trained model says so, see `classifiers.crop_box.CropBox`."""

    @property
    def margins(self) -> tuple[float, float, float, float]:
        """What is added at the left, top, right and bottom, in shares of the box's width and height."""
        ...

    @property
    def square(self) -> str:
        """ "longer" to widen the shorter side first, or "no"."""
        ...

    @property
    def beyond(self) -> str:
        """What is shown beyond the border of the frame: "clip" for nothing, "black" or "edge"."""
        ...

    @property
    def fit(self) -> str:
        """ "stretch" both sides, or "pad" the shorter one with black."""
        ...

    @property
    def shrink(self) -> str:
        """Interpolation where the crop becomes smaller: "linear", "area" or "cubic"."""
        ...

    @property
    def enlarge(self) -> str:
        """The same where it becomes larger."""
        ...


@dataclass(frozen=True, slots=True)
class BoxCrop:
    """Crops around boxes.

    Attributes:
        size: side of the square crop in pixels.
        rule: how they are cut.
    """

    size: int
    rule: BoxRule

    def cut(self, image: Pixels, face: Face) -> NDArray[np.uint8]:
        """Cut the crop of one face.

        Args:
            image: RGB uint8 (height, width, 3).
            face: in pixels of the image.

        Returns:
            RGB uint8 (size, size, 3).

        Raises:
            ValueError: the box lies outside the image.
        """
        height, width = image.shape[:2]
        left, top, right, bottom = self._edges(face.box)
        inside = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
        region = image[inside]
        if not region.size:
            raise ValueError("the box of a face must overlap its frame")
        if self.rule.beyond != "clip":
            border = cv2.BORDER_REPLICATE if self.rule.beyond == "edge" else cv2.BORDER_CONSTANT
            around = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
            region = np.asarray(cv2.copyMakeBorder(region, *around, border))
        return self._fitted(region)

    def _edges(self, box: NDArray[np.floating]) -> tuple[int, int, int, int]:
        """Give left, top, right and bottom in whole pixels, rounded down as the published croppers do."""
        x, y, width, height = (float(value) for value in box)
        if self.rule.square == "longer":
            side = max(width, height)
            x, y, width, height = x + (width - side) / 2, y + (height - side) / 2, side, side
        left, top, right, bottom = self.rule.margins
        edges = (x - left * width, y - top * height, x + width + right * width, y + height + bottom * height)
        first, second, third, fourth = (int(np.floor(edge)) for edge in edges)
        return first, second, max(third, first + 1), max(fourth, second + 1)

    def _fitted(self, region: NDArray[Any]) -> NDArray[np.uint8]:
        height, width = region.shape[:2]
        longer = max(height, width)
        way = _INTERPOLATIONS[self.rule.shrink if longer > self.size else self.rule.enlarge]
        if self.rule.fit == "stretch":
            return np.asarray(cv2.resize(region, (self.size, self.size), interpolation=way))
        new = (max(1, int(width * self.size / longer)), max(1, int(height * self.size / longer)))
        scaled = cv2.resize(region, new, interpolation=way)
        left, top = (self.size - new[0]) // 2, (self.size - new[1]) // 2
        crop = np.zeros((self.size, self.size, *region.shape[2:]), region.dtype)
        crop[top : top + new[1], left : left + new[0]] = scaled
        return crop
