"""From logits to scores that mean something: chances under a stated mixture of clips."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Calibrator(Protocol):
    """Turns one raw number into the logarithm of odds; never lower for a higher number."""

    @property
    def slope(self) -> float:
        """Calibrated logits for each raw one, over all."""
        ...

    def logit(self, x: float) -> float:
        """Map a raw number to a calibrated logit."""
        ...


@dataclass(frozen=True, slots=True)
class Platt:
    """Logistic calibration of one number (Platt 1999): chance = sigmoid(slope * x + intercept)."""

    slope: float
    intercept: float

    def logit(self, x: float) -> float:
        """Map a raw number to a calibrated logit."""
        return self.slope * x + self.intercept


@dataclass(frozen=True, slots=True)
class Temperature:
    """Temperature scaling (Guo et al. 2017): chance = sigmoid(x / temperature). What is 0.5 stays so."""

    temperature: float

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"a temperature must be above 0, not {self.temperature}")

    @property
    def slope(self) -> float:
        """Calibrated logits for each raw one."""
        return 1 / self.temperature

    def logit(self, x: float) -> float:
        """Map a raw number to a calibrated logit."""
        return x / self.temperature


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Piecewise linear calibration that never falls (isotonic regression; Zadrozny and Elkan 2002).

    Attributes:
        points: raw number and logit of each corner, from left to right; flat beyond the first and the last.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        points = tuple((float(x), float(y)) for x, y in self.points)
        if not points or any(left[0] >= right[0] or left[1] > right[1] for left, right in pairwise(points)):
            raise ValueError("the points of an isotonic calibration must rise from left to right")
        object.__setattr__(self, "points", points)

    @property
    def slope(self) -> float:
        """Calibrated logits for each raw one, from the first corner to the last; 0 where there is only one."""
        (left, low), (right, high) = self.points[0], self.points[-1]
        return (high - low) / (right - left) if right > left else 0.0

    def logit(self, x: float) -> float:
        """Map a raw number to a calibrated logit."""
        place = bisect_right(self.points, x, key=lambda point: point[0])
        if place in (0, len(self.points)):
            return self.points[max(place - 1, 0)][1]
        (left, low), (right, high) = self.points[place - 1 : place + 1]
        return low + (high - low) * (x - left) / (right - left)


NEVER = Platt(0.0, -30.0)
"""Calibrator of an output that nothing is known of: odds so low that it takes no part in the joint score."""

_CALIBRATORS = (Platt, Temperature, Isotonic)


def calibrator_from_json(entry: dict[str, Any]) -> Calibrator:
    """Read a calibrator from a manifest; its fields tell which it is.

    Raises:
        ValueError: no calibrator has these fields, or their values make none.
    """
    for kind in _CALIBRATORS:
        if set(entry) == {field.name for field in fields(kind)}:
            return kind(**entry)
    raise ValueError(f"no calibration has the fields {', '.join(entry)}")


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
    manipulated: Calibrator
    generated: Calibrator
    joint: Calibrator

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Calibration:
        """Read the entry of a manifest.

        Raises:
            KeyError: it lacks a field.
            ValueError: a calibrator is none.
        """
        outputs = {name: calibrator_from_json(entry[name]) for name in ("manipulated", "generated", "joint")}
        return cls(id=entry["id"], fitted_on=entry["fitted_on"], **outputs)

    @property
    def is_fitted(self) -> bool:
        """Whether scores are chances; else they are raw."""
        return self.id != UNCALIBRATED.id

    def scores(self, manipulated: float, generated: float) -> Scores:
        """Turn the mean logits of one track into scores."""
        first, second = self.manipulated.logit(manipulated), self.generated.logit(generated)
        return Scores(sigmoid(self.joint.logit(log_odds_sum(first, second))), sigmoid(first), sigmoid(second))


UNCALIBRATED = Calibration("none", "nothing: the scores are raw", Platt(1.0, 0.0), Platt(1.0, 0.0), Platt(1.0, 0.0))
"""For weights that have not been calibrated: the sigmoids of the logits themselves."""


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

    @property
    def decides(self) -> bool:
        """Whether any score is more than inconclusive."""
        return math.isfinite(self.likely_fake) or math.isfinite(self.likely_real)

    def __str__(self) -> str:
        if not self.decides:
            return "no limits: every score is inconclusive"
        return f"likely_fake from {self.likely_fake}, likely_real to {self.likely_real}"

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON knows them, which has no infinity: a limit that nothing reaches is null."""
        limits = {"likely_fake": self.likely_fake, "likely_real": self.likely_real}
        finite = {name: limit if math.isfinite(limit) else None for name, limit in limits.items()}
        return {**finite, "operating_point": self.operating_point}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Thresholds:
        """Read what `to_json` gave.

        Raises:
            TypeError: it has other fields.
        """
        found = cls(**entry)
        fake = math.inf if found.likely_fake is None else found.likely_fake
        real = -math.inf if found.likely_real is None else found.likely_real
        return cls(fake, real, found.operating_point)


