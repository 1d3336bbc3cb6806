"""A whole training run, by the function that does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="degrading needs the extra 'train'")
pytest.importorskip("yaml", reason="settings need the extra 'train'")
pytest.importorskip("tensorboard", reason="the journal needs the extra 'train'")

from classifiers import create_engine, find_model
from classifiers.datasets import DataError, PictureReader, Sample, face_shards
from classifiers.datasets.splitting import split_by_group
from classifiers.errors import DivergedError, SettingsError
from classifiers.evaluation.predictions import predict
from classifiers.model_spec import ModelSpec
from classifiers.training.config import TrainingConfig
from classifiers.training.run import train_model
from extractors.align import LANDMARK_TEMPLATE, aligner
from tests.tiny_shards import write_shards

CONFIG = TrainingConfig(architecture="mesonet", input_size=64, steps=2, steps_per_epoch=1, batch_size=4, warmup_steps=1)


def train(folder: Path, samples: Sequence[Sample], **changes: object) -> ModelSpec:
    return train_model(replace(CONFIG, **changes), samples, aligner, LANDMARK_TEMPLATE, folder)


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> list[Sample]:
    return split_by_group(face_shards.samples(write_shards(tmp_path_factory.mktemp("shards"))), by=("clip",))


@pytest.fixture(scope="module")
def run(samples, tmp_path_factory) -> tuple[Path, ModelSpec]:
    folder = tmp_path_factory.mktemp("run") / "new"
    return folder, train(folder, samples)


@pytest.mark.slow
def test_folder_holds_the_model_that_is_returned(run, samples):
    folder, spec = run
    assert find_model(str(folder / "manifest.json")) == spec
    assert (spec.architecture, spec.crop_size, spec.crop_template) == ("mesonet", 64, LANDMARK_TEMPLATE)
    assert TrainingConfig.from_yaml(folder / spec.card) == CONFIG
    assert len((folder / "epochs.csv").read_text().splitlines()) == 1 + 2
    assert not list(folder.glob(".part-*"))
    logits = predict(create_engine("auto", spec), samples[:4], PictureReader(), aligner(64, 64)).logits
    assert logits.shape == (4, 2) and np.isfinite(logits).all()


@pytest.mark.slow
def test_it_is_calibrated_on_the_validation_split_alone(run, samples):
    _, spec = run
    validation = {sample.group: sample.fake for sample in samples if sample.split == "val"}
    reals = sum(not fake for fake in validation.values())
    assert spec.calibration.fitted_on.startswith(f"{reals} real, ") and spec.calibration.id
    assert 0 <= spec.thresholds.likely_real < spec.thresholds.likely_fake <= 1


@pytest.mark.slow
def test_a_finished_run_is_left_as_it_is(run, samples):
    folder, spec = run
    before = {file.name: file.stat().st_mtime_ns for file in folder.glob(f"{spec.architecture}.*")}
    assert before
    assert train(folder, samples, loaders=1) == spec
    assert {file.name: file.stat().st_mtime_ns for file in folder.glob(f"{spec.architecture}.*")} == before


@pytest.mark.slow
def test_a_folder_of_another_run_is_refused(run, samples):
    folder, _ = run
    with pytest.raises(SettingsError, match=r"other settings \(seed 1, not 7\)"):
        train(folder, samples, seed=7)
    fewer = [sample for sample in samples if sample.split == "val"] + [s for s in samples if s.split == "train"][1:]
    with pytest.raises(SettingsError, match="other samples or splits"):
        train(folder, fewer)


def test_samples_that_cannot_be_trained_on_leave_no_folder(samples, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(DataError, match="no landmarks"):
        train(folder, [*samples[:-1], replace(samples[-1], landmarks=None)])
    with pytest.raises(DataError, match=r"five landmarks of .* lie in one point"):
        train(folder, [*samples[:-1], replace(samples[-1], landmarks=np.ones((5, 2), np.float32))])
    with pytest.raises(DataError, match="the split 'val' has no samples"):
        train(folder, [sample for sample in samples if sample.split == "train"])
    assert not folder.exists()


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_the_run(samples, tmp_path):
    with pytest.raises(DivergedError, match="the loss of epoch 1 is not a number; begin anew with a lower"):
        train(tmp_path, samples, steps=4, steps_per_epoch=4, learning_rate=1e30)
