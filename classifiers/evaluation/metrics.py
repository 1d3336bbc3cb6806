"""Figures of merit of scores against labels.

Throughout, labels are (n,), true = fake, and scores are (n,), higher = more fake. A figure that is not
defined, mostly because one class is missing, is nan.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]

ECE_BINS = 10
"""Bins of equal width between 0 and 1 that the expected calibration error compares chance and frequency in."""

_TINIEST_CHANCE = 1e-7
_DEVIATIONS = 1.96

# Drawing among one or two groups of a class would give intervals of next to no width.
_GROUPS_NEEDED = 3


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95% bootstrap interval, whose ends are nan where the data are too few for one."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        known = math.isfinite(self.low) and math.isfinite(self.high)
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]" if known else f"{self.value:.3f}"


def roc_auc(labels: Labels, scores: Floats) -> float:
    """Area under the ROC curve: the chance that a fake outscores a real one, ties counting half.

    Args:
        labels: bool (n,), true = fake.
        scores: float (n,), higher = more fake.

    Returns:
        0 to 1, or nan where one class is missing.
    """
    return _roc_auc(curve(labels, scores))


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Everything that moving the threshold down through all scores gives.

    Attributes:
        thresholds: float (k,), falling; the first is infinite.
        false_alarms: int (k,), reals that score at least the threshold.
        hits: int (k,), fakes that do.
    """

    thresholds: Floats
    false_alarms: npt.NDArray[np.integer[Any]]
    hits: npt.NDArray[np.integer[Any]]

    @property
    def fpr(self) -> Floats:
        """Share of the reals that are called fake, float (k,)."""
        return _share(self.false_alarms, self.false_alarms[-1])

    @property
    def tpr(self) -> Floats:
        """Share of the fakes that are called fake, float (k,); also called recall."""
        return _share(self.hits, self.hits[-1])

    @property
    def precision(self) -> Floats:
        """Share of fakes among what is called fake, float (k,); 1 where nothing is."""
        called = self.hits + self.false_alarms
        return np.where(called > 0, self.hits / np.maximum(called, 1), 1.0)


def curve(labels: Labels, scores: Floats) -> Curve:
    """Count hits and false alarms for every threshold that makes a difference."""
    labels, scores = np.asarray(labels, bool), np.asarray(scores, float)
    order = np.argsort(-scores, kind="stable")
    scores, labels = scores[order], labels[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1) if len(scores) else np.empty(0, int)
    hits = np.cumsum(labels)[last_of_ties]
    return Curve(
        thresholds=np.concatenate([[math.inf], scores[last_of_ties]]),
        false_alarms=np.concatenate([[0], last_of_ties + 1 - hits]),
        hits=np.concatenate([[0], hits]),
    )


def average_precision(labels: Labels, scores: Floats) -> float:
    """Precision averaged over the fakes, from the highest score down (area under the steps of the PR curve)."""
    return _average_precision(curve(labels, scores))


def equal_error_rate(labels: Labels, scores: Floats) -> float:
    """Error rate where as many fakes are missed as reals are called fake, on the straight lines of the ROC curve."""
    return _equal_error_rate(curve(labels, scores))


def tpr_at_fpr(labels: Labels, scores: Floats, fpr: float) -> float:
    """Largest share of fakes found while at most the share `fpr` of the reals is called fake."""
    return _tpr_at_fpr(curve(labels, scores), fpr)


def confusion(labels: Labels, scores: Floats, threshold: float) -> npt.NDArray[np.integer[Any]]:
    """Count what is called fake from a threshold up: int (2, 2), rows real and fake, columns called real and fake."""
    labels, called = np.asarray(labels, bool), np.asarray(scores) >= threshold
    return np.array(
        [[(~labels & ~called).sum(), (~labels & called).sum()], [(labels & ~called).sum(), (labels & called).sum()]]
    )


def accuracy(labels: Labels, scores: Floats, threshold: float) -> float:
    """Share that is on the right side of the threshold."""
    return _accuracy(confusion(labels, scores, threshold))


def balanced_accuracy(labels: Labels, scores: Floats, threshold: float) -> float:
    """Mean of the shares of reals and of fakes that are on the right side of the threshold."""
    return _balanced_accuracy(confusion(labels, scores, threshold))


