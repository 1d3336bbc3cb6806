"""From a face in a frame to a crop around its box, for networks that were not trained on aligned faces."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from extractors.align import Pixels
from extractors.face import Face
from extractors.resize import resize


class BoxRule(Protocol):
    """How crops are cut around boxes; a trained model says so, see `classifiers.crop_box.CropBox`."""

    @property
    def margins(self) -> tuple[float, float, float, float]:
        """What is added at the left, top, right and bottom, in shares of the sides of the box."""
        ...

    @property
    def shares_of(self) -> str:
        """Which sides: "sides" for its width and height, or "height"."""
        ...

    @property
    def square(self) -> str:
        """ "longer" to widen the shorter side first, or "no"."""
        ...

    @property
    def rounding(self) -> str:
        """How edges come to lie between pixels: "down", "cover", "box" or "margin"."""
        ...

    @property
    def beyond(self) -> str:
        """What is shown beyond the border of the frame: "clip" for nothing, "black" or "edge"."""
        ...

    @property
    def fit(self) -> str:
        """ "stretch" both sides, "pad" the shorter one with black, or "pad_small" those shorter than the crop."""
        ...

    @property
    def shrink(self) -> str:
        """Interpolation where the crop becomes smaller, one of `classifiers.interpolation.INTERPOLATIONS`."""
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
            RGB uint8 (size, size, 3). A face that lies on its side or stands upside down is turned upright. Of a box
            outside the image there is what lies nearest.
        """
        height, width = image.shape[:2]
        left, top, right, bottom = self._edges(face.box)
        region = image[_within(top, bottom, height), _within(left, right, width)]
        if self.rule.beyond != "clip":
            border = cv2.BORDER_REPLICATE if self.rule.beyond == "edge" else cv2.BORDER_CONSTANT
            around = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
            region = np.asarray(cv2.copyMakeBorder(region, *around, border))
        return np.ascontiguousarray(np.rot90(self._fitted(region), _quarter_turns(face.landmarks)))

    def _edges(self, box: NDArray[np.floating]) -> tuple[int, int, int, int]:
        """Give left, top, right and bottom in whole pixels."""
        x, y, width, height = (float(value) for value in box)
        if self.rule.square == "longer":
            side = max(width, height)
            x, y, width, height = x + (width - side) / 2, y + (height - side) / 2, side, side
        right, bottom = x + width, y + height
        if self.rule.rounding == "box":
            x, y, right, bottom = int(x), int(y), int(right), int(bottom)
        added = self._added(right - x, bottom - y)
        edges = (x - added[0], y - added[1], right + added[2], bottom + added[3])
        first, second, third, fourth = (math.floor(edge) for edge in edges)
        more = int(self.rule.rounding == "cover")
        return first, second, max(third + more, first + 1), max(fourth + more, second + 1)

    def _added(self, width: float, height: float) -> list[float]:
        """Give the margins at the left, top, right and bottom in pixels."""
        sides = (height if self.rule.shares_of == "height" else width, height) * 2
        pairs = list(zip(self.rule.margins, sides, strict=True))
        if self.rule.rounding == "margin":
            smallest = min(self.rule.margins)
            # Python rounds halves to even numbers, as PyTorch does.
            return [round(smallest * side) * margin / smallest for margin, side in pairs]
        added = [margin * side for margin, side in pairs]
        return [math.floor(margin) for margin in added] if self.rule.rounding == "box" else added

    def _fitted(self, region: NDArray[Any]) -> NDArray[np.uint8]:
        if self.rule.fit == "pad_small":
            region = _padded(region, max(region.shape[1], self.size), max(region.shape[0], self.size))
        height, width = region.shape[:2]
        scale = self.size / max(height, width)
        way = self.rule.enlarge if scale > 1 else self.rule.shrink
        if self.rule.fit != "pad":
            return resize(region, self.size, self.size, way)
        new = (self.size, int(height * scale)) if width > height else (int(width * scale), self.size)
        return _padded(resize(region, max(1, new[0]), max(1, new[1]), way), self.size, self.size)


def _within(start: int, end: int, length: int) -> slice:
    """Give what lies in an image of a stretch of pixels, at least one."""
    start = min(max(start, 0), length - 1)
    return slice(start, max(min(end, length), start + 1))


def _quarter_turns(landmarks: NDArray[np.floating]) -> int:
    """Tell how many quarter turns, counter-clockwise, put a face upright: eyes above the mouth."""
    right, down = landmarks[3:].mean(axis=0) - landmarks[:2].mean(axis=0)
    return -round(math.atan2(right, down) / (math.pi / 2))


def _padded(image: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Fill up with black on both sides, evenly; the odd line comes last."""
    missing = np.array([height - image.shape[0], width - image.shape[1]])
    before = missing // 2
    return np.pad(image, (*zip(before, missing - before, strict=True), (0, 0)))
