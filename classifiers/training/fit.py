"""The training loop, on whichever backend Keras runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from classifiers.architectures import find_architecture
from classifiers.atomic_file import remove_parts, replacing
from classifiers.errors import DivergedError
from classifiers.training.batch import BatchSource, hint_output
from classifiers.training.checkpoint import CHECKPOINT, Checkpoint, state
from classifiers.training.config import TrainingConfig
from classifiers.training.input_pipeline import InputPipeline, WaitingClock
from classifiers.training.journal import EpochFigures, write_journal
from classifiers.training.validation import Predict

log = logging.getLogger(__name__)

BEST_WEIGHTS = "best.weights.h5"
"""Weights of the best epoch, in the folder of a run."""

_BATCH = 64


def train(
    classifier: keras.Model,
    batches: BatchSource,
    config: TrainingConfig,
    validate: Callable[[Predict], dict[str, float]],
    folder: Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> list[EpochFigures]:
    """Train a classifier, keep the best epoch, and go on from the last one after an interruption.

    On a CPU an interrupted run ends with the same weights as one that was left alone, since everything random follows
    from the seed and the number of the step, and the rest is in the checkpoint.

    Args:
        classifier: as `classifiers.architectures.build` gives it; ends with the weights of the best epoch. While it
            trains, the network also predicts which cells of its last feature map were forged, and what a teacher sees.
        batches: where training batches come from.
        config: how long and how hard.
        validate: gives figures of merit; the one called "selection" decides which epoch is best.
        folder: gets the journal of the epochs, the weights of the best, and the checkpoint.
        callbacks: told of the progress besides.

    Returns:
        Figures of every epoch: those of the losses, of `validate`, "seconds", and "waiting", the share of the time
        for which the trainer waited for data.

    Raises:
        DataError: the checkpoint in the folder is damaged.
        SettingsError: it is of another network.
        DivergedError: the loss is not a number any more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_parts(folder / BEST_WEIGHTS)
    checkpoint = Checkpoint(folder / CHECKPOINT)
    epochs = checkpoint.epochs()
    if epochs:
        # The run may have died between its checkpoint and its journal.
        write_journal(epochs, folder)
    trainer = _with_more_heads(classifier, batches)
    known = KnownCrossEntropy(config.label_smoothing)
    losses = {"logits": known, "mask": known}
    loss_weights = {"logits": 1.0, "mask": config.mask_weight, "teacher": config.teacher_weight}
    head_epochs = config.head_steps // config.steps_per_epoch
    last_epoch = head_epochs + config.steps // config.steps_per_epoch
    for first, end, learns_all in ((0, head_epochs, False), (head_epochs, last_epoch, True)):
        if len(epochs) > end or end == 0:
            continue
        _freeze(classifier, frozen=not learns_all)
        trainer.compile(
            _optimizer(config, learns_all, trainer),
            loss={output: losses.get(output, squared_error) for output in trainer.output_names},
            loss_weights={output: loss_weights.get(output, config.hint_weight) for output in trainer.output_names},
        )
        trainer.optimizer.build(trainer.trainable_variables)
        if len(epochs) > first:
            checkpoint.restore(trainer)
        if len(epochs) < end and not _patience_is_over(epochs, config):
            feed = InputPipeline(batches, config.steps_per_epoch, len(epochs), config.loaders)
            ending = _EpochEnd(classifier, validate, epochs, config, feed.clock, checkpoint, folder)
            feed.fit(trainer, [*callbacks, ending], epochs=end, initial_epoch=len(epochs), shuffle=False, verbose=0)
        else:
            # What `fit` does at its end, for a run that died between two phases.
            trainer.optimizer.finalize_variable_values(trainer.trainable_variables)
        _freeze(classifier, frozen=False)
    classifier.load_weights(folder / BEST_WEIGHTS)
    return epochs


