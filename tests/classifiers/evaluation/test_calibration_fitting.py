"""The calibration and the thresholds that are fitted on clips whose truth is known."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from classifiers import find_model
from classifiers.calibration import METHODS, NEVER, UNCALIBRATED, Thresholds
from classifiers.datasets import DataError
from classifiers.evaluation.calibration_fitting import calibrate, choose_thresholds, kind_weights
from classifiers.evaluation.predictions import Predictions
from tests.bright_faces import sample

SPEC = replace(find_model(), calibration=UNCALIBRATED, thresholds=Thresholds(0.7, 0.3, "made up"))


def clips(reals: int, manipulated: int, generated: int, apart: float = 2.0, seed: int = 0) -> Predictions:
    """Three crops of each clip; forgeries stand `apart` in their own output."""
    rng = np.random.default_rng(seed)
    samples, logits = [], []
    for kind, count, family, shift in (
        ("real", reals, "", (0, 0)),
        ("swap", manipulated, "faceswap", (apart, 0)),
        ("generated", generated, "gan", (0, apart)),
    ):
        for number in range(count):
            middle = rng.normal(0, 1, 2) + shift
            for crop in range(3):
                samples.append(sample(f"{kind}{number}-{crop}", kind != "real", family=family, clip=f"{kind}{number}"))
                logits.append(middle + rng.normal(0, 0.2, 2))
    return Predictions(samples, np.float32(logits))


def scores_of(spec, predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    rows = predictions.groups()
    means = [predictions.logits[r].astype(float).mean(axis=0) for r in rows]
    scores = np.array([spec.calibration.scores(*row).fake for row in means])
    return np.array([predictions.samples[r[0]].fake for r in rows]), scores


@pytest.mark.parametrize("method", METHODS)
def test_thresholds_keep_what_they_promise(method):
    predictions = clips(400, 100, 50)
    spec = calibrate(SPEC, predictions, method, fpr=0.05)
    fake, scores = scores_of(spec, predictions)
    scores = scores.round(4)
    thresholds = spec.thresholds
    assert (scores[~fake] >= thresholds.likely_fake).mean() <= 0.05
    assert (scores[fake] >= thresholds.likely_fake).mean() > 0.3
    assert (scores[fake] <= thresholds.likely_real).mean() < 0.15
    assert 0 < thresholds.likely_real < thresholds.likely_fake < 1
    assert "400 real clips (at most 5.0% wanted)" in thresholds.operating_point
    assert "400 real, 100 manipulated and 50 generated" in spec.calibration.fitted_on


@pytest.mark.parametrize("method", METHODS)
def test_calibrated_scores_are_chances_on_clips_of_the_same_kind(method):
    from classifiers.evaluation.metrics import balanced_weights, expected_calibration_error

    spec = calibrate(SPEC, clips(1000, 400, 400, seed=1), method)
    fake, scores = scores_of(spec, clips(1000, 400, 400, seed=2))
    assert expected_calibration_error(fake, scores, balanced_weights(fake)) < 0.07


def test_a_lower_false_positive_rate_takes_a_higher_threshold():
    predictions = clips(400, 100, 100)
    strict, lax = (calibrate(SPEC, predictions, fpr=fpr).thresholds.likely_fake for fpr in (0.01, 0.2))
    assert strict > lax


def test_the_id_changes_with_the_numbers_and_only_with_them():
    predictions = clips(40, 10, 10)
    ids = [calibrate(SPEC, p, fpr=f).calibration.id for p, f in ((predictions, 0.05), (predictions, 0.05))]
    assert ids[0] == ids[1]
    others = [calibrate(SPEC, predictions, fpr=0.3), calibrate(SPEC, clips(40, 10, 10, seed=9))]
    assert len({ids[0], *(spec.calibration.id for spec in others)}) == 3


@pytest.mark.parametrize("kind, unknown", [("manipulated", "generated"), ("generated", "manipulated")])
def test_output_without_forgeries_of_its_kind_takes_no_part_and_says_so(kind, unknown):
    counts = {"manipulated": 0, "generated": 0, kind: 30}
    spec = calibrate(SPEC, clips(60, **counts))
    assert getattr(spec.calibration, unknown) == NEVER
    assert getattr(spec.calibration, kind) != NEVER
    assert f"none was {unknown}, so that output is not calibrated" in spec.calibration.fitted_on
    wild = {"manipulated": (0.3, 50.0), "generated": (50.0, 0.3)}[kind]
    assert spec.calibration.scores(*wild).fake == pytest.approx(spec.calibration.scores(0.3, 0.3).fake)


def without_family(predictions: Predictions, family: str) -> Predictions:
    samples = [replace(s, family="") if s.family == family else s for s in predictions.samples]
    return Predictions(samples, predictions.logits)


def test_forgeries_of_unknown_kind_count_for_the_score_alone():
    known = clips(60, 30, 30)
    spec = calibrate(SPEC, without_family(clips(60, 30, 30, seed=0), "gan"))
    assert spec.calibration.manipulated == calibrate(SPEC, clips(60, 30, 0)).calibration.manipulated
    assert spec.calibration.generated == NEVER
    assert spec.calibration.joint != calibrate(SPEC, known).calibration.joint
    assert "60 real, 30 manipulated and 0 generated clips or stills and 30 forged in an unknown way" in (
        spec.calibration.fitted_on
    )
    assert "60 forged clips" in spec.thresholds.operating_point


@pytest.mark.parametrize("method", METHODS)
def test_outputs_stay_where_no_kind_of_forgery_is_known(method):
    predictions = without_family(clips(60, 30, 0), "faceswap")
    spec = calibrate(SPEC, predictions, method)
    assert (spec.calibration.manipulated, spec.calibration.generated) == (
        UNCALIBRATED.manipulated,
        UNCALIBRATED.generated,
    )
    assert spec.calibration.joint not in (NEVER, UNCALIBRATED.joint)
    assert "no kind of forgery was known" in spec.calibration.fitted_on
    fake, scores = scores_of(spec, predictions)
    assert scores[fake].mean() > 0.5 > scores[~fake].mean()


@pytest.mark.parametrize(
    "counts, missing", [((5, 0, 0), "forged"), ((0, 3, 2), "real"), ((0, 0, 0), "nothing to calibrate on")]
)
def test_one_class_cannot_be_calibrated_on(counts, missing):
    predictions = clips(*counts) if sum(counts) else Predictions([], np.empty((0, 2), np.float32))
    with pytest.raises(DataError, match=missing):
        calibrate(SPEC, predictions)


def test_wrong_options_are_told():
    with pytest.raises(ValueError, match="platt, temperature, isotonic"):
        calibrate(SPEC, clips(3, 3, 3), "beta")
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibrate(SPEC, clips(3, 3, 3), fpr=1.5)


@given(
    st.sampled_from(sorted(METHODS)),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([-5.0, 0.0, 1.0, 50.0]),
    st.sampled_from([0.001, 0.05, 0.5]),
)
def test_tiny_and_separable_data_give_ordered_thresholds(method, reals, manipulated, generated, apart, fpr):
    if not manipulated + generated:
        manipulated = 1
    predictions = clips(reals, manipulated, generated, apart)
    spec = calibrate(SPEC, predictions, method, fpr)
    assert 0 <= spec.thresholds.likely_real < spec.thresholds.likely_fake <= 1
    _, scores = scores_of(spec, predictions)
    assert np.isfinite(scores).all()


shares = st.lists(st.integers(0, 10_000).map(lambda n: n / 10_000), min_size=1, max_size=30)


@given(shares, shares, st.floats(0.01, 0.5))
@example([0.0068], [0.0269], 0.5)
def test_thresholds_leave_a_band_and_keep_both_promises(reals, fakes, fpr):
    reals, fakes = np.array(reals), np.array(fakes)
    likely_fake, likely_real = choose_thresholds(reals, fakes, np.ones(len(fakes)), fpr)
    assert 0 <= likely_real < likely_fake <= 1
    assert likely_fake - likely_real >= 0.02 - 1e-9
    # Where scores are certain there is nothing above or below them.
    if reals.max() < 0.98:
        assert (reals >= likely_fake).mean() <= fpr + 1e-9
    if fakes.min() > 0.02:
        assert (fakes <= likely_real).mean() <= 0.10 + 1e-9


def test_clips_that_do_not_overlap_leave_the_gap_inconclusive_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        likely_fake, likely_real = choose_thresholds(
            np.array([0.1, 0.2, 0.3]), np.array([0.7, 0.8, 0.9]), np.ones(3), 0.05
        )
    assert (likely_fake, likely_real) == (0.6999, 0.3001)
    assert "hardly overlap" in caplog.text


def test_few_real_clips_are_told(caplog):
    with caplog.at_level(logging.WARNING):
        calibrate(SPEC, clips(10, 10, 10), fpr=0.05)
    assert "10 real clips are too few" in caplog.text


def test_kinds_weigh_alike_however_many_there_are():
    weights = kind_weights(np.array(["a", "a", "a", "b"]))
    assert weights[:3].sum() == pytest.approx(weights[3])
