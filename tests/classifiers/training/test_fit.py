"""A training run, small but real, on every backend, killed and resumed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="degrading needs the extra 'train'")

from tests.tiny_shards import write_shards

pytestmark = pytest.mark.slow

# Trains a small network in a process of its own, on the backend that KERAS_BACKEND names, and prints what came out.
RUN = """
import json, sys
from functools import partial
from importlib.machinery import PathFinder
from pathlib import Path

class WithoutTensorFlow(PathFinder):
    # Finds what is installed, but for TensorFlow.
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == "tensorflow" else PathFinder.find_spec(name, path, target)

if {without_tensorflow}:
    sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutTensorFlow

import keras, numpy as np
from classifiers.datasets import PictureReader, face_shards
from classifiers.training.config import TrainingConfig
from classifiers.training.fit import train
from classifiers.training.kept_batches import KeptBatches
from classifiers.training.labelled_batches import LabelledBatches
from classifiers.training.validation import LabelledValidation
from extractors.align import CropGeometry, align_face

shards, folder = Path(sys.argv[1]), Path(sys.argv[2])
config = TrainingConfig(**json.loads(sys.argv[3]))
keras.utils.set_random_seed(config.seed)
samples = face_shards.samples(shards)
align = partial(align_face, geometry=CropGeometry(64))
layers = keras.layers
network = keras.Sequential([
    layers.Input((64, 64, 3)), layers.Rescaling(1 / 127.5, offset=-1), layers.Conv2D(8, 8, strides=8),
    layers.BatchNormalization(), layers.Conv2D(8, 4, strides=4, activation="relu", name="features"),
    layers.GlobalAveragePooling2D(), layers.Dropout(0.3), layers.Dense(2, dtype="float32", name="logits"),
])
network = keras.Model(network.inputs, network.outputs[0])
batches = LabelledBatches(PictureReader(), samples, align, config.batch_size, 2, config.seed)
if config.batch_folder:
    batches = KeptBatches(batches, Path(config.batch_folder), config.kept_batches, {{}}, config.seed)
epochs = train(network, batches, config, LabelledValidation(PictureReader(), samples, align).figures, folder)
np.savez(folder / "result.npz", *network.get_weights())
print(json.dumps(epochs))
"""
SETTINGS = {
    "head_steps": 4,
    "steps": 12,
    "steps_per_epoch": 2,
    "batch_size": 4,
    "warmup_steps": 2,
    "learning_rate": 3e-3,
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards"))


def start(
    shards: Path,
    folder: Path,
    settings: dict[str, object],
    backend: str = "tensorflow",
    *,
    hide_tensorflow: bool = False,
) -> subprocess.Popen[str]:
    code = RUN.format(without_tensorflow=hide_tensorflow)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(shards), str(folder), json.dumps(settings)],
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> list[dict[str, float]]:
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return json.loads(out.splitlines()[-1])


def weights(folder: Path) -> list[np.ndarray]:
    with np.load(folder / "result.npz") as arrays:
        return [arrays[name] for name in arrays.files]


@pytest.fixture(scope="module")
def uninterrupted(shards, tmp_path_factory) -> tuple[Path, list[dict[str, float]]]:
    folder = tmp_path_factory.mktemp("run")
    return folder, finish(start(shards, folder, SETTINGS))


def test_run_learns_and_leaves_what_it_did(uninterrupted):
    folder, epochs = uninterrupted
    assert [row["epoch"] for row in epochs] == list(range(8))
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    assert all(0 <= row["waiting"] <= 1 and row["seconds"] > 0 for row in epochs)
    with (folder / "epochs.csv").open(newline="") as file:
        assert [float(row["selection"]) for row in csv.DictReader(file)] == [row["selection"] for row in epochs]
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((folder / "logs").glob("events.*"))) == 1


@pytest.mark.parametrize("killed_after", [1, 2, 5], ids=["in the head phase", "between the phases", "in the second"])
def test_killed_run_ends_with_the_weights_of_one_that_was_left_alone(shards, uninterrupted, tmp_path, killed_after):
    epochs = kill_and_go_on(shards, tmp_path, SETTINGS, killed_after)
    folder, expected = uninterrupted
    assert [row["selection"] for row in epochs] == [row["selection"] for row in expected]
    for ours, theirs in zip(weights(tmp_path), weights(folder), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("killed_after", [2, 5], ids=["while batches are made", "when they come again"])
def test_so_does_one_that_keeps_its_batches(shards, tmp_path, killed_after):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    settings = {**SETTINGS, "kept_batches": 7}
    expected = finish(start(shards, whole, {**settings, "batch_folder": str(tmp_path / "batches")}))
    epochs = kill_and_go_on(shards, killed, {**settings, "batch_folder": str(tmp_path / "others")}, killed_after)
    assert [row["selection"] for row in epochs] == [row["selection"] for row in expected]
    for ours, theirs in zip(weights(killed), weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def kill_and_go_on(shards: Path, folder: Path, settings: dict[str, object], epochs: int) -> list[dict[str, float]]:
    process = start(shards, folder, settings)
    deadline = time.monotonic() + 240
    while len(epochs_in(folder)) < epochs:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return finish(start(shards, folder, settings))


def epochs_in(folder: Path) -> list[str]:
    journal = folder / "epochs.csv"
    return journal.read_text().splitlines()[1:] if journal.exists() else []


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_train_without_tensorflow(shards, uninterrupted, tmp_path, backend):
    pytest.importorskip(backend)
    epochs = finish(start(shards, tmp_path, SETTINGS, backend, hide_tensorflow=True))
    # The first weights differ from backend to backend, the batches do not.
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    assert all(np.isfinite(value).all() for value in weights(tmp_path))
    again = finish(start(shards, tmp_path, SETTINGS, backend, hide_tensorflow=True))
    assert again == epochs, "a finished run is left as it is"


def test_patience(shards, tmp_path):
    epochs = finish(start(shards, tmp_path, {**SETTINGS, "steps": 40, "patience": 1, "learning_rate": 0.0}))
    selection = [row["selection"] for row in epochs]
    assert len(epochs) < 22
    phase = selection[2:]
    assert phase[-1] <= max(phase[:-1]) and all(later > earlier for earlier, later in pairwise(phase[:-1]))
