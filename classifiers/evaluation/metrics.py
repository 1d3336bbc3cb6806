"""Figures of merit of scores against labels."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95% bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a fake outscores a real one, ties counting half.

    Args:
        labels: bool (n,), true = fake.
        scores: float (n,), higher = more fake.

    Returns:
        0 to 1, or nan where one class is missing.
    """
    labels = np.asarray(labels, dtype=bool)
    fakes, reals = int(labels.sum()), int((~labels).sum())
    if not fakes or not reals:
        return float("nan")
    ranks = rankdata(scores)
    return float((ranks[labels].sum() - fakes * (fakes + 1) / 2) / (fakes * reals))


def bootstrap_interval(
    figure: Callable[[np.ndarray, np.ndarray], float],
    labels: np.ndarray,
    scores: np.ndarray,
    groups: Sequence[Hashable],
    *,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Bootstrap a figure over whole groups, since samples of one source are not independent.

    Args:
        figure: maps labels and scores to a number; nan where it is undefined.
        labels: (n,) labels.
        scores: (n,) scores.
        groups: (n,) the source of each sample; drawn with replacement, all samples of a group together.
        draws: number of resamples; those for which the figure is undefined are left out.
        seed: of the draws.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    members: dict[Hashable, list[int]] = {}
    for position, group in enumerate(groups):
        members.setdefault(group, []).append(position)
    blocks = [np.asarray(rows) for rows in members.values()]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        rows = np.concatenate([blocks[i] for i in rng.integers(len(blocks), size=len(blocks))])
        values.append(figure(labels[rows], scores[rows]))
    low, high = np.nanpercentile(values, (2.5, 97.5)) if np.isfinite(values).any() else (np.nan, np.nan)
    return Interval(figure(labels, scores), float(low), float(high))
