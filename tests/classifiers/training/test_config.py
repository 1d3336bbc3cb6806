"""Settings of a training run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from classifiers.errors import SettingsError
from classifiers.training.checks import check_config
from classifiers.training.config import TrainingConfig, presets
from extractors.align import LANDMARK_TEMPLATE

pytest.importorskip("yaml", reason="configurations need the extra 'train'")


def test_round_trip(tmp_path):
    config = TrainingConfig(architecture="cnn", steps=400, balance="weights", augment=0.5)
    (tmp_path / "run.yaml").write_text(config.to_yaml())
    assert TrainingConfig.from_yaml(tmp_path / "run.yaml") == config


def test_options_replace_values_of_the_file(tmp_path):
    (tmp_path / "run.yaml").write_text("steps: 400\nlearning_rate: 1e-3\n")
    config = TrainingConfig.from_yaml(tmp_path / "run.yaml", {"steps": 600})
    assert (config.steps, config.learning_rate) == (600, 1e-3)


def test_empty_file_means_the_defaults(tmp_path):
    (tmp_path / "run.yaml").write_text("# nothing yet\n")
    assert TrainingConfig.from_yaml(tmp_path / "run.yaml") == TrainingConfig()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("step: 400", "unknown settings: step"),
        ("steps: many", "steps must be of type int"),
        ("steps: 0", "steps must be at least 1"),
        ("seed: -1", "seed must be a number from 0 up"),
        ("learning_rate: .nan", "learning_rate must be a number from 0 up"),
        ("ema_momentum: 1.5", "ema_momentum must be below 1"),
        ("steps: 500\nsteps_per_epoch: 200", "multiples of steps_per_epoch"),
        ("balance: fair", "balance must be one of none, weights"),
        ("architecture: resnet", "architecture must be one of"),
        ("augment: 2", "augment must lie between 0 and 1"),
        ("architecture: dinov2_small\ndepth_decay: 1.2", "depth_decay must lie between 0 and 1"),
        ("architecture: vgg16\ndepth_decay: 0.8", "vgg16 has no blocks of one kind; leave depth_decay at 1"),
        ("kept_batches: 100", "give both or neither"),
        ("- steps", "must be a mapping"),
        ("steps: [", "cannot read the configuration"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_sentence(tmp_path, text, fault):
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(SettingsError, match=fault) as caught:
        TrainingConfig.from_yaml(tmp_path / "run.yaml")
    assert "\n" not in str(caught.value)


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match=r"missing\.yaml"):
        TrainingConfig.from_yaml(tmp_path / "missing.yaml")


def test_difference_names_what_differs():
    assert TrainingConfig(seed=2).difference(TrainingConfig(seed=3)) == "seed 2, not 3"
    assert TrainingConfig(loaders=2).difference(TrainingConfig(loaders=9)) == ""


@pytest.mark.parametrize("name", presets())
def test_preset_makes_sense_and_is_described(name):
    config = TrainingConfig.from_preset(name)
    check_config(replace(config, start="random" if config.start == "imagenet" else config.start), LANDMARK_TEMPLATE)
    assert presets()[name].endswith(".") and len(presets()[name]) < 130


def test_options_replace_values_of_a_preset():
    preset = TrainingConfig.from_preset("transfer-resnet50")
    changed = TrainingConfig.load(None, {"start": "random", "head_steps": 0}, "transfer-resnet50")
    assert (changed.start, changed.head_steps) == ("random", 0)
    assert replace(changed, start=preset.start, head_steps=preset.head_steps) == preset != TrainingConfig()


def test_preset_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(SettingsError, match=r"no preset is called 'cnn'; choose from: .*tutorial-cnn"):
        TrainingConfig.from_preset("cnn")
