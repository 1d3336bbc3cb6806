"""Scores that are chances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.calibration import Calibration, Platt, fit_platt, sigmoid

logits = st.floats(-1e6, 1e6)
slopes, intercepts = st.floats(0.01, 10), st.floats(-5, 5)
increasing = st.builds(Platt, slopes, intercepts)
calibrations = st.builds(
    Calibration, st.just("id"), st.just("clips"), manipulated=increasing, generated=increasing, joint=increasing
)


@given(logits)
def test_sigmoid_is_a_chance_and_does_not_overflow(x):
    assert 0 <= sigmoid(x) <= 1
    assert sigmoid(x) + sigmoid(-x) == pytest.approx(1)


def test_known_sigmoids():
    assert sigmoid(0) == 0.5
    assert sigmoid(math.log(3)) == pytest.approx(0.75)
    assert (sigmoid(-1000), sigmoid(1000)) == (0, 1)


@given(calibrations, logits, logits)
def test_scores_are_chances(calibration, manipulated, generated):
    scores = calibration.scores(manipulated, generated)
    assert all(0 <= score <= 1 for score in (scores.fake, scores.manipulated, scores.generated))


@given(calibrations, logits, logits, st.floats(0, 100), st.floats(0, 100))
def test_scores_never_fall_as_logits_rise(calibration, manipulated, generated, more, also_more):
    lower = calibration.scores(manipulated, generated)
    higher = calibration.scores(manipulated + more, generated + also_more)
    assert higher.fake >= lower.fake - 1e-12
    assert higher.manipulated >= lower.manipulated - 1e-12
    assert higher.generated >= lower.generated - 1e-12


def test_odds_of_a_fake_are_the_sum_of_the_odds_of_both_kinds_calibrated_again():
    calibration = Calibration("", "", Platt(2, 1), Platt(1, -1), Platt(0.5, 0.25))
    scores = calibration.scores(-0.5 + math.log(3) / 2, 1 + math.log(2))
    # Odds of 3 to 1 and of 2 to 1.
    assert scores.manipulated == pytest.approx(3 / 4)
    assert scores.generated == pytest.approx(2 / 3)
    assert scores.fake == pytest.approx(sigmoid(0.5 * math.log(3 + 2) + 0.25))


def simulated(slope: float, intercept: float, clips: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of clips, and which are fake, where the chance of a fake is just what the calibration says."""
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 4, clips)
    return x, rng.random(clips) < 1 / (1 + np.exp(-(slope * x + intercept)))


@pytest.mark.parametrize("slope, intercept", [(0.7, -1.5), (2.0, 0.5), (0.05, 0.3), (-0.6, 1.0)])
def test_fit_finds_what_made_the_data(slope, intercept):
    x, fake = simulated(slope, intercept, 40_000)
    fitted = fit_platt(x, fake, np.ones(len(x)))
    assert fitted.slope == pytest.approx(slope, rel=0.1)
    assert fitted.intercept == pytest.approx(intercept, abs=0.1)


def test_fit_does_not_depend_on_the_unit_of_the_numbers():
    x, fake = simulated(0.7, -1.5, 2000)
    fitted, scaled = fit_platt(x, fake), fit_platt(1000 * x + 5000, fake)
    assert scaled.slope == pytest.approx(fitted.slope / 1000, rel=1e-3)
    assert scaled.chance(1000 * 2.0 + 5000) == pytest.approx(fitted.chance(2.0), abs=1e-3)


def test_classes_weigh_alike_unless_told_otherwise():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(1, 1, 500), rng.normal(-1, 1, 9500)])
    fake = np.arange(10_000) < 500
    # Half way between the two classes nothing speaks for either.
    assert fit_platt(x, fake).chance(0) == pytest.approx(0.5, abs=0.03)
    assert fit_platt(x, fake, np.ones(len(x))).chance(0) == pytest.approx(0.05, abs=0.02)


def test_weights_count_as_copies():
    x, fake = simulated(0.7, -1.5, 4000)
    weights = np.where(x > 0, 3, 1)
    fitted = fit_platt(x, fake, weights)
    copied = fit_platt(np.repeat(x, weights), np.repeat(fake, weights), np.ones(weights.sum()))
    assert fitted.slope == pytest.approx(copied.slope, rel=0.02)
    assert fitted.intercept == pytest.approx(copied.intercept, abs=0.02)


def test_separable_data_give_finite_numbers_in_the_right_order():
    fitted = fit_platt(np.array([-2.0, -1, 1, 2]), np.array([False, False, True, True]))
    assert 0 < fitted.slope < 10
    assert fitted.chance(-2) < 0.5 < fitted.chance(2)
    assert fitted.chance(-2) > 0.01 and fitted.chance(2) < 0.99, "four clips prove little"


@pytest.mark.parametrize("x, fake", [([1.0, 1, 1], [True, False, True]), ([1.0, 2, 3], [True] * 3)])
def test_data_that_say_nothing_give_finite_numbers(x, fake):
    fitted = fit_platt(np.array(x), np.array(fake))
    assert math.isfinite(fitted.slope) and math.isfinite(fitted.intercept)