UNDECIDED = Thresholds(math.inf, -math.inf, "none: nobody has said which scores are fakes; calibrate the model")
"""For models whose scores nobody has put limits to: every score is inconclusive."""


def sigmoid(x: float) -> float:
    """Logistic function that does not overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def log_odds_sum(first: float, second: float) -> float:
    """Logarithm of the sum of the odds whose logarithms are given."""
    larger, smaller = max(first, second), min(first, second)
    return larger + math.log1p(math.exp(smaller - larger))


def fit_platt(x: NDArray[np.floating], fake: NDArray[np.bool_], weights: NDArray[np.floating] | None = None) -> Platt:
    """Fit a logistic calibration by maximum likelihood among those that rise.

    Numbers that say the opposite of what they should, or nothing, get a slope of almost nothing: a score must not
    fall as the evidence for a fake rises.

    Args:
        x: float (n,), one number a clip.
        fake: bool (n,).
        weights: float (n,), or None for classes of equal weight.
    """
    from scipy.optimize import minimize

    x, target, weights = _targets(x, fake, weights)
    centre, spread = float(np.mean(x)), float(np.std(x)) or 1.0
    scaled = (x - centre) / spread

    def loss(parameters: NDArray[np.float64]) -> float:
        return _loss(parameters[0] * scaled + parameters[1], target, weights)

    slope, intercept = minimize(loss, (0.1, 0.0), method="L-BFGS-B", bounds=((0.01, None), (None, None))).x
    return Platt(float(slope / spread), float(intercept - slope * centre / spread))


def fit_temperature(
    x: NDArray[np.floating], fake: NDArray[np.bool_], weights: NDArray[np.floating] | None = None
) -> Temperature:
    """Fit a temperature by maximum likelihood, between a thousandth and a thousand; arguments as in `fit_platt`."""
    from scipy.optimize import minimize_scalar

    x, target, weights = _targets(x, fake, weights)
    bound = math.log(1000)
    best = minimize_scalar(lambda t: _loss(x * math.exp(-t), target, weights), bounds=(-bound, bound), method="bounded")
    return Temperature(math.exp(best.x))


def fit_isotonic(
    x: NDArray[np.floating], fake: NDArray[np.bool_], weights: NDArray[np.floating] | None = None
) -> Isotonic:
    """Fit a line of steps by isotonic regression and join the middles of its steps; arguments as in `fit_platt`."""
    from scipy.optimize import isotonic_regression

    x, target, weights = _targets(x, fake, weights)
    places, position = np.unique(x, return_inverse=True)
    weight = np.bincount(position, weights)
    fitted = isotonic_regression(np.bincount(position, weights * target) / weight, weights=weight)
    starts = fitted.blocks[:-1]
    middles = np.add.reduceat(places * weight, starts) / np.add.reduceat(weight, starts)
    chances = fitted.x[starts]
    return Isotonic(tuple(zip(middles.tolist(), np.log(chances / (1 - chances)).tolist(), strict=True)))


METHODS: Mapping[str, Callable[[NDArray[np.floating], NDArray[np.bool_], NDArray[np.floating] | None], Calibrator]] = {
    "platt": fit_platt,
    "temperature": fit_temperature,
    "isotonic": fit_isotonic,
}
"""Ways to calibrate, by the names of the field."""


def _targets(
    x: NDArray[np.floating], fake: NDArray[np.bool_], weights: NDArray[np.floating] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give numbers, targets and weights that sum to 1.

    Targets are drawn in from 0 and 1 as in Platt's paper, so that separable data give finite numbers.
    """
    fake = np.asarray(fake, bool)
    if weights is None:
        weights = np.where(fake, 0.5 / max(fake.sum(), 1), 0.5 / max((~fake).sum(), 1))
    numbers, weights = np.asarray(x, np.float64), np.asarray(weights, np.float64)
    target = np.where(fake, (fake.sum() + 1) / (fake.sum() + 2), 1 / ((~fake).sum() + 2))
    return numbers, target, weights / weights.sum()


def _loss(logits: NDArray[np.float64], target: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float(np.sum(weights * (np.logaddexp(0, logits) - target * logits)))
