"""From numbered batches to what `keras.Model.fit` reads: made ahead in threads, in order, alike on every backend."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import keras
import numpy as np

from classifiers.training.batch import Batch, BatchSource

if TYPE_CHECKING:
    import tensorflow as tf

Rows = tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]
"""Inputs, targets and weights by output, as Keras takes them."""


class InputPipeline:
    """Feeds the batches of a run to Keras, `steps_per_epoch` of them an epoch.

    With TensorFlow they go through `tf.data`, with any other backend through a `keras.utils.PyDataset`.

    Args:
        source: makes the batches.
        steps_per_epoch: batches in an epoch.
        first_epoch: the epoch that training begins with, which is not the first if it is resumed.
        loaders: threads that make batches.
    """

    def __init__(self, source: BatchSource, steps_per_epoch: int, first_epoch: int, loaders: int) -> None:
        self.clock = WaitingClock()
        self._steps_per_epoch = steps_per_epoch
        self._failures: list[Exception] = []
        if keras.backend.backend() == "tensorflow":
            first = first_epoch * steps_per_epoch
            self._data: object = _tf_dataset(source, first, loaders, self.clock, self._failures)
            self._callbacks: list[keras.callbacks.Callback] = [self.clock]
        else:
            self._data = _Epochs(source, steps_per_epoch, loaders, self.clock)
            self._callbacks = [self.clock, keras.callbacks.LambdaCallback(on_epoch_begin=self._data.start)]

    def fit(self, trainer: keras.Model, callbacks: Sequence[keras.callbacks.Callback], **options: object) -> None:
        """Train a compiled model by its `fit`, to which the options go.

        Raises:
            Exception: what a loader raised, on every backend.
        """
        if not isinstance(self._data, _Epochs):
            options["steps_per_epoch"] = self._steps_per_epoch
        try:
            trainer.fit(self._data, callbacks=[*self._callbacks, *callbacks], **options)
        except Exception:
            # TensorFlow makes an error of its own out of what a loader raises, with its stack as text.
            if self._failures:
                raise self._failures[0] from None
            raise


class WaitingClock(keras.callbacks.Callback):
    """Measures which share of the time of an epoch the trainer waited for its batches."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = self._asked = self._ended = self._waited = 0.0
        self._compiled = False

    @property
    def share(self) -> float:
        """Share of the time of the epoch so far, 0 to 1."""
        return self._waited / max(self._ended - self._begun, 1e-9)

    def delivered(self, asked: float | None = None) -> None:
        """Take note that a batch has come, asked for at a time of `time.perf_counter` or when its step began."""
        self._waited += time.perf_counter() - (asked or self._asked)

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:  # noqa: D102 - see Keras
        self._begun, self._waited = time.perf_counter(), 0.0

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:  # noqa: D102 - see Keras
        self._asked = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: D102 - see Keras
        self._ended = time.perf_counter()
        if not self._compiled:
            # The first step compiles the network, which no loader can shorten.
            self._compiled, self._begun, self._waited = True, self._ended, 0.0


def _rows(batch: Batch) -> Rows:
    targets = batch.targets()
    return batch.crops.astype(np.float32), targets, dict.fromkeys(targets, batch.weights)


def _tf_dataset(
    source: BatchSource, start: int, loaders: int, clock: WaitingClock, failures: list[Exception]
) -> tf.data.Dataset:
    import tensorflow as tf

    def make(number: np.int64) -> tuple[np.ndarray, ...]:
        try:
            batch = source.batch(int(number))
        except Exception as error:
            failures.append(error)
            raise
        return batch.crops, batch.weights, *batch.targets().values()

    first = source.batch(start)
    names = list(first.targets())
    arrays: tuple[np.ndarray, ...] = (first.crops, first.weights, *first.targets().values())
    shapes = [tf.TensorShape(array.shape) for array in arrays]

    def load(number: tf.Tensor) -> tuple:
        parts = tf.numpy_function(make, [number], (tf.uint8, *[tf.float32] * (1 + len(names))))
        for part, shape in zip(parts, shapes, strict=True):
            part.set_shape(shape)
        crops, weights, *targets = parts
        return tf.cast(crops, tf.float32), dict(zip(names, targets, strict=True)), dict.fromkeys(names, weights)

    def deliver(*rows: object) -> tuple:
        # Keras draws the batch inside of its compiled step, after the step has begun.
        with tf.control_dependencies([tf.numpy_function(clock.delivered, [], [])]):
            return tf.nest.map_structure(tf.identity, rows)

    numbers = tf.data.Dataset.range(start, np.iinfo(np.int64).max)
    batches = numbers.map(load, num_parallel_calls=loaders, deterministic=True).prefetch(2).map(deliver)
    options = tf.data.Options()
    # A queue behind `deliver` would have it tell when a batch came into the queue.
    options.experimental_optimization.inject_prefetch = False
    return batches.with_options(options)


class _Epochs(keras.utils.PyDataset):
    def __init__(self, source: BatchSource, steps: int, loaders: int, clock: WaitingClock) -> None:
        # One worker: Keras would not begin its queue anew where it peeks at the first batches to learn their shapes.
        super().__init__(workers=1)
        self._source, self._steps, self._epoch, self._clock = source, steps, 0, clock
        self._loaders = ThreadPoolExecutor(loaders, thread_name_prefix="loader")
        self._ahead = 2 * loaders
        self._made: dict[int, Future[Batch]] = {}

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Rows:
        number = self._epoch * self._steps + step
        for wanted in range(number, number + self._ahead):
            if wanted not in self._made:
                self._made[wanted] = self._loaders.submit(self._source.batch, wanted)
        asked = time.perf_counter()
        batch = self._made.pop(number).result()
        self._clock.delivered(asked)
        return _rows(batch)

    def start(self, number: int, logs: object = None) -> None:
        """Go to an epoch; a resumed run does not begin with the first one."""
        self._epoch = number
        self._made = {made: batch for made, batch in self._made.items() if made >= number * self._steps}
