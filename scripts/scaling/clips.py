"""What is scanned: lengths of clips as a rule and in the tail, and what each one costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PUBLISHED_S = 2.45
"""CPU seconds of a clip of 10 s in 1080p: the page on limits."""

_LENGTHS_S = (10.0, 60.0, 600.0, 3600.0)
_COSTS_S = (1.7, 6.2, 4.6, 7.0)
"""CPU seconds by length, from the same page: measured with the smaller model on a day on which the clips took 1.64."""

_COSTS_ON_A_DAY_OF_S = 1.64
_DECODING_S = 516 / 3600
"""CPU seconds to decode a second of video, where every frame has to be: an hour took 516."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Clips with their cost.

    Attributes:
        seconds: [n] for which a core has each clip.
        bytes: [n] that are fetched for it.
    """

    seconds: np.ndarray
    bytes: np.ndarray


@dataclass(frozen=True, slots=True)
class Clips:
    """How the clips of an archive are distributed; all of it is assumed but for what a clip of a given length costs.

    Attributes:
        median_s: length of a clip, log-normal.
        sigma: spread of the logarithm of the length; 0 makes all alike.
        unindexed: share of clips without an index, of which every frame is decoded.
        stuck: share of files that run into the time limit.
        bits_per_s: of a clip, picture and sound.
        short_s: CPU seconds of a clip of 10 s; longer ones cost more in proportion to what was measured.
        timeout_s: the time limit of a file.
    """

    median_s: float = 15.0
    sigma: float = 1.2
    unindexed: float = 0.01
    stuck: float = 1e-4
    bits_per_s: float = 5e6
    short_s: float = PUBLISHED_S
    timeout_s: float = 600.0

    def draw(self, count: int, rng: np.random.Generator) -> Workload:
        """Draw so many clips; the same generator gives the same ones."""
        lengths = self.median_s * np.exp(self.sigma * rng.standard_normal(count))
        seconds = self.cost_s(lengths)
        chance = rng.random((2, count))
        seconds = np.where(chance[0] < self.unindexed, self.short_s + lengths * _DECODING_S, seconds)
        seconds = np.where(chance[1] < self.stuck, self.timeout_s, np.minimum(seconds, self.timeout_s))
        return Workload(seconds, lengths * self.bits_per_s / 8)

    def cost_s(self, lengths_s: np.ndarray) -> np.ndarray:
        """Give the CPU seconds of indexed clips of these lengths, between the four that were measured; flat beyond."""
        measured = np.interp(np.log(lengths_s), np.log(_LENGTHS_S), _COSTS_S)
        return measured / _COSTS_S[0] * self.short_s


ALIKE = Clips(median_s=10.0, sigma=0.0, unindexed=0.0, stuck=0.0)
"""Clips as those that were measured: each of 10 s."""
