"""A training run, small but real."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("av", reason="degrading needs the extra 'train'")

from classifiers.datasets import FaceShards
from classifiers.training.samples import Batch, BatchMaker, Mixture
from extractors.align import CropGeometry, align_face
from tests.tiny_shards import write_shards

if TYPE_CHECKING:
    import keras

    from classifiers.training.fit import TrainingSettings

pytestmark = pytest.mark.slow

SIZE = 64
Validate = Callable[[Callable[[np.ndarray], np.ndarray]], dict[str, float]]


class RecordedBatches(BatchMaker):
    """Keeps the numbers of the batches that it made."""

    def __init__(self, folder: Path) -> None:
        shards = FaceShards(write_shards(folder))
        samples = [s for name in ("real", "generated", "video_faces") for s in shards.index(name)]
        align = partial(align_face, geometry=CropGeometry(SIZE))
        super().__init__(shards, samples, align, Mixture(pairs=1, reals=1, swaps=1, generated=1), SIZE // 32, seed=1)
        self.made: set[int] = set()

    def batch(self, number: int) -> Batch:
        self.made.add(number)
        return super().batch(number)


def small_network() -> keras.Model:
    """A network of the form that `classifiers.architectures.build` gives, with two layers that learn."""
    import keras

    inputs = keras.Input((SIZE, SIZE, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    features = keras.layers.Conv2D(8, 32, strides=32, activation="relu", name="features")(scaled)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(pooled))


@pytest.fixture(scope="module")
def batches(tmp_path_factory) -> RecordedBatches:
    return RecordedBatches(tmp_path_factory.mktemp("shards"))


def settings(rounds: int = 2) -> TrainingSettings:
    from classifiers.training.fit import TrainingSettings

    return TrainingSettings(steps=2 * rounds, round_steps=2, warmup_steps=1, learning_rate=1e-3)


def train(classifier: keras.Model, batches: BatchMaker, validate: Validate, folder: Path, rounds: int = 2) -> Path:
    from classifiers.training.fit import train

    return train(classifier, batches, settings(rounds), validate, folder)


def rounds_in(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]


def weights_of(classifier: keras.Model) -> np.ndarray:
    return np.concatenate([np.asarray(weight).ravel() for weight in classifier.get_weights()])


def weights_in(file: Path) -> np.ndarray:
    classifier = small_network()
    classifier.load_weights(file)
    return weights_of(classifier)


def test_run_writes_what_it_did_and_the_best_weights(tmp_path, batches):
    classifier = small_network()
    before = weights_of(classifier)
    merits, validated = iter([0.8, 0.7, 0.9, 0.6]), []

    def validate(predict: Callable[[np.ndarray], np.ndarray]) -> dict[str, float]:
        logits = predict(np.zeros((3, SIZE, SIZE, 3), np.uint8))
        assert logits.shape == (3, 2) and np.isfinite(logits).all()
        validated.append(weights_of(classifier))
        return {"blend": 0.5, "selection": next(merits)}

    batches.made.clear()
    best = train(classifier, batches, validate, tmp_path / "run", rounds=4)

    assert best == tmp_path / "run" / "best.weights.h5"
    assert json.loads((tmp_path / "run" / "settings.json").read_text()) == asdict(settings(4))
    rounds = rounds_in(tmp_path / "run")
    assert [(row["round"], row["selection"], row["blend"]) for row in rounds] == [
        (0, 0.8, 0.5),
        (1, 0.7, 0.5),
        (2, 0.9, 0.5),
        (3, 0.6, 0.5),
    ]
    assert all(np.isfinite(row["loss"]) and row["loss"] > 0 for row in rounds)
    assert set(range(8)) <= batches.made, "no batch is left out, and none comes instead of another"
    # Every round trains on, and the third is the one that is kept.
    states = [before, *validated]
    assert all((a != b).any() for a, b in pairwise(states))
    np.testing.assert_allclose(weights_in(best), validated[2], atol=1e-6)


def interrupt_third_round(batches: BatchMaker, folder: Path) -> keras.Model:
    """Run until the third validation, and give the network as it was then."""
    merits = iter([0.5, 0.6])
    classifier = small_network()
    with pytest.raises(StopIteration):
        train(classifier, batches, lambda _: {"selection": next(merits)}, folder, rounds=4)
    return classifier


def test_interrupted_run_goes_on_where_it_stopped(tmp_path, batches):
    first = interrupt_third_round(batches, tmp_path)
    assert [row["round"] for row in rounds_in(tmp_path)] == [0, 1]

    second = small_network()
    another_start = weights_of(second)
    train(second, batches, lambda _: {"selection": 0.7}, tmp_path, rounds=4)
    rounds = [row["round"] for row in rounds_in(tmp_path)]
    assert rounds == sorted(set(rounds)) and rounds[-1] == 3
    # Two small steps lead from one state to the other.
    distance = np.linalg.norm(weights_of(second) - weights_of(first))
    assert distance < 0.2 * np.linalg.norm(weights_of(second) - another_start)


def test_interrupted_run_goes_on_with_batches_that_it_has_not_seen(tmp_path, batches):
    interrupt_third_round(batches, tmp_path)
    batches.made.clear()
    train(small_network(), batches, lambda _: {"selection": 0.7}, tmp_path, rounds=4)
    # Keras makes the first batches again to learn their shapes, and does not train on them.
    assert set(batches.made) - {0, 1} == {6, 7}


def test_what_is_unknown_takes_no_part_in_the_loss(tmp_path, batches):
    """With nothing known of it, a sample moves the weights by decay alone."""

    class Unknown(RecordedBatches):
        def batch(self, number: int) -> Batch:
            batch = super().batch(number)
            return Batch(batch.crops, np.full_like(batch.logits, -1), np.full_like(batch.masks, -1))

    (tmp_path / "shards").mkdir()
    classifier = small_network()
    train(classifier, Unknown(tmp_path / "shards"), lambda _: {"selection": 0.5}, tmp_path / "run", rounds=1)
    assert rounds_in(tmp_path / "run")[0]["loss"] == pytest.approx(0, abs=1e-6)
