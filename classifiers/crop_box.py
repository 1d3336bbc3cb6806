"""Crops that are cut around a detector's box, as many published networks were trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CropBox:
    """How a crop is cut around the box of a face.

    Attributes:
        margins: what is added to the box at its left, top, right and bottom, in shares of its width and height.
        square: "longer" to widen the shorter side until it is as long as the longer one, about the same centre, before
            margins are added; "no" to leave the box as it is.
        beyond: what is shown beyond the border of the frame: "clip" for nothing, so that the crop ends there, "black",
            or "edge" for its border pixels.
        fit: "stretch" to scale both sides to the size of the crop, or "pad" to scale the longer one to it and to fill
            the rest with black, evenly on both sides.
        shrink: how pixels are interpolated where a crop becomes smaller.
        enlarge: the same where it becomes larger.
    """

    margins: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    square: Literal["no", "longer"] = "no"
    beyond: Literal["clip", "black", "edge"] = "clip"
    fit: Literal["stretch", "pad"] = "stretch"
    shrink: Literal["linear", "area", "cubic"] = "linear"
    enlarge: Literal["linear", "area", "cubic"] = "linear"

    def __post_init__(self) -> None:
        margins = tuple(float(margin) for margin in self.margins)
        if len(margins) != 4 or not all(-0.5 < margin <= 4 for margin in margins):
            raise ValueError(f"a crop has four margins between -0.5 and 4 of the sides of a box, not {self.margins}")
        object.__setattr__(self, "margins", margins)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {', '.join(choices)}, not {getattr(self, name)!r}")


_WAYS = ("linear", "area", "cubic")
_CHOICES = {
    "square": ("no", "longer"),
    "beyond": ("clip", "black", "edge"),
    "fit": ("stretch", "pad"),
    "shrink": _WAYS,
    "enlarge": _WAYS,
}