def balanced_weights(labels: Labels) -> Floats:
    """Weights that sum to 1 and let both classes weigh alike; nan where one is missing."""
    labels = np.asarray(labels, bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum())
    return weights if labels.any() and not labels.all() else np.full(len(labels), math.nan)


def log_loss(labels: Labels, chances: Floats, weights: Floats | None = None) -> float:
    """Mean negative logarithm of the chance given to what is true; chances of 0 and 1 are drawn in by 1e-7."""
    chances = np.clip(np.asarray(chances, float), _TINIEST_CHANCE, 1 - _TINIEST_CHANCE)
    return _mean(-np.log(np.where(labels, chances, 1 - chances)), weights)


def brier_score(labels: Labels, chances: Floats, weights: Floats | None = None) -> float:
    """Mean squared difference of chance and truth (Brier 1950)."""
    return _mean((np.asarray(chances, float) - np.asarray(labels, float)) ** 2, weights)


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Chance against frequency, in bins of equal width; all float (bins,), the first two nan in empty bins.

    Attributes:
        chance: mean chance in the bin.
        frequency: share of fakes in it.
        weight: share of all in it.
    """

    chance: Floats
    frequency: Floats
    weight: Floats


def reliability(labels: Labels, chances: Floats, weights: Floats | None = None, bins: int = ECE_BINS) -> Reliability:
    """Compare chances with what came true; a chance on the border of two bins belongs to the upper one."""
    labels, chances = np.asarray(labels, float), np.asarray(chances, float)
    weights = (
        np.full(len(labels), 1 / max(len(labels), 1)) if weights is None else np.asarray(weights) / np.sum(weights)
    )
    place = np.clip((chances * bins).astype(int), 0, bins - 1)
    weight = np.asarray(np.bincount(place, weights, bins), float)
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.bincount(place, weights * chances, bins) / weight
        frequency = np.bincount(place, weights * labels, bins) / weight
    return Reliability(chance, frequency, weight)


def expected_calibration_error(
    labels: Labels, chances: Floats, weights: Floats | None = None, bins: int = ECE_BINS
) -> float:
    """Mean distance of chance and frequency, over bins of equal width (Guo et al. 2017)."""
    if not len(labels):
        return math.nan
    table = reliability(labels, chances, weights, bins)
    if np.isnan(table.weight).any():
        return math.nan
    return float(np.nansum(table.weight * np.abs(table.chance - table.frequency)))


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Give the 95% interval of a share of `count` independent cases (Wilson, JASA 1927)."""
    spread = _DEVIATIONS**2 / count
    half = (spread * share * (1 - share) + spread**2 / 4) ** 0.5
    return max(0.0, (share + spread / 2 - half) / (1 + spread)), min(1.0, (share + spread / 2 + half) / (1 + spread))


def figures(labels: Labels, scores: Floats, threshold: float) -> dict[str, float]:
    """Compute every figure of calibrated scores.

    The `_balanced` ones let both classes weigh alike, however many there are of each: calibrated scores are chances
    under that mixture.

    Args:
        labels: bool (n,).
        scores: float (n,), 0 to 1.
        threshold: scores from here up count as fake.
    """
    labels, scores = np.asarray(labels, bool), np.asarray(scores, float)
    moving, table, weights = curve(labels, scores), confusion(labels, scores, threshold), balanced_weights(labels)
    return {
        "auc": _roc_auc(moving),
        "average_precision": _average_precision(moving),
        "eer": _equal_error_rate(moving),
        "accuracy": _accuracy(table),
        "balanced_accuracy": _balanced_accuracy(table),
        "tpr": _ratio(table[1, 1], table[1].sum()),
        "fpr": _ratio(table[0, 1], table[0].sum()),
        "tpr_at_fpr_1": _tpr_at_fpr(moving, 0.01),
        "tpr_at_fpr_5": _tpr_at_fpr(moving, 0.05),
        "log_loss": log_loss(labels, scores),
        "brier": brier_score(labels, scores),
        "ece": expected_calibration_error(labels, scores),
        "log_loss_balanced": log_loss(labels, scores, weights),
        "brier_balanced": brier_score(labels, scores, weights),
        "ece_balanced": expected_calibration_error(labels, scores, weights),
    }


