"""Scores that are chances."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.calibration import (
    METHODS,
    NEVER,
    UNCALIBRATED,
    Calibration,
    Calibrator,
    Isotonic,
    Platt,
    Temperature,
    calibrator_from_json,
    fit_isotonic,
    fit_platt,
    fit_temperature,
    sigmoid,
)

logits = st.floats(-1e6, 1e6)
slopes, intercepts = st.floats(0.01, 10), st.floats(-5, 5)
corners = st.lists(st.tuples(st.floats(-50, 50), st.floats(-20, 20)), min_size=1, max_size=6, unique_by=lambda p: p[0])
rising = corners.map(lambda points: zip(sorted(x for x, _ in points), sorted(y for _, y in points), strict=True))
increasing = st.one_of(
    st.builds(Platt, slopes, intercepts),
    st.builds(Temperature, st.floats(0.01, 100)),
    st.builds(Isotonic, rising.map(tuple)),
    st.just(NEVER),
)
calibrations = st.builds(
    Calibration, st.just("id"), st.just("clips"), manipulated=increasing, generated=increasing, joint=increasing
)


def chance(calibrator: Calibrator, x: float) -> float:
    return sigmoid(calibrator.logit(x))


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


@pytest.mark.parametrize("slope, intercept", [(0.7, -1.5), (2.0, 0.5), (0.05, 0.3)])
def test_fit_finds_what_made_the_data(slope, intercept):
    x, fake = simulated(slope, intercept, 40_000)
    fitted = fit_platt(x, fake, np.ones(len(x)))
    assert fitted.slope == pytest.approx(slope, rel=0.1)
    assert fitted.intercept == pytest.approx(intercept, abs=0.1)


def test_fit_does_not_depend_on_the_unit_of_the_numbers():
    x, fake = simulated(0.7, -1.5, 2000)
    fitted, scaled = fit_platt(x, fake), fit_platt(1000 * x + 5000, fake)
    assert scaled.slope == pytest.approx(fitted.slope / 1000, rel=1e-3)
    assert chance(scaled, 1000 * 2.0 + 5000) == pytest.approx(chance(fitted, 2.0), abs=1e-3)


def test_classes_weigh_alike_unless_told_otherwise():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(1, 1, 500), rng.normal(-1, 1, 9500)])
    fake = np.arange(10_000) < 500
    # Half way between the two classes nothing speaks for either.
    assert chance(fit_platt(x, fake), 0) == pytest.approx(0.5, abs=0.03)
    assert chance(fit_platt(x, fake, np.ones(len(x))), 0) == pytest.approx(0.05, abs=0.02)


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
    assert chance(fitted, -2) < 0.5 < chance(fitted, 2)
    assert chance(fitted, -2) > 0.01 and chance(fitted, 2) < 0.99, "four clips prove little"


@pytest.mark.parametrize("x, fake", [([1.0, 1, 1], [True, False, True]), ([1.0, 2, 3], [True] * 3)])
def test_data_that_say_nothing_give_finite_numbers(x, fake):
    fitted = fit_platt(np.array(x), np.array(fake))
    assert math.isfinite(fitted.slope) and math.isfinite(fitted.intercept)


def test_numbers_that_say_the_opposite_give_scores_that_rise_but_say_next_to_nothing():
    x, fake = simulated(-0.6, 1.0, 4000)
    fitted = fit_platt(x, fake)
    assert fitted.slope > 0
    assert chance(fitted, -5) == pytest.approx(chance(fitted, 11), abs=0.05)


@pytest.mark.parametrize("temperature", [0.2, 1.0, 7.0])
def test_temperature_finds_what_made_the_data(temperature):
    rng = np.random.default_rng(0)
    x = rng.normal(0, 2 * temperature, 40_000)
    fake = rng.random(len(x)) < 1 / (1 + np.exp(-x / temperature))
    assert fit_temperature(x, fake, np.ones(len(x))).temperature == pytest.approx(temperature, rel=0.05)


def test_isotonic_follows_what_no_line_can():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 40_000)
    true = np.where(x < 0, 0.2, 0.3 + 0.6 * x)
    fitted = fit_isotonic(x, rng.random(len(x)) < true, np.ones(len(x)))
    for place, expected in ((-0.8, 0.2), (-0.3, 0.2), (0.25, 0.45), (0.75, 0.75)):
        assert chance(fitted, place) == pytest.approx(expected, abs=0.05)


def test_isotonic_is_the_regression_of_scikit_learn():
    from sklearn.isotonic import IsotonicRegression

    x, fake = simulated(0.7, -1.5, 300)
    fitted = fit_isotonic(x, fake, np.ones(len(x)))
    target = np.where(fake, (fake.sum() + 1) / (fake.sum() + 2), 1 / ((~fake).sum() + 2))
    steps = np.unique(IsotonicRegression().fit(x, target).predict(x).round(9))
    ours = [sigmoid(logit) for _, logit in fitted.points]
    np.testing.assert_allclose(np.unique(np.round(ours, 9)), steps, atol=1e-6)


def test_isotonic_takes_equal_numbers_together():
    fitted = fit_isotonic(np.array([0.0, 0, 0, 1, 1, 1]), np.array([True, False, False, True, True, False]))
    assert [x for x, _ in fitted.points] == [0, 1]
    assert chance(fitted, 0) < 0.5 < chance(fitted, 1)


def test_isotonic_is_straight_between_its_points_and_flat_beyond():
    line = Isotonic(((0, -1), (2, 3)))
    assert [line.logit(x) for x in (-9, 0, 0.5, 1, 2, 9)] == [-1, -1, 0, 1, 3, 3]
    assert Isotonic(((4, 2),)).logit(-100) == Isotonic(((4, 2),)).logit(100) == 2


@pytest.mark.parametrize("points", [(), ((0, 1), (0, 2)), ((1, 0), (0, 1)), ((0, 1), (1, 0))])
def test_points_that_do_not_rise_are_refused(points):
    with pytest.raises(ValueError, match="must rise"):
        Isotonic(points)


labelled = st.lists(st.tuples(st.floats(-30, 30), st.booleans()), min_size=1, max_size=30)


@given(st.sampled_from(sorted(METHODS)), labelled, st.floats(-100, 100), st.floats(0, 100))
def test_every_method_gives_finite_chances_that_never_fall(method, clips, x, more):
    fitted = METHODS[method](np.array([x for x, _ in clips]), np.array([fake for _, fake in clips]), None)
    assert math.isfinite(fitted.logit(x))
    assert fitted.logit(x + more) >= fitted.logit(x) - 1e-9


@pytest.mark.parametrize("method", METHODS)
def test_every_method_tells_separable_clips_apart_without_being_certain(method):
    fitted = METHODS[method](np.array([-2.0, -1, 1, 2]), np.array([False, False, True, True]), None)
    assert 0.001 < chance(fitted, -2) < 0.5 < chance(fitted, 2) < 0.999


@given(increasing)
def test_calibrators_come_back_from_a_manifest(calibrator):
    assert calibrator_from_json(json.loads(json.dumps(asdict(calibrator)))) == calibrator


@pytest.mark.parametrize("entry", [{}, {"slope": 1.0}, {"temperature": 0}, {"points": []}, {"slope": 1, "steps": 2}])
def test_what_is_no_calibrator_is_refused(entry):
    with pytest.raises(ValueError):
        calibrator_from_json(entry)


def test_output_that_nothing_is_known_of_takes_no_part():
    alone = Calibration("", "", NEVER, Platt(1, 0), Platt(1, 0))
    assert alone.scores(1000.0, 0.7).fake == pytest.approx(sigmoid(0.7))
    assert alone.scores(1000.0, 0.7).manipulated == pytest.approx(0, abs=1e-9)


def test_uncalibrated_scores_are_the_sigmoids_of_the_logits():
    scores = UNCALIBRATED.scores(0.3, -1.0)
    assert (scores.manipulated, scores.generated) == (sigmoid(0.3), sigmoid(-1.0))
