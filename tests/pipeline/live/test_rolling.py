"""Scores of the last seconds, and labels that do not flicker."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.calibration import UNCALIBRATED, Calibration, Platt, Thresholds
from pipeline.live.rolling import MARGIN, SETTLED_S, WINDOW_S, RollingScore, next_label
from pipeline.results.parts import label_of

THRESHOLDS = Thresholds(0.8, 0.3, "of this test")
CALIBRATION = Calibration("a", "this test", Platt(0.5, 0.3), Platt(0.8, -1.0), Platt(1.2, 0.1))

faces = st.lists(
    st.tuples(st.floats(0.01, 1.0), st.floats(-8, 8), st.floats(-8, 8), st.floats(0.2, 1.0)), min_size=1, max_size=80
)
scores = st.floats(0, 1)


def log_odds(score: float) -> float:
    return float(np.log(score / (1 - score)))


@given(faces)
def test_a_score_is_that_of_a_scan_of_the_last_seconds(steps):
    rolling = RollingScore(CALIBRATION)
    times = list(itertools.accumulate(step[0] for step in steps))
    for time_s, (_, *logits, quality) in zip(times, steps, strict=True):
        rolling.add(time_s, np.array(logits), quality)
    kept = [step for time_s, step in zip(times, steps, strict=True) if time_s >= times[-1] - WINDOW_S]
    span_s = times[-1] - times[-len(kept)]
    if len(kept) < 3 or span_s < SETTLED_S:
        assert rolling.scores() is None
        return
    rows = np.array([step[1:3] for step in kept])
    expected = CALIBRATION.scores(*np.average(rows, axis=0, weights=[step[3] for step in kept]))
    assert rolling.scores().fake == pytest.approx(expected.fake)


def test_poor_faces_are_not_judged():
    rolling = RollingScore(UNCALIBRATED)
    for number in range(20):
        rolling.add(number / 10, np.array([9.0, 9.0]), 0.1)
    assert rolling.scores() is None


def test_a_score_forgets():
    rolling = RollingScore(UNCALIBRATED)
    for number in range(100):
        rolling.add(number / 10, np.array([5.0 if number < 50 else -5.0, -9.0]), 1.0)
    assert rolling.scores().fake < 0.02


@given(st.lists(scores, min_size=1, max_size=60))
def test_a_label_is_that_of_its_score_or_of_one_close_by(run):
    label = None
    for score in run:
        before, label = label, next_label(label, score, THRESHOLDS)
        plain = label_of(score, THRESHOLDS)
        if label == plain:
            continue
        # It was kept: the score has not gone back far enough.
        assert label == before != "inconclusive" and plain == "inconclusive"
        threshold = THRESHOLDS.likely_fake if label == "likely_fake" else THRESHOLDS.likely_real
        assert abs(log_odds(score) - log_odds(threshold)) <= MARGIN + 1e-3


@given(st.sampled_from([0.8, 0.3]), st.lists(st.floats(-MARGIN / 2 + 1e-3, MARGIN / 2 - 1e-3), min_size=2))
def test_what_moves_about_a_threshold_changes_its_label_once(threshold, moves):
    label, labels = None, []
    for move in moves:
        odds = np.exp(log_odds(threshold) + move)
        label = next_label(label, odds / (1 + odds), THRESHOLDS)
        labels.append(label)
    assert sum(a != b for a, b in itertools.pairwise(labels)) <= 1


@given(scores, st.sampled_from([None, "likely_fake", "inconclusive", "likely_real"]))
def test_a_model_without_limits_decides_nothing(score, before):
    undecided = Thresholds(np.inf, -np.inf, "none")
    assert next_label("inconclusive", score, undecided) == "inconclusive"
