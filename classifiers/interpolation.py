"""How pixels are interpolated where a crop changes its size; see `extractors.resize`."""

from __future__ import annotations

from typing import Literal

Interpolation = Literal["linear", "area", "cubic", "antialiased_linear", "antialiased_cubic"]
"""The first three as OpenCV does them, the others as Pillow does, which averages where a picture becomes smaller."""

INTERPOLATIONS: tuple[Interpolation, ...] = ("linear", "area", "cubic", "antialiased_linear", "antialiased_cubic")
"""All of them."""