def bootstrap_interval(
    figure: Callable[[Labels, Floats], float],
    labels: Labels,
    scores: Floats,
    groups: Sequence[Hashable],
    *,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Bootstrap one figure; arguments as in `bootstrap_intervals`."""

    def named(labels: Labels, scores: Floats) -> dict[str, float]:
        return {"figure": figure(labels, scores)}

    return bootstrap_intervals(named, labels, scores, groups, draws=draws, seed=seed)["figure"]


def bootstrap_intervals(
    compute: Callable[[Labels, Floats], dict[str, float]],
    labels: Labels,
    scores: Floats,
    groups: Sequence[Hashable],
    *,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Bootstrap figures over whole groups, since samples of one source are not independent.

    Where a class has fewer than three groups, there are no intervals: their ends are nan.

    Args:
        compute: maps labels and scores to figures by name; nan where one is undefined.
        labels: (n,) labels.
        scores: (n,) or (n, m) scores.
        groups: (n,) the source of each sample; drawn with replacement, all samples of a group together.
        draws: number of resamples; those for which a figure is undefined are left out of its interval.
        seed: of the draws.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    # In the order of first appearance, so that what the groups are called plays no part.
    numbers: dict[Hashable, int] = {}
    group = np.array([numbers.setdefault(name, len(numbers)) for name in groups], dtype=int)
    groups_of_classes = [len(set(group[labels.astype(bool) == fake])) for fake in (False, True)]
    enough = all(count == 0 or count >= _GROUPS_NEEDED for count in groups_of_classes)
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws if len(labels) and enough else 0):
        times = np.bincount(rng.integers(len(numbers), size=len(numbers)), minlength=len(numbers))
        rows = np.repeat(np.arange(len(labels)), times[group])
        drawn.append(compute(labels[rows], scores[rows]))
    intervals = {}
    for name, value in compute(labels, scores).items():
        values = np.array([one[name] for one in drawn], dtype=float)
        values = values[np.isfinite(values)]
        low, high = np.percentile(values, (2.5, 97.5)) if len(values) else (math.nan, math.nan)
        intervals[name] = Interval(value, float(low), float(high))
    return intervals


def _roc_auc(moving: Curve) -> float:
    pairs = int(moving.hits[-1]) * int(moving.false_alarms[-1])
    if not pairs:
        return math.nan
    twice = np.sum(np.diff(moving.false_alarms) * (moving.hits[1:] + moving.hits[:-1]))
    return float(twice / (2 * pairs))


def _average_precision(moving: Curve) -> float:
    if not moving.hits[-1]:
        return math.nan
    return float(np.sum(np.diff(moving.tpr) * moving.precision[1:]))


def _equal_error_rate(moving: Curve) -> float:
    if not moving.hits[-1] or not moving.false_alarms[-1]:
        return math.nan
    fpr = moving.fpr
    excess = 1 - moving.tpr - fpr
    at = int(np.argmax(excess <= 0))
    part = excess[at - 1] / (excess[at - 1] - excess[at])
    return float(fpr[at - 1] + part * (fpr[at] - fpr[at - 1]))


def _tpr_at_fpr(moving: Curve, fpr: float) -> float:
    if not moving.hits[-1] or not moving.false_alarms[-1]:
        return math.nan
    return float(moving.tpr[moving.fpr <= fpr].max())


def _accuracy(table: np.ndarray) -> float:
    return _ratio(np.trace(table), table.sum())


def _balanced_accuracy(table: np.ndarray) -> float:
    return (_ratio(table[0, 0], table[0].sum()) + _ratio(table[1, 1], table[1].sum())) / 2


def _share(counts: np.ndarray, total: int) -> np.ndarray:
    return counts / total if total else np.full(len(counts), math.nan)


def _ratio(part: int, whole: int) -> float:
    return float(part / whole) if whole else math.nan


def _mean(values: np.ndarray, weights: Floats | None) -> float:
    if not len(values):
        return math.nan
    return float(np.mean(values)) if weights is None else float(np.sum(values * weights) / np.sum(weights))
