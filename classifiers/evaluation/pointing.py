"""Whether heat maps point at what was forged: the pointing game (Zhang et al., ECCV 2016, arXiv:1608.00507)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PointingGame:
    """Shares of crops, 0 to 1.

    Attributes:
        inside: whose strongest cell has its middle in the forged region.
        near: whose strongest cell has it there or up to a cell away.
        chance_inside: of all cells, those whose middle is in the region.
        chance_near: those whose middle is there or up to a cell away.
    """

    inside: float
    near: float
    chance_inside: float
    chance_near: float


def play_pointing_game(maps: NDArray[np.floating], regions: NDArray[np.bool_]) -> PointingGame:
    """Look where the strongest cell of each map lies.

    Args:
        maps: (n, cells, cells), one output of `explain.Heat.maps`; n at least 1.
        regions: (n, size, size), what was forged in each crop.
    """
    count, cells = maps.shape[:2]
    side = regions.shape[1] // cells
    around = np.ones((2 * side + 1, 2 * side + 1), np.uint8)
    middles = np.arange(cells) * side + side // 2
    at_middles = np.ix_(middles, middles)
    inside = np.stack([region[at_middles] for region in regions])
    near = np.stack([cv2.dilate(region.astype(np.uint8), around)[at_middles] > 0 for region in regions])
    strongest = np.arange(count), maps.reshape(count, -1).argmax(axis=1)
    return PointingGame(
        inside=float(inside.reshape(count, -1)[strongest].mean()),
        near=float(near.reshape(count, -1)[strongest].mean()),
        chance_inside=float(inside.mean()),
        chance_near=float(near.mean()),
    )
