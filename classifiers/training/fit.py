"""The training loop, on whichever backend Keras runs."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from classifiers.training.samples import BatchMaker

log = logging.getLogger(__name__)

Predict = Callable[[np.ndarray], np.ndarray]
"""Maps uint8 (n, size, size, 3) RGB crops to float32 (n, 2) logits."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How long and how hard to train.

    Attributes:
        steps: optimiser steps in all.
        round_steps: steps between two validations.
        learning_rate: peak of the cosine schedule.
        warmup_steps: steps of linear rise before it.
        weight_decay: of AdamW.
        ema_momentum: of the running mean of the weights, which is what is validated and kept.
        mask_weight: weight of the mask loss beside the loss of the logits.
        label_smoothing: keeps targets this far from 0 and 1.
    """

    steps: int
    round_steps: int = 200
    learning_rate: float = 2e-4
    warmup_steps: int = 100
    weight_decay: float = 0.02
    ema_momentum: float = 0.997
    mask_weight: float = 0.5
    label_smoothing: float = 0.03


def train(
    classifier: keras.Model,
    batches: BatchMaker,
    settings: TrainingSettings,
    validate: Callable[[Predict], dict[str, float]],
    folder: Path,
) -> Path:
    """Train a classifier, keep the best round, and go on from the last one after an interruption.

    While it trains, the network also predicts which cells of its last feature map were forged.

    Args:
        classifier: as `classifiers.architectures.build` gives it; its weights are changed.
        batches: where training batches come from.
        settings: how long and how hard.
        validate: gives figures of merit; the one called "selection" decides which round is best.
        folder: gets `settings.json`, `rounds.jsonl` and the weights `best.weights.h5`; also the backup that an
            interrupted run resumes from.

    Returns:
        The file of the best round's weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(asdict(settings), indent=1))
    trainer = _with_mask_head(classifier)
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / 50,
        decay_steps=settings.steps - settings.warmup_steps,
        alpha=0.02,
        warmup_target=settings.learning_rate,
        warmup_steps=settings.warmup_steps,
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=settings.weight_decay, use_ema=True, ema_momentum=settings.ema_momentum
    )
    trainer.compile(
        optimizer,
        loss={
            "logits": _known_cross_entropy(settings.label_smoothing),
            "mask": _known_cross_entropy(settings.label_smoothing),
        },
        loss_weights={"logits": 1.0, "mask": settings.mask_weight},
    )
    best = folder / "best.weights.h5"
    rounds = _Rounds(batches, settings.round_steps)
    trainer.fit(
        rounds,
        epochs=settings.steps // settings.round_steps,
        callbacks=[
            keras.callbacks.BackupAndRestore(folder / "backup"),
            keras.callbacks.LambdaCallback(on_epoch_begin=rounds.start),
            keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
            _KeepBest(classifier, validate, folder / "rounds.jsonl", best),
        ],
        verbose=0,
    )
    return best


def _with_mask_head(classifier: keras.Model) -> keras.Model:
    features = classifier.get_layer("features").output
    cells = keras.layers.Conv2D(1, 1, dtype="float32", name="mask_cells")(features)
    mask = keras.layers.Reshape(features.shape[1:3], dtype="float32", name="mask")(cells)
    return keras.Model(classifier.input, {"logits": classifier.output, "mask": mask})


def _known_cross_entropy(smoothing: float) -> Callable[[object, object], object]:
    """Cross entropy of logits over the targets that are known, that is, not negative."""

    def loss(target: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        known = keras.ops.cast(target >= 0, "float32")
        soft = keras.ops.clip(target, smoothing, 1 - smoothing)
        softplus = keras.ops.softplus(logits)
        return keras.ops.sum(known * (softplus - soft * logits)) / (keras.ops.sum(known) + 1e-6)

    return loss


class _Rounds(keras.utils.PyDataset):
    def __init__(self, batches: BatchMaker, steps: int) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=6)
        self._batches, self._steps, self._round = batches, steps, 0

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        batch = self._batches.batch(self._round * self._steps + step)
        return batch.crops.astype(np.float32), {"logits": batch.logits, "mask": batch.masks}

    def start(self, number: int, logs: object = None) -> None:
        """Go to a round; a resumed run does not begin with the first one."""
        self._round = number


class _KeepBest(keras.callbacks.Callback):
    def __init__(
        self,
        classifier: keras.Model,
        validate: Callable[[Predict], dict[str, float]],
        journal: Path,
        best: Path,
    ) -> None:
        super().__init__()
        self._classifier, self._validate, self._journal, self._best = classifier, validate, journal, best

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = self._validate(self._predict)
        earlier = [json.loads(line) for line in self._journal.open()] if self._journal.exists() else []
        losses = {name: float(value) for name, value in (logs or {}).items()}
        if all(figures["selection"] > row["selection"] for row in earlier):
            self._classifier.save_weights(self._best)
        with self._journal.open("a") as journal:
            journal.write(json.dumps({"round": epoch, **losses, **figures}) + "\n")
        log.info("round %d: %s", epoch, figures)

    def _predict(self, crops: np.ndarray) -> np.ndarray:
        # Not a plain call of the model: with PyTorch that would keep every activation for a gradient.
        return np.asarray(self._classifier.predict(crops, batch_size=64, verbose=0))
