"""What a person scores over the last seconds, and a label that does not flicker."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from classifiers.calibration import Calibration, Scores, Thresholds, sigmoid
from pipeline.analysis.aggregate import MIN_OBSERVATIONS
from pipeline.analysis.stretches import MIN_QUALITY
from pipeline.results.parts import Label, label_of

WINDOW_S = 4.0
"""A score is that of so many seconds: neighbouring frames err alike, so fewer would say little more than one frame."""

SETTLED_S = 1.0
"""A person who has been seen for less is not judged yet."""

MARGIN = 0.5
"""A label stays until the log odds of the score are back by more than this behind the threshold that gave it."""

_LEAST_QUALITY = 1e-3


class RollingScore:
    """Scores the faces of one person within the last `WINDOW_S`, as a scan scores those of a whole track.

    Their logits are averaged, weighted by quality, and the mean is calibrated.

    Args:
        calibration: of the model.
    """

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._faces: deque[tuple[float, float, np.ndarray]] = deque()

    def add(self, time_s: float, logits: np.ndarray, quality: float) -> None:
        """Take in a face that is later than every one before it, and let go of those that are too old.

        Args:
            time_s: when it was seen, in seconds.
            logits: float (2,).
            quality: 0 to 1.
        """
        self._faces.append((time_s, quality, np.asarray(logits, np.float64)))
        while self._faces[0][0] < time_s - WINDOW_S:
            self._faces.popleft()

    def scores(self) -> Scores | None:
        """Give the scores; None while there are too few faces, or too poor ones."""
        if len(self._faces) < MIN_OBSERVATIONS or self._faces[-1][0] - self._faces[0][0] < SETTLED_S:
            return None
        _, quality, logits = zip(*self._faces, strict=True)
        if np.mean(quality) < MIN_QUALITY:
            return None
        weights = np.maximum(quality, _LEAST_QUALITY)
        return self._calibration.scores(*np.average(np.stack(logits), axis=0, weights=weights))


def next_label(label: Label | None, score: float, thresholds: Thresholds) -> Label:
    """Give the label of a score that follows on one with another label.

    A score that crosses a threshold gets the label behind it at once, and keeps it until it is back by `MARGIN`: what
    moves to and fro about a threshold changes its label once.

    Args:
        label: the one before; None for none.
        score: 0 to 1, 1 = fake.
        thresholds: of the model.
    """
    if label == "likely_fake" and score >= _eased(thresholds.likely_fake, -MARGIN):
        return label
    if label == "likely_real" and score <= _eased(thresholds.likely_real, MARGIN):
        return label
    return label_of(score, thresholds)


def _eased(threshold: float, log_odds: float) -> float:
    """Move a threshold by log odds; what no score reaches stays so."""
    if not 0 < threshold < 1:
        return threshold
    return sigmoid(math.log(threshold / (1 - threshold)) + log_odds)
