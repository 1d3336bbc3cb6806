"""Figures of merit of scores against labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.evaluation.metrics import Interval, bootstrap_interval, roc_auc

REAL, FAKE = False, True


@pytest.mark.parametrize(
    "labels, scores, expected",
    [
        ([REAL, REAL, FAKE, FAKE], [0.1, 0.2, 0.3, 0.4], 1.0),
        ([REAL, REAL, FAKE, FAKE], [0.4, 0.3, 0.2, 0.1], 0.0),
        # Of the four pairs one is in the wrong order.
        ([REAL, FAKE, REAL, FAKE], [0.1, 0.2, 0.3, 0.4], 0.75),
        ([REAL, FAKE], [0.5, 0.5], 0.5),
        # Two pairs right, one tied, one wrong.
        ([REAL, FAKE, REAL, FAKE], [0.2, 0.2, 0.3, 0.9], 0.625),
        ([REAL, FAKE, FAKE], [-5, 100, -7], 0.5),
    ],
)
def test_roc_auc_by_hand(labels, scores, expected):
    assert roc_auc(np.array(labels), np.array(scores)) == pytest.approx(expected)


clips = st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=20)


@given(clips)
def test_roc_auc_is_the_share_of_pairs_in_the_right_order(rows):
    labels, scores = np.array([label for label, _ in rows]), np.array([score for _, score in rows], float)
    pairs = [(fake > real) + 0.5 * (fake == real) for fake in scores[labels] for real in scores[~labels]]
    expected = np.mean(pairs) if pairs else math.nan
    assert roc_auc(labels, scores) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("labels", [[], [REAL, REAL], [FAKE]])
def test_roc_auc_of_one_class_is_undefined(labels):
    assert math.isnan(roc_auc(np.array(labels, bool), np.zeros(len(labels))))


def noisy_clips(sources: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Two clips of each source; the scores of a source share most of their error."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(sources) % 2 == 1, 2)
    error = np.repeat(rng.normal(0, 1, sources), 2)
    return labels, labels + error, [f"source {number // 2}" for number in range(2 * sources)]


def test_interval_holds_the_value():
    labels, scores, sources = noisy_clips(40)
    interval = bootstrap_interval(roc_auc, labels, scores, sources, draws=400)
    assert interval.value == roc_auc(labels, scores)
    assert 0 <= interval.low < interval.value < interval.high <= 1


def test_interval_covers_the_truth_about_as_often_as_it_says():
    def mean(labels: np.ndarray, scores: np.ndarray) -> float:
        return float(scores.mean())

    covered = 0
    for seed in range(60):
        labels, scores, sources = noisy_clips(40, seed)
        interval = bootstrap_interval(mean, labels, scores, sources, draws=200)
        covered += interval.low <= 0.5 <= interval.high
    # As if clips of one source were independent, it would be about 50.
    assert covered >= 54


def test_more_sources_narrow_the_interval():
    few, many = [bootstrap_interval(roc_auc, *noisy_clips(sources), draws=300) for sources in (20, 320)]
    assert many.high - many.low < 0.5 * (few.high - few.low)


def test_sources_are_drawn_whole():
    sources = ["a", "b", "b", "c", "c", "c"]
    sizes = {0.0: 1, 1.0: 2, 2.0: 3}
    scores = np.array([0.0, 1, 1, 2, 2, 2])
    seen = []

    def figure(labels: np.ndarray, drawn: np.ndarray) -> float:
        counts = {score: int((drawn == score).sum()) for score in sizes}
        assert all(count % sizes[score] == 0 for score, count in counts.items())
        assert sum(count // sizes[score] for score, count in counts.items()) == len(sizes)
        seen.append(tuple(counts.values()))
        return 0.0

    bootstrap_interval(figure, np.zeros(6), scores, sources, draws=200)
    assert len(set(seen)) > 5


def test_interval_is_the_same_for_the_same_seed():
    data = noisy_clips(20)
    assert bootstrap_interval(roc_auc, *data, draws=50) == bootstrap_interval(roc_auc, *data, draws=50)
    assert bootstrap_interval(roc_auc, *data, draws=50) != bootstrap_interval(roc_auc, *data, draws=50, seed=1)


def test_draws_without_a_figure_are_left_out():
    interval = bootstrap_interval(roc_auc, np.array([REAL, FAKE]), np.array([0.1, 0.9]), ["a", "b"], draws=100)
    assert interval == Interval(1.0, 1.0, 1.0)


def test_figure_that_is_never_defined_has_no_interval():
    interval = bootstrap_interval(roc_auc, np.array([REAL, REAL]), np.array([0.1, 0.9]), ["a", "b"], draws=10)
    assert math.isnan(interval.value) and math.isnan(interval.low) and math.isnan(interval.high)


def test_interval_reads_as_it_is_quoted():
    assert str(Interval(0.12345, 0.1, 0.9)) == "0.123 [0.100, 0.900]"
