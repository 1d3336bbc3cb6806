"""Crops that are aligned by landmarks in ways of others, as many published networks were trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from classifiers.interpolation import INTERPOLATIONS, Interpolation

NATIVE = "native"
"""In place of a side in pixels: as large as the face is in its frame."""


@dataclass(frozen=True, slots=True)
class CropAlign:
    """How a face is aligned by five landmarks. Pixels are skipped where it becomes smaller, as `cv2.warpAffine` does.

    Attributes:
        template: where the landmarks of `extractors.face.LANDMARK_NAMES` come to lie, x and y in units of the side: at
            0.5 of 224 pixels lies the centre of pixel 112, the first being pixel 0.
        fit: "least_squares" of all five distances (Umeyama 1991), or "least_median" of the squares, which leaves out
            landmarks that fit badly (Rousseeuw 1984, as `cv2.estimateAffinePartial2D` does it).
        cut: side in pixels at which the crop is cut before it is resized; `NATIVE` for the mean ratio of the distances
            between landmarks to those in the template; None for the side that the network takes.
        resize: how pixels are interpolated then.
        beyond: what is shown beyond the border of the frame: "black", or "edge" for its border pixels.
    """

    template: tuple[tuple[float, float], ...]
    fit: Literal["least_squares", "least_median"] = "least_squares"
    cut: int | Literal["native"] | None = None
    resize: Interpolation = "linear"
    beyond: Literal["black", "edge"] = "black"

    def __post_init__(self) -> None:
        points = tuple((float(x), float(y)) for x, y in self.template)
        if len(points) != 5 or len(set(points)) != 5:
            raise ValueError(f"the template of a crop has five different landmarks, not {len(set(points))}")
        object.__setattr__(self, "template", points)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {', '.join(choices)}, not {getattr(self, name)!r}")
        if self.cut not in (None, NATIVE) and not (isinstance(self.cut, int) and 8 <= self.cut <= 1024):
            raise ValueError(f"a crop is cut at 8 to 1024 pixels or at {NATIVE!r}, not at {self.cut!r}")


_CHOICES = {
    "fit": ("least_squares", "least_median"),
    "resize": INTERPOLATIONS,
    "beyond": ("black", "edge"),
}
