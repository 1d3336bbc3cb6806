"""Several models weigh as one what each says alone."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers import ModelError, ModelSpec, find_model
from classifiers.calibration import NEVER, UNCALIBRATED, UNDECIDED, Platt
from classifiers.evaluation.stacking import stacking_weights
from classifiers.model_set import ModelSet, find_models, write_set

FIRST, SECOND = find_model("mobilenet_v2"), find_model("vgg16")
RAW = replace(FIRST, name="raw", calibration=UNCALIBRATED, thresholds=UNDECIDED)


def of_one_output(model: ModelSpec) -> ModelSpec:
    return replace(model, name="one output", calibration=replace(model.calibration, generated=NEVER))


logits = st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), min_size=2, max_size=2).map(np.array)


@given(logits)
def test_the_joint_log_odds_are_the_mean_of_calibrated_ones(rows):
    joint = ModelSet.mean([FIRST, SECOND]).joint_logits(rows)
    wanted = [
        [m.calibration.manipulated.logit(row[0]), m.calibration.generated.logit(row[1])]
        for m, row in zip((FIRST, SECOND), rows.tolist(), strict=True)
    ]
    np.testing.assert_allclose(joint, np.mean(wanted, axis=0), rtol=1e-5, atol=1e-5)


@given(logits)
def test_one_calibrated_model_among_raw_ones_decides_alone(rows):
    models = ModelSet.mean([RAW, SECOND])
    joint = models.calibration.scores(*models.joint_logits(rows).tolist())
    alone = SECOND.calibration.scores(*rows[1].tolist())
    assert joint.fake == pytest.approx(alone.fake, abs=1e-4)
    assert models.thresholds == SECOND.thresholds and models.calibration.is_fitted


def test_raw_models_alone_rank_and_decide_nothing():
    models = ModelSet.mean([RAW, replace(RAW, name="another")])
    np.testing.assert_allclose(models.joint_logits(np.array([[1, 2], [3, 6]])), [2, 4])
    assert not models.calibration.is_fitted and not models.thresholds.decides


def test_an_output_counts_for_those_that_have_it():
    models = ModelSet.mean([FIRST, of_one_output(SECOND)])
    assert models.weights == ((0.5, 1.0), (0.5, 0.0))


def test_limits_are_the_means_in_log_odds():
    models = ModelSet.mean([FIRST, SECOND])
    odds = [math.log(m.thresholds.likely_fake / (1 - m.thresholds.likely_fake)) for m in models.members]
    assert models.thresholds.likely_fake == pytest.approx(1 / (1 + math.exp(-sum(odds) / 2)), abs=1e-4)
    assert not models.calibration.is_fitted, "nobody has measured the mean"


def test_a_model_is_named_once():
    with pytest.raises(ModelError, match="model 'mobilenet_v2' is named twice"):
        find_models(["mobilenet_v2", "fast"])


def test_one_name_is_one_model():
    assert find_models(["vgg16"]) == SECOND and find_models([]) == find_model()


@pytest.fixture
def fitted() -> ModelSet:
    calibration = replace(UNCALIBRATED, id="fitted", joint=Platt(2.0, -1.0))
    return replace(
        ModelSet.mean([FIRST, SECOND]),
        weights=((0.25, 1.0), (0.75, 0.0)),
        calibration=calibration,
        thresholds=FIRST.thresholds,
    )


def test_a_set_is_read_back_as_it_was_written(fitted, tmp_path):
    write_set(tmp_path / "set.json", fitted)
    assert find_models([str(tmp_path / "set.json")]) == fitted


@pytest.mark.parametrize("field", ["weights_sha256", "calibration_id"])
def test_a_set_whose_model_has_changed(fitted, tmp_path, field):
    document = fitted.to_json()
    document["members"][1][field] = "0" * 12
    (tmp_path / "set.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match=r"model 'vgg16' has changed since .*set\.json was fitted; calibrate them"):
        find_models([str(tmp_path / "set.json")])


@pytest.mark.parametrize(
    "change",
    [{"members": []}, {"members": None}, {"calibration": {}}, {"thresholds": None}, {"members": [{"model": "vgg16"}]}],
    ids=str,
)
def test_what_is_no_set(fitted, tmp_path, change):
    path: Path = tmp_path / "set.json"
    path.write_text(json.dumps(fitted.to_json() | change))
    with pytest.raises(ModelError, match="is not a set of models"):
        find_models([str(path)])


def clips(useful: int, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Clips of which one model of three knows the truth, in both outputs."""
    generator = np.random.default_rng(useful)
    kinds = np.array(["real", "manipulated", "generated", "real"] * (count // 4), dtype=object)
    log_odds = generator.normal(0, 2, (count, 3, 2))
    for output, kind in enumerate(("manipulated", "generated")):
        log_odds[:, useful, output] += np.where(kinds == kind, 3, -3)
    return log_odds, kinds


@pytest.mark.parametrize("useful", [0, 1, 2])
def test_the_model_that_knows_counts_most(useful):
    weights = np.array(stacking_weights(*clips(useful)))
    others = np.delete(weights, useful, axis=0)
    assert (weights >= 0).all() and (weights[useful] > 5 * others.max(axis=0)).all()


def test_a_model_that_says_the_opposite_counts_for_nothing():
    log_odds, kinds = clips(0)
    log_odds[:, 1] = -log_odds[:, 0]
    weights = np.array(stacking_weights(log_odds, kinds))
    assert (weights[1] < 1e-6).all() and (weights[0] > 0.1).all()


def test_a_silent_output_counts_for_nothing():
    log_odds, kinds = clips(0)
    log_odds[:, 2, 1] = -30
    assert stacking_weights(log_odds, kinds)[2][1] == 0


def test_without_clips_of_a_kind_all_that_know_it_count_alike():
    log_odds, kinds = clips(0)
    log_odds[:, 2, 1] = -30
    keep = kinds != "generated"
    found = stacking_weights(log_odds[keep], kinds[keep])
    assert [row[1] for row in found] == [0.5, 0.5, 0.0]
