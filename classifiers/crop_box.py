"""Crops that are cut around a detector's box, as many published networks were trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from classifiers.interpolation import INTERPOLATIONS, Interpolation


@dataclass(frozen=True, slots=True)
class CropBox:
    """How a crop is cut around the box of a face.

    Attributes:
        margins: what is added to the box at its left, top, right and bottom, in shares of its sides.
        shares_of: "sides" for margins in shares of the box's width and height, or "height" for all in shares of its
            height.
        square: "longer" to widen the shorter side until it is as long as the longer one, about the same centre, before
            margins are added; "no" to leave the box as it is.
        rounding: how the edges of a crop come to lie between pixels: "down" for edges that are rounded down; "cover"
            for those and one pixel more at the right and the bottom; "box" for a box whose edges are rounded to zero
            first and margins that are rounded down then; "margin" for a smallest margin that is rounded to the nearest
            number of pixels, others that are multiples of it, and edges that are rounded down then.
        beyond: what is shown beyond the border of the frame: "clip" for nothing, so that the crop ends there, "black",
            or "edge" for its border pixels.
        fit: "stretch" to scale both sides to the size of the crop, "pad" to scale the longer one to it and to fill
            the rest with black, evenly on both sides, or "pad_small" to fill a side that is shorter than the crop
            likewise, without enlarging it, and to stretch then.
        shrink: how pixels are interpolated where a crop becomes smaller.
        enlarge: the same where it becomes larger.
    """

    margins: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    shares_of: Literal["sides", "height"] = "sides"
    square: Literal["no", "longer"] = "no"
    rounding: Literal["down", "cover", "box", "margin"] = "down"
    beyond: Literal["clip", "black", "edge"] = "clip"
    fit: Literal["stretch", "pad", "pad_small"] = "stretch"
    shrink: Interpolation = "linear"
    enlarge: Interpolation = "linear"

    def __post_init__(self) -> None:
        margins = tuple(float(margin) for margin in self.margins)
        if len(margins) != 4 or not all(-0.5 < margin <= 4 for margin in margins):
            raise ValueError(f"a crop has four margins between -0.5 and 4 of the sides of a box, not {self.margins}")
        object.__setattr__(self, "margins", margins)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {', '.join(choices)}, not {getattr(self, name)!r}")
        if self.rounding == "margin" and min(margins) <= 0:
            raise ValueError("margins that are rounded to whole pixels are more than 0")


_CHOICES = {
    "shares_of": ("sides", "height"),
    "square": ("no", "longer"),
    "rounding": ("down", "cover", "box", "margin"),
    "beyond": ("clip", "black", "edge"),
    "fit": ("stretch", "pad", "pad_small"),
    "shrink": INTERPOLATIONS,
    "enlarge": INTERPOLATIONS,
}
