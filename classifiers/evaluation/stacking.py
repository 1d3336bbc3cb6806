"""Fits how much each of several models counts for their joint verdict: logistic stacking (Wolpert 1992)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.evaluation.calibration_fitting import balanced_kind_weights, kind_of
from classifiers.evaluation.predictions import Predictions

# Keeps weights finite where clips are told apart without an error; next to nothing otherwise.
_RIDGE = 0.01


def stacking_weights(
    log_odds: npt.NDArray[np.floating[Any]], kinds: npt.NDArray[Any]
) -> tuple[tuple[float, float], ...]:
    """Fit the weights of several models by maximum likelihood, none below 0.

    Real and forged clips count alike. Where there are no clips of a kind of forgery, all models that know it count
    alike.

    Args:
        log_odds: (clips, models, 2), calibrated, for manipulated and for generated.
        kinds: (clips,) of text: "real", "manipulated", "generated" or "unknown".

    Returns:
        For each model its weights for manipulated and for generated.
    """
    columns = [_column(log_odds[..., 0], kinds, "manipulated"), _column(log_odds[..., 1], kinds, "generated")]
    return tuple((float(first), float(second)) for first, second in zip(*columns, strict=True))


def clip_log_odds(
    predictions: Predictions, log_odds: npt.NDArray[np.floating[Any]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    """Average what models say of crops over each clip.

    Args:
        predictions: tells which crops are of one clip.
        log_odds: (crops, models, 2).

    Returns:
        float64 (clips, models, 2), and the kind of each clip, (clips,) of text.
    """
    clips = predictions.groups()
    kinds = np.array([kind_of(predictions.samples[rows[0]]) for rows in clips], dtype=object)
    return np.array([log_odds[rows].mean(axis=0) for rows in clips], np.float64), kinds


def _column(x: npt.NDArray[np.floating[Any]], kinds: npt.NDArray[Any], forged: str) -> npt.NDArray[np.float64]:
    from scipy.optimize import minimize

    speaks = np.ptp(x, axis=0) > 0
    if not speaks.any():
        return np.zeros(x.shape[1])
    chosen = np.isin(kinds, ("real", forged))
    fake = kinds[chosen] == forged
    if not fake.any() or fake.all():
        return speaks / speaks.sum()
    known = x[chosen][:, speaks]
    spread = known.std(axis=0)
    spread[spread == 0] = 1.0
    scaled = (known - known.mean(axis=0)) / spread
    weights = balanced_kind_weights(kinds[chosen], fake)
    weights = weights / weights.sum()

    def loss(parameters: npt.NDArray[np.float64]) -> float:
        logits = scaled @ parameters[:-1] + parameters[-1]
        likelihood = np.sum(weights * (np.logaddexp(0, logits) - fake * logits))
        return float(likelihood + _RIDGE * np.sum(parameters[:-1] ** 2))

    models = scaled.shape[1]
    start = np.r_[np.full(models, 0.1), 0.0]
    found = minimize(loss, start, method="L-BFGS-B", bounds=[(0, None)] * models + [(None, None)]).x
    column = np.zeros(x.shape[1])
    column[speaks] = found[:-1] / spread
    return column
