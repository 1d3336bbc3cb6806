"""Fits the calibration of a model, and chooses the thresholds of its verdicts, on clips whose truth is known.

`classifiers.calibration` is what comes of it: how logits become scores.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from classifiers.calibration import METHODS, NEVER, UNCALIBRATED, Calibration, Calibrator, Thresholds, log_odds_sum
from classifiers.datasets import GENERATED_FAMILIES, DataError, Sample
from classifiers.evaluation.predictions import Predictions
from classifiers.model_set import ModelSet
from classifiers.model_spec import ModelSpec

log = logging.getLogger(__name__)

Judge = TypeVar("Judge", ModelSpec, ModelSet)
"""What has scores to calibrate: a model, or several together."""

MISSED_SHARE = 0.10
"""Share of the forgeries that may be called likely real."""

# Thresholds closer than this are moved apart: between them a verdict is inconclusive.
_NARROWEST_BAND = 0.02
# Scores stand in results with four digits.
_STEP = 1e-4


def calibrate(spec: Judge, predictions: Predictions, method: str = "platt", fpr: float = 0.05) -> Judge:
    """Fit the calibration and the thresholds of a model, or of several, on clips that it was not trained on.

    The mean logits of each clip are what is fitted. Real and forged clips weigh alike in all, and so do both kinds
    of forgery, manipulated and generated. An output whose kind of forgery the clips do not hold cannot be
    calibrated: it gets odds so low that it takes no part in the score. Forgeries of unknown kind are a kind of their
    own that neither output answers for: they count for the score and the thresholds. If no other forgeries are there,
    both outputs stay as the network gives them.

    `likely_fake` is reached by at most the share `fpr` of the real clips, and `likely_real` is undercut by at most
    `MISSED_SHARE` of the forged ones. Where these two would cross, because the clips hardly overlap, they change
    places: both promises still hold, and the scores between them, where there were next to no clips, are
    inconclusive.

    Args:
        spec: the model, or a set of them.
        predictions: its logits, of real and forged clips or stills.
        method: one of `classifiers.calibration.METHODS`.
        fpr: wanted share of real clips at or above `likely_fake`.

    Returns:
        The same model with another calibration and other thresholds.

    Raises:
        DataError: there are no clips, none are real or none are forged.
        ValueError: no such method, or a share that is none.
    """
    if not 0 < fpr < 1:
        raise ValueError(f"a false positive rate lies between 0 and 1, not at {fpr}")
    logits, kinds = _clips(predictions)
    calibration = _fit_clips(logits, kinds, method)
    scores = np.array([calibration.scores(*row).fake for row in logits])
    thresholds = _thresholds(scores, kinds, fpr)
    calibration = replace(calibration, fitted_on=_fitted_on(kinds, method))
    return with_calibration(spec, calibration, thresholds)


def calibration_of(predictions: Predictions, method: str = "platt") -> Calibration:
    """Fit a calibration alone, as `calibrate` does; the errors are the same."""
    return _fit_clips(*_clips(predictions), method)


def fit_calibration(
    logits: npt.NDArray[np.floating[Any]],
    kinds: npt.NDArray[Any],
    reals: Sequence[str],
    manipulated: Sequence[str],
    generated: Sequence[str],
    method: str = "platt",
    unknown: Sequence[str] = (),
) -> Calibration:
    """Fit the calibrators of both outputs and of what they say together.

    Real and forged clips weigh alike, and so do the kinds within each.

    Args:
        logits: (n, 2) of each clip.
        kinds: (n,) of text, what each clip is.
        reals: the kinds that are real.
        manipulated: those that the first output should find.
        generated: those that the second one should.
        method: one of `classifiers.calibration.METHODS`; "temperature" scales each output and fits a line for both.
        unknown: those that are forged, but not known how; both outputs together should find them.

    Raises:
        ValueError: no such method.
    """
    if method not in METHODS:
        raise ValueError(f"no calibration method is called {method!r}; there are {', '.join(METHODS)}")

    def fit(x: np.ndarray, fakes: Sequence[str], method: str) -> Calibrator:
        chosen = np.isin(kinds, (*reals, *fakes))
        fake = np.isin(kinds[chosen], fakes)
        if not fake.any():
            return NEVER
        return METHODS[method](x[chosen], fake, balanced_kind_weights(kinds[chosen], fake))

    forged = (*manipulated, *generated)
    # A network of one output, as most published ones are, tells forgeries of any kind by it.
    if not np.ptp(logits[:, 1]):
        manipulated, generated = forged, ()
    elif not np.ptp(logits[:, 0]):
        manipulated, generated = (), forged
    if np.isin(kinds, (*manipulated, *generated)).any():
        first, second = fit(logits[:, 0], manipulated, method), fit(logits[:, 1], generated, method)
    else:
        first, second = UNCALIBRATED.manipulated, UNCALIBRATED.generated
    summed = np.array([log_odds_sum(first.logit(m), second.logit(g)) for m, g in logits])
    # Odds of 1 to 1 by both outputs sum up to 2 to 1: a temperature alone could not bring them back.
    joint = fit(summed, (*manipulated, *generated, *unknown), "platt" if method == "temperature" else method)
    return replace(UNCALIBRATED, manipulated=first, generated=second, joint=joint)


def kind_weights(kinds: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Weights that let every kind count alike, however many clips of it there are."""
    return np.array([1 / (kinds == kind).sum() for kind in kinds])


