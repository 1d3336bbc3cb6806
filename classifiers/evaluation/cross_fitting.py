"""How good the calibration of a model could be: each half of the clips is judged by what was fitted on the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from classifiers.calibration import Calibration
from classifiers.datasets import Sample
from classifiers.evaluation.calibration_fitting import calibration_of
from classifiers.evaluation.metrics import (
    Interval,
    balanced_weights,
    bootstrap_interval,
    expected_calibration_error,
)
from classifiers.evaluation.predictions import Predictions
from classifiers.evaluation.scored import Level, Scored, bootstrap_groups


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """Clips and stills in two halves, each of which has real ones and fakes.

    Attributes:
        apart: what no two halves share: "source", or "clip" for persons and clips.
        second: whether each clip, told by its group and its class, is in the second half.
    """

    apart: Literal["source", "clip"]
    second: dict[tuple[str, bool], bool]

    def in_second(self, samples: Sequence[Sample]) -> npt.NDArray[np.bool_]:
        """Tell which samples are in the second half, bool (n,)."""
        return np.array([self.second[sample.group, sample.fake] for sample in samples], bool)


def halve(samples: Sequence[Sample]) -> Halves | None:
    """Split clips and stills in two halves that share no source, or no person and no clip where that cannot be.

    The halves are as equal as whole groups allow, real ones and fakes each for themselves. The same samples in the same
    order are always split alike.

    Args:
        samples: any number of each clip.

    Returns:
        The halves; None where no such split leaves real ones and fakes in both.
    """
    clips = list({(sample.group, sample.fake): sample for sample in samples}.values())
    own = [sample.person or sample.group for sample in clips]
    by_source = [sample.source or group for sample, group in zip(clips, own, strict=True)]
    ways: tuple[tuple[Literal["source", "clip"], list[str]], ...] = (("source", by_source), ("clip", own))
    for apart, groups in ways:
        second = _split(groups, [sample.fake for sample in clips])
        sides = {(sample.fake, side) for sample, side in zip(clips, second, strict=True)}
        if len(sides) == 4:
            return Halves(apart, {(s.group, s.fake): side for s, side in zip(clips, second, strict=True)})
    return None


def cross_fitted_ece(
    predictions: Predictions,
    score: Callable[[Calibration], Sequence[Scored]],
    halves: Halves,
    draws: int = 1000,
) -> dict[Level, Interval]:
    """Measure the expected calibration error that Platt scaling on clips of this kind leaves.

    Every clip is scored by the calibration that was fitted on the other half; real ones and fakes weigh alike.

    Args:
        predictions: the logits that calibrations are fitted to.
        score: scores everything by a calibration.
        halves: of the clips.
        draws: resamples for the intervals; 0 for none.

    Returns:
        The error at each level.
    """
    second = halves.in_second(predictions.samples)
    fitted = [calibration_of(predictions.part(np.flatnonzero(second == half))) for half in (True, False)]
    found = {}
    for by_second, by_first in zip(*map(score, fitted), strict=True):
        rows = halves.in_second(by_first.samples)
        chances = np.where(rows, by_first.scores[:, 0], by_second.scores[:, 0])
        _, groups = bootstrap_groups(by_first.samples)
        found[by_first.level] = bootstrap_interval(_balanced_error, by_first.labels, chances, groups, draws=draws)
    return found


def _balanced_error(labels: npt.NDArray[np.bool_], chances: npt.NDArray[np.floating]) -> float:
    return expected_calibration_error(labels, chances, balanced_weights(labels))


def _split(groups: Sequence[str], fake: Sequence[bool]) -> list[bool]:
    """Put each group where it leaves the halves most alike, large ones first; true is the second half, bool (n,)."""
    counts = Counter(zip(groups, fake, strict=True))
    sizes = {group: np.array([counts[group, False], counts[group, True]]) for group in dict.fromkeys(groups)}
    balance = np.zeros(2)
    second = {}
    for group in sorted(sizes, key=lambda group: -sizes[group].sum()):
        second[group] = bool(np.abs(balance + sizes[group]).sum() > np.abs(balance - sizes[group]).sum())
        balance += -sizes[group] if second[group] else sizes[group]
    return [second[group] for group in groups]
