"""From logits to scores that mean something: chances under a stated mixture of clips."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Platt:
    """Logistic calibration of one number (Platt 1999): chance = sigmoid(slope * x + intercept)."""

    slope: float
    intercept: float

    def logit(self, x: float) -> float:
        """Map a raw number to a calibrated logit."""
        return self.slope * x + self.intercept

    def chance(self, x: float) -> float:
        """Map a raw number to a chance between 0 and 1."""
        return sigmoid(self.logit(x))


@dataclass(frozen=True, slots=True)
class Scores:
    """What two logits say together and each alone; 0 to 1, 1 = fake."""

    fake: float
    manipulated: float
    generated: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the logits of one set of weights become scores.

    Each output is calibrated alone. A face is real, manipulated or generated, so the odds of the latter two add up
    to those of a fake; their sum is calibrated once more, since reals that fool one output need not fool the other.

    Attributes:
        id: changes whenever the numbers do.
        fitted_on: what clips the numbers were fitted on, in words.
        manipulated: for the first logit.
        generated: for the second logit.
        joint: for the logarithm of the summed odds.
    """

    id: str
    fitted_on: str
    manipulated: Platt
    generated: Platt
    joint: Platt

    def scores(self, manipulated: float, generated: float) -> Scores:
        """Turn the mean logits of one track into scores."""
        first, second = self.manipulated.logit(manipulated), self.generated.logit(generated)
        return Scores(self.joint.chance(log_odds_sum(first, second)), sigmoid(first), sigmoid(second))


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where a score becomes a verdict; between the two it is inconclusive.

    Attributes:
        likely_fake: scores from here up are likely fake.
        likely_real: scores from here down are likely real.
        operating_point: what these were chosen for, in words.
    """

    likely_fake: float
    likely_real: float
    operating_point: str


def sigmoid(x: float) -> float:
    """Logistic function that does not overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def log_odds_sum(first: float, second: float) -> float:
    """Logarithm of the sum of the odds whose logarithms are given."""
    larger, smaller = max(first, second), min(first, second)
    return larger + math.log1p(math.exp(smaller - larger))


def fit_platt(x: np.ndarray, fake: np.ndarray, weights: np.ndarray | None = None) -> Platt:
    """Fit a logistic calibration by maximum likelihood.

    Targets are drawn in from 0 and 1 as in Platt's paper, so that separable data give finite numbers.

    Args:
        x: float (n,), one number a clip.
        fake: bool (n,).
        weights: float (n,), or None for classes of equal weight.
    """
    from scipy.optimize import minimize

    x, fake = np.asarray(x, float), np.asarray(fake, bool)
    if weights is None:
        weights = np.where(fake, 0.5 / max(fake.sum(), 1), 0.5 / max((~fake).sum(), 1))
    weights = np.asarray(weights, float) / np.sum(weights)
    target = np.where(fake, (fake.sum() + 1) / (fake.sum() + 2), 1 / ((~fake).sum() + 2))
    centre, spread = float(np.mean(x)), float(np.std(x)) or 1.0
    scaled = (x - centre) / spread

    def loss(parameters: np.ndarray) -> float:
        z = parameters[0] * scaled + parameters[1]
        return float(np.sum(weights * (np.logaddexp(0, z) - target * z)))

    slope, intercept = minimize(loss, np.zeros(2), method="BFGS").x
    return Platt(float(slope / spread), float(intercept - slope * centre / spread))
