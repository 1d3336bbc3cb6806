"""The pointing game, on maps and regions that can be counted by hand."""

from __future__ import annotations

import numpy as np

from classifiers.evaluation.pointing import PointingGame, play_pointing_game


def test_strongest_cells_are_counted_in_the_region_and_beside_it():
    # Cells of 2 x 2 pixels; the region is the second cell of the first row.
    regions = np.zeros((3, 8, 8), bool)
    regions[:, 0:2, 2:4] = True
    maps = np.zeros((3, 4, 4), np.float32)
    for number, cell in enumerate([(0, 1), (1, 1), (3, 3)]):
        maps[number][cell] = 1.0
    assert play_pointing_game(maps, regions) == PointingGame(1 / 3, 2 / 3, 1 / 16, 6 / 16)
