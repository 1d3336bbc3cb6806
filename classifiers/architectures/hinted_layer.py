"""Where a layer looks at the crop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HintedLayer:
    """Where the cells of a layer's map are in the crop, in pixels; pixel centres are at integers.

    Attributes:
        first_centre: of the first cell, from the left and from the top.
        step: from one cell to the next.
    """

    first_centre: float
    step: int