class KnownCrossEntropy(keras.losses.Loss):
    """Cross entropy of logits over the targets that are known, that is, not negative.

    Args:
        smoothing: targets are kept this far from 0 and 1.
    """

    def __init__(self, smoothing: float) -> None:
        super().__init__()
        self._smoothing = smoothing

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Give one value a sample, whose mean over the batch is the mean over all known targets."""
        ops = keras.ops
        y_true, y_pred = (ops.reshape(y, (ops.shape(y)[0], -1)) for y in (y_true, ops.cast(y_pred, "float32")))
        known = ops.cast(y_true >= 0, "float32")
        soft = ops.clip(y_true, self._smoothing, 1 - self._smoothing)
        losses = ops.sum(known * (ops.softplus(y_pred) - soft * y_pred), axis=1)
        return losses / (ops.mean(ops.sum(known, axis=1)) + 1e-6)


def squared_error(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
    """Give the mean squared error of each sample, over all its axes."""
    error = keras.ops.square(y_true - keras.ops.cast(y_pred, y_true.dtype))
    return keras.ops.mean(error, axis=tuple(range(1, len(error.shape))))


def _with_more_heads(classifier: keras.Model, batches: BatchSource) -> keras.Model:
    features = classifier.get_layer("features").output
    cells = keras.layers.Conv2D(1, 1, kernel_initializer="ones", dtype="float32", name="mask_cells")
    mask = keras.layers.Reshape(features.shape[1:3], dtype="float32", name="mask")(cells(_evidence(classifier)))
    outputs = {"logits": classifier.output, "mask": mask}
    if batches.teacher_features:
        pooled = keras.layers.GlobalAveragePooling2D(name="teacher_pool")(features)
        outputs["teacher"] = keras.layers.Dense(batches.teacher_features, dtype="float32", name="teacher")(pooled)
    for layer, channels in batches.hint_channels.items():
        head = keras.layers.Conv2D(channels, 1, dtype="float32", name=hint_output(layer))
        outputs[head.name] = head(classifier.get_layer(layer).output)
    return keras.Model(classifier.input, outputs)


def _evidence(classifier: keras.Model) -> keras.KerasTensor:
    """Give what each cell of the last feature map has to say on the forged region, (batch, height, width, channels).

    A head that averages the map and weighs the averages gets to weigh each cell by itself: this one channel is the
    class activation map of "manipulated", but for its bias. Knowing the region then teaches the very map that explains
    the logit (Li, Wu, Peng, Ernst and Fu, CVPR 2018, arXiv:1802.10171). Any other head takes no part.
    """
    features, head = classifier.get_layer("features").output, classifier.get_layer("logits")
    return head(features)[..., :1] if isinstance(head, keras.layers.Dense) else features


def _freeze(classifier: keras.Model, *, frozen: bool) -> None:
    """Keep everything up to the last feature map from learning, or let it."""
    for layer in keras.Model(classifier.input, classifier.get_layer("features").output).layers:
        layer.trainable = not frozen


def _optimizer(config: TrainingConfig, learns_all: bool, trainer: keras.Model) -> keras.optimizers.Optimizer:
    steps = config.steps if learns_all else config.head_steps
    peak = config.learning_rate if learns_all else config.head_learning_rate
    warmup = min(config.warmup_steps, steps - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        peak / 50, decay_steps=steps - warmup, alpha=0.02, warmup_target=peak, warmup_steps=warmup
    )
    if config.depth_decay < 1:
        shares = rate_shares(trainer, find_architecture(config.architecture).blocks, config.depth_decay)
        return AdamWByDepth(
            shares, schedule, weight_decay=config.weight_decay, use_ema=True, ema_momentum=config.ema_momentum
        )
    return keras.optimizers.AdamW(
        schedule, weight_decay=config.weight_decay, use_ema=True, ema_momentum=config.ema_momentum
    )


def rate_shares(network: keras.Model, blocks: Sequence[str], decay: float) -> list[float]:
    """Say which share of the learning rate each trainable variable gets (BEiT; Bao et al., ICLR 2022).

    Args:
        network: its variables are in its order.
        blocks: what the names of the layers of each block begin with.
        decay: share of a block in the rate of the one after it; what lies before the blocks comes one further down.

    Returns:
        1 for the last block and what lies after it.
    """
    places: dict[str, int] = {}
    for layer in network.layers:
        of_block = (number for number, name in enumerate(blocks, 1) if layer.name.startswith(name))
        # The first layers come before all blocks, the last ones read several.
        places[layer.name] = next(of_block, len(blocks) if any(places.values()) else 0)
    layers = (variable.path.split("/")[0] for variable in network.trainable_variables)
    return [decay ** (len(blocks) - places[layer]) for layer in layers]


class AdamWByDepth(keras.optimizers.AdamW):
    """AdamW at a share of the learning rate for each variable, by its number; weights decay at the whole rate."""

    def __init__(self, shares: Sequence[float], *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)
        self._shares = list(shares)

    def update_step(self, gradient: object, variable: object, learning_rate: object) -> None:  # noqa: D102 - see Keras
        share = self._shares[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * share)


def _patience_is_over(epochs: Sequence[EpochFigures], config: TrainingConfig) -> bool:
    epochs = epochs[config.head_steps // config.steps_per_epoch :]
    if not config.patience or not epochs:
        return False
    best = max(range(len(epochs)), key=lambda number: epochs[number]["selection"])
    return len(epochs) - 1 - best >= config.patience


class _EpochEnd(keras.callbacks.Callback):
    """Validates the running mean of the weights, keeps it if it is the best, and saves the state."""

    def __init__(
        self,
        classifier: keras.Model,
        validate: Callable[[Predict], dict[str, float]],
        epochs: list[EpochFigures],
        config: TrainingConfig,
        clock: WaitingClock,
        checkpoint: Checkpoint,
        folder: Path,
    ) -> None:
        super().__init__()
        self._classifier, self._validate, self._epochs, self._config = classifier, validate, epochs, config
        self._clock, self._checkpoint, self._folder = clock, checkpoint, folder
        self._begun = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self._begun = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        measured = {"seconds": round(time.perf_counter() - self._begun, 3), "waiting": round(self._clock.share, 3)}
        learnt = [keras.ops.convert_to_numpy(variable) for variable in state(self.model)]
        # From here to the end of the function the network holds the running mean.
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        losses = {name: float(value) for name, value in (logs or {}).items()}
        if not np.isfinite(losses["loss"]):
            raise DivergedError(f"the loss of epoch {epoch + 1} is not a number; begin anew with a lower learning rate")
        figures = {"epoch": epoch, **losses, **self._validate(self._predict), **measured}
        if all(figures["selection"] > earlier["selection"] for earlier in self._epochs):
            with replacing(self._folder / BEST_WEIGHTS) as part:
                self._classifier.save_weights(part)
        self._epochs.append(figures)
        for variable, value in zip(state(self.model), learnt, strict=True):
            variable.assign(value)
        self._checkpoint.save(learnt, self._epochs)
        write_journal(self._epochs, self._folder)
        log.info("epoch %d: %s", epoch + 1, {name: round(value, 4) for name, value in figures.items()})
        if _patience_is_over(self._epochs, self._config):
            self.model.stop_training = True

    def _predict(self, crops: np.ndarray) -> np.ndarray:
        # Full batches, since several devices can share no other.
        padded = np.zeros((-(-len(crops) // _BATCH) * _BATCH, *crops.shape[1:]), crops.dtype)
        padded[: len(crops)] = crops
        # Not a plain call of the model: with PyTorch that would keep every activation for a gradient.
        return np.asarray(self._classifier.predict(padded, batch_size=_BATCH, verbose=0))[: len(crops)]