def balanced_kind_weights(kinds: npt.NDArray[Any], fake: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Weights that let real and forged clips count alike, and so every kind within each."""
    weights = kind_weights(kinds)
    return np.where(fake, weights / weights[fake].sum(), weights / weights[~fake].sum())


def choose_thresholds(
    reals: np.ndarray, fakes: np.ndarray, weights: np.ndarray, fpr: float, miss: float = MISSED_SHARE
) -> tuple[float, float]:
    """Choose where scores become verdicts; see `calibrate` for what happens where the two would cross.

    Args:
        reals: scores of real clips.
        fakes: scores of forged clips.
        weights: of the forged clips.
        fpr: largest share of the reals at or above `likely_fake`.
        miss: largest share of the fakes, by weight, at or below `likely_real`.

    Returns:
        `likely_fake` and `likely_real`, of four digits; the first is higher.
    """
    likely_fake, likely_real = _threshold_at_fpr(reals, fpr), _threshold_at_miss(fakes, weights, miss)
    if likely_real >= likely_fake:
        log.warning("real and forged clips hardly overlap: the scores between them are inconclusive")
        likely_fake, likely_real = likely_real, likely_fake
    if likely_fake - likely_real < _NARROWEST_BAND:
        # Rounded before both ends are: these could move towards each other.
        middle = round(min(max((likely_fake + likely_real) / 2, _NARROWEST_BAND / 2), 1 - _NARROWEST_BAND / 2), 4)
        likely_fake, likely_real = round(middle + _NARROWEST_BAND / 2, 4), round(middle - _NARROWEST_BAND / 2, 4)
    return likely_fake, likely_real


def with_calibration(spec: Judge, calibration: Calibration, thresholds: Thresholds) -> Judge:
    """Give a model another calibration, whose id changes whenever the numbers do.

    How far its int8 files agree with the others was measured in scores, and is not known any more.
    """
    calibration = replace(calibration, id="")
    numbers = json.dumps([repr(calibration), repr(thresholds), spec.sha256])
    calibration = replace(calibration, id=hashlib.sha256(numbers.encode()).hexdigest()[:12])
    fitted = replace(spec, calibration=calibration, thresholds=thresholds)
    return replace(fitted, agreement=None) if isinstance(fitted, ModelSpec) else fitted


def kind_of(sample: Sample) -> str:
    """Say what a sample is for a calibration: "real", "manipulated", "generated", or "unknown" if forged somehow."""
    if not sample.fake:
        return "real"
    if not sample.family:
        return "unknown"
    return "generated" if sample.family in GENERATED_FAMILIES else "manipulated"


def _clips(predictions: Predictions) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    """Give the mean logits of each clip, (n, 2), and what it is, (n,) of text."""
    clips = predictions.groups()
    if not clips:
        raise DataError("there is nothing to calibrate on: no clip gave a score")
    logits = np.array([predictions.logits[rows].mean(axis=0) for rows in clips], dtype=float)
    kinds = np.array([kind_of(predictions.samples[rows[0]]) for rows in clips], dtype=object)
    real = kinds == "real"
    if not real.any() or real.all():
        missing = "forged" if real.any() else "real"
        raise DataError(f"a calibration needs real and forged clips, and none of these {len(clips)} are {missing}")
    return logits, kinds


def _fit_clips(logits: npt.NDArray[np.float64], kinds: npt.NDArray[Any], method: str) -> Calibration:
    return fit_calibration(logits, kinds, ("real",), ("manipulated",), ("generated",), method, ("unknown",))


def _thresholds(scores: np.ndarray, kinds: np.ndarray, fpr: float) -> Thresholds:
    real = kinds == "real"
    reals, fakes, weights = scores[real], scores[~real], kind_weights(kinds[~real])
    if fpr * len(reals) < 1:
        log.warning("%d real clips are too few to show a false positive rate of %.3g", len(reals), fpr)
    likely_fake, likely_real = choose_thresholds(reals, fakes, weights, fpr)
    called_fake = np.mean(np.round(reals, 4) >= likely_fake)
    called_real = np.sum(weights[np.round(fakes, 4) <= likely_real]) / np.sum(weights)
    return Thresholds(
        likely_fake,
        likely_real,
        f"likely_fake: reached by {called_fake:.1%} of {len(reals)} real clips (at most {fpr:.1%} wanted); "
        f"likely_real: not exceeded by {called_real:.1%} of {len(fakes)} forged clips (at most {MISSED_SHARE:.0%} "
        "wanted), all kinds of forgery weighing alike; of each clip one person counts, by the mean of the logits",
    )


def _threshold_at_fpr(reals: np.ndarray, fpr: float) -> float:
    """Give the lowest threshold, of four digits and at most 1, that at most the share `fpr` of the reals reaches."""
    ordered = np.sort(np.round(reals, 4))
    highest_below = ordered[max(len(ordered) - 1 - int(fpr * len(ordered) + 1e-9), 0)]
    return min(round(float(highest_below) + _STEP, 4), 1.0)


def _threshold_at_miss(fakes: np.ndarray, weights: np.ndarray, share: float) -> float:
    """Give the highest threshold, of four digits and at least 0, that at most a share of the fakes' weight undercuts.

    What is at the threshold is below it too.
    """
    order = np.argsort(fakes, kind="stable")
    below = np.cumsum(weights[order]) / np.sum(weights)
    lowest_above = np.round(fakes, 4)[order][np.searchsorted(below, share + 1e-9, side="right")]
    return max(round(float(lowest_above) - _STEP, 4), 0.0)


def _fitted_on(kinds: np.ndarray, method: str) -> str:
    counts = {kind: int((kinds == kind).sum()) for kind in ("real", "manipulated", "generated", "unknown")}
    text = f"{counts['real']} real, {counts['manipulated']} manipulated and {counts['generated']} generated clips or "
    text += "stills"
    if counts["unknown"]:
        text += f" and {counts['unknown']} forged in an unknown way"
    text += f", method {method}; a forgery is taken to be as likely as none"
    present = [kind for kind in ("manipulated", "generated", "unknown") if counts[kind]]
    if len(present) > 1:
        text += ", and every kind of forgery as likely as the others"
    if present == ["unknown"]:
        return f"{text}; no kind of forgery was known, so that only the score of both outputs together is calibrated"
    for kind in ("manipulated", "generated"):
        if not counts[kind]:
            text += f"; none was {kind}, so that output is not calibrated and takes no part in the score"
    return text
