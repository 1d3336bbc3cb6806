"""Figures of merit of scores against labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from classifiers.evaluation.metrics import (
    ECE_BINS,
    Interval,
    accuracy,
    average_precision,
    balanced_accuracy,
    balanced_weights,
    bootstrap_interval,
    bootstrap_intervals,
    brier_score,
    confusion,
    curve,
    equal_error_rate,
    expected_calibration_error,
    figures,
    log_loss,
    reliability,
    roc_auc,
    tpr_at_fpr,
    wilson_interval,
)

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
    labels, scores = np.array([REAL, FAKE] * 3), np.array([0.1, 0.9] * 3)
    interval = bootstrap_interval(roc_auc, labels, scores, list("abcdef"), draws=200)
    assert interval == Interval(1.0, 1.0, 1.0)


@pytest.mark.parametrize(("fakes", "is_known"), [("aabb", False), ("abcc", True)])
def test_too_few_groups_of_a_class_have_no_interval(fakes, is_known):
    labels = np.array([REAL] * 6 + [FAKE] * 4)
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.3, 0.5, 0.7, 0.9])
    interval = bootstrap_interval(roc_auc, labels, scores, [*"uvwxyz", *fakes], draws=50)
    assert math.isfinite(interval.low) is math.isfinite(interval.high) is is_known
    assert ("[" in str(interval)) is is_known and "nan" not in str(interval)


def test_figure_that_is_never_defined_has_no_interval():
    interval = bootstrap_interval(roc_auc, np.array([REAL, REAL]), np.array([0.1, 0.9]), ["a", "b"], draws=10)
    assert math.isnan(interval.value) and math.isnan(interval.low) and math.isnan(interval.high)


def test_interval_reads_as_it_is_quoted():
    assert str(Interval(0.12345, 0.1, 0.9)) == "0.123 [0.100, 0.900]"


labelled_scores = st.lists(
    st.tuples(st.booleans(), st.one_of(st.integers(0, 8).map(lambda n: n / 8), st.floats(0, 1))),
    min_size=1,
    max_size=40,
)
of_both_classes = labelled_scores.filter(lambda rows: len({label for label, _ in rows}) == 2)


def split(rows) -> tuple[np.ndarray, np.ndarray]:
    return np.array([label for label, _ in rows], bool), np.array([score for _, score in rows], float)


@given(of_both_classes)
def test_rankings_agree_with_scikit_learn(rows):
    labels, scores = split(rows)
    fpr, tpr, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    moving = curve(labels, scores)
    np.testing.assert_allclose(moving.fpr, fpr)
    np.testing.assert_allclose(moving.tpr, tpr)
    assert roc_auc(labels, scores) == pytest.approx(sk.roc_auc_score(labels, scores))
    assert average_precision(labels, scores) == pytest.approx(sk.average_precision_score(labels, scores))
    for limit in (0.01, 0.05, 0.3):
        assert tpr_at_fpr(labels, scores, limit) == pytest.approx(tpr[fpr <= limit].max())


@given(of_both_classes, st.floats(0, 1))
def test_decisions_agree_with_scikit_learn(rows, threshold):
    labels, scores = split(rows)
    called = scores >= threshold
    np.testing.assert_array_equal(confusion(labels, scores, threshold), sk.confusion_matrix(labels, called))
    assert accuracy(labels, scores, threshold) == pytest.approx(sk.accuracy_score(labels, called))
    assert balanced_accuracy(labels, scores, threshold) == pytest.approx(sk.balanced_accuracy_score(labels, called))


@given(of_both_classes, st.booleans())
def test_chances_agree_with_scikit_learn(rows, balanced):
    labels, scores = split(rows)
    weights = balanced_weights(labels) if balanced else None
    drawn_in = np.clip(scores, 1e-7, 1 - 1e-7)
    assert log_loss(labels, scores, weights) == pytest.approx(sk.log_loss(labels, drawn_in, sample_weight=weights))
    assert brier_score(labels, scores, weights) == pytest.approx(
        sk.brier_score_loss(labels, scores, sample_weight=weights)
    )


@given(of_both_classes)
def test_reliability_agrees_with_scikit_learn(rows):
    labels, scores = split(rows)
    # Borders belong to the lower bin there and to the upper one here: keep off them.
    scores = (np.floor(scores * 99) + 0.5) / 100
    frequency, chance = calibration_curve(labels, scores, n_bins=ECE_BINS)
    table = reliability(labels, scores)
    np.testing.assert_allclose(table.frequency[table.weight > 0], frequency)
    np.testing.assert_allclose(table.chance[table.weight > 0], chance)
    assert table.weight.sum() == pytest.approx(1)


@given(of_both_classes)
def test_equal_error_rate_is_where_the_roc_curve_crosses_the_falling_diagonal(rows):
    labels, scores = split(rows)
    rate = equal_error_rate(labels, scores)
    moving = curve(labels, scores)
    # On vertical parts of the curve the share of hits is not unique.
    low = moving.tpr[moving.fpr <= rate + 1e-9].max()
    high = moving.tpr[moving.fpr >= rate - 1e-9].min()
    assert min(low, high) - 1e-9 <= 1 - rate <= max(low, high) + 1e-9
    assert equal_error_rate(~labels, -scores) == pytest.approx(rate)


@pytest.mark.parametrize(
    "labels, scores, expected",
    [
        ([REAL, REAL, FAKE, FAKE], [0.1, 0.2, 0.3, 0.4], 0.0),
        ([REAL, REAL, FAKE, FAKE], [0.3, 0.4, 0.1, 0.2], 1.0),
        ([REAL, FAKE], [0.5, 0.5], 0.5),
        ([REAL, REAL, FAKE, FAKE], [0.1, 0.3, 0.2, 0.4], 0.5),
        ([REAL] * 4 + [FAKE] * 4, [0.1, 0.2, 0.3, 0.6, 0.5, 0.7, 0.8, 0.9], 0.25),
    ],
)
def test_equal_error_rate_by_hand(labels, scores, expected):
    assert equal_error_rate(np.array(labels), np.array(scores)) == pytest.approx(expected)


def test_calibration_error_by_hand():
    labels = np.array([FAKE, REAL, REAL, REAL, FAKE, FAKE])
    # In the bin of 0.2 a quarter is fake, in that of 0.9 all are.
    chances = np.array([0.2, 0.2, 0.2, 0.2, 0.9, 0.9])
    assert expected_calibration_error(labels, chances) == pytest.approx(4 / 6 * 0.05 + 2 / 6 * 0.1)
    # Both classes weighing alike, the lower bin holds 1/6 fake and 3/6 real.
    assert expected_calibration_error(labels, chances, balanced_weights(labels)) == pytest.approx(
        4 / 6 * (0.25 - 0.2) + 2 / 6 * 0.1
    )


def test_scores_that_are_chances_have_next_to_no_calibration_error():
    rng = np.random.default_rng(0)
    chances = rng.random(40_000)
    labels = rng.random(40_000) < chances
    assert expected_calibration_error(labels, chances) < 0.01
    assert expected_calibration_error(labels, chances**3) > 0.1


@given(of_both_classes)
def test_balanced_figures_do_not_depend_on_how_many_there_are_of_a_class(rows):
    labels, scores = split(rows)
    often = np.concatenate([np.repeat(np.flatnonzero(labels), 3), np.flatnonzero(~labels)])
    few, many = figures(labels, scores, 0.5), figures(labels[often], scores[often], 0.5)
    for name in ("log_loss_balanced", "brier_balanced", "ece_balanced", "balanced_accuracy", "auc", "eer"):
        assert many[name] == pytest.approx(few[name]), name


@given(of_both_classes, st.randoms(use_true_random=False))
def test_figures_do_not_depend_on_the_order(rows, random):
    before = figures(*split(rows), 0.5)
    random.shuffle(rows)
    assert figures(*split(rows), 0.5) == pytest.approx(before)


@given(labelled_scores)
def test_figures_are_shares_or_undefined(rows):
    labels, scores = split(rows)
    for name, value in figures(labels, scores, 0.5).items():
        both = len(set(labels.tolist())) == 2
        assert math.isnan(value) or value >= 0, name
        assert math.isnan(value) or value <= 1 + 1e-9 or name.startswith("log_loss"), name
        assert not math.isnan(value) or not both, name


def test_figures_of_nothing_are_undefined():
    assert all(math.isnan(value) for value in figures(np.empty(0, bool), np.empty(0), 0.5).values())


def test_intervals_of_several_figures_are_drawn_from_the_same_resamples():
    def compute(labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
        return {"mean": float(scores.mean()), "twice": 2 * float(scores.mean()), "auc": roc_auc(labels, scores)}

    labels, scores, sources = noisy_clips(20)
    intervals = bootstrap_intervals(compute, labels, scores, sources, draws=50)
    assert intervals["twice"].low == pytest.approx(2 * intervals["mean"].low)
    assert intervals["auc"] == bootstrap_interval(roc_auc, labels, scores, sources, draws=50)


def test_no_draws_give_values_without_intervals():
    interval = bootstrap_interval(roc_auc, np.array([REAL, FAKE]), np.array([0.1, 0.9]), ["a", "b"], draws=0)
    assert interval.value == 1 and math.isnan(interval.low) and math.isnan(interval.high)


@pytest.mark.parametrize(("hits", "count"), [(5, 10), (0, 16), (50, 50), (137, 509)])
def test_interval_of_a_share_is_that_of_scipy(hits, count):
    expected = binomtest(hits, count).proportion_ci(method="wilson")
    assert wilson_interval(hits / count, count) == pytest.approx((expected.low, expected.high), abs=1e-4)
