"""How late pictures are judged, counted in memory that does not grow."""

from __future__ import annotations

import numpy as np

_STEP_S = 0.01
_STEPS = 6000


class Delays:
    """Counts delays in steps of 10 ms; those of a minute and more are one."""

    def __init__(self) -> None:
        self._counts = np.zeros(_STEPS + 1, np.int64)

    def add(self, delay_s: float) -> None:
        """Count one."""
        self._counts[int(np.clip(delay_s / _STEP_S, 0, _STEPS))] += 1

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self._counts.sum())

    def quantile(self, share: float) -> float | None:
        """Give the delay that a share of all do not exceed, rounded up to a step; None if there is none."""
        if not self.count:
            return None
        return (int(np.searchsorted(np.cumsum(self._counts), share * self.count)) + 1) * _STEP_S
