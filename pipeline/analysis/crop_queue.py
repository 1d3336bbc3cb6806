"""Classifies the crops of many files together, so that the network runs full batches.

Each file is scanned in a thread of its own, which does:

    with queue.open() as crops:
        logits = crops.submit(crop)  # a future
        crops.finish()               # waits for all crops of the file
    logits.result()
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from classifiers import Engine

BATCH = 32

_PATIENCE_S = 0.2


@dataclass(slots=True, eq=False)
class _Entry:
    """One crop that waits."""

    crop: npt.NDArray[np.uint8]
    file: FileCrops
    logits: Future[npt.NDArray[np.float32]] = field(default_factory=Future)


class CropQueue:
    """Collects crops from any number of threads, and classifies a batch in the thread that completes it.

    Args:
        engine: the network.
        batch: number of crops that it takes at a time.
    """

    def __init__(self, engine: Engine, batch: int = BATCH) -> None:
        self._engine = engine
        self._batch = batch
        self._engine_free = threading.Lock()
        self._changed = threading.Condition()
        self._entries: list[_Entry] = []
        self._adding = 0

    @contextlib.contextmanager
    def open(self) -> Iterator[FileCrops]:
        """Begin a file; what it has not waited for when the block ends is never classified."""
        file = FileCrops(self)
        with self._changed:
            self._adding += 1
        try:
            yield file
        finally:
            with self._changed:
                self._adding -= 1
                self._entries = [entry for entry in self._entries if entry.file is not file]
                self._changed.notify_all()

    def _add(self, entry: _Entry) -> None:
        with self._changed:
            if entry.file.failure:
                raise entry.file.failure
            self._entries.append(entry)
            entry.file.pending += 1
            batch = self._take() if len(self._entries) >= self._batch else []
        self._classify(batch)

    def _finish(self, file: FileCrops) -> None:
        with self._changed:
            self._adding -= 1
            self._changed.notify_all()
        try:
            while True:
                with self._changed:
                    # Others may still add, but might take long to: then what there is goes after a while.
                    self._changed.wait_for(
                        lambda: not file.pending or file.failure or (self._entries and not self._adding), _PATIENCE_S
                    )
                    if file.failure:
                        raise file.failure
                    if not file.pending:
                        return
                    batch = self._take()
                self._classify(batch)
        finally:
            with self._changed:
                self._adding += 1

    def _take(self) -> list[_Entry]:
        batch, self._entries = self._entries[: self._batch], self._entries[self._batch :]
        return batch

    def _classify(self, batch: Sequence[_Entry]) -> None:
        if not batch:
            return
        failure: BaseException | None = None
        try:
            with self._engine_free:
                logits = self._engine.predict(np.stack([entry.crop for entry in batch]))
            for entry, row in zip(batch, logits, strict=True):
                entry.logits.set_result(row)
        except BaseException as error:  # belongs to every file of the batch
            failure = error
            for entry in batch:
                if not entry.logits.done():
                    entry.logits.set_exception(error)
        with self._changed:
            for entry in batch:
                entry.file.pending -= 1
                entry.file.failure = entry.file.failure or failure
            self._changed.notify_all()
        if failure is not None and not isinstance(failure, Exception):
            raise failure


@dataclass(slots=True, eq=False)
class FileCrops:
    """The crops of one file on their way through a `CropQueue`.

    Attributes:
        pending: number of crops that have no logits yet.
        failure: what the network raised on one of them.
    """

    queue: CropQueue = field(repr=False)
    pending: int = 0
    failure: BaseException | None = None

    def submit(self, crop: npt.NDArray[np.uint8]) -> Future[npt.NDArray[np.float32]]:
        """Hand in a crop, uint8 (size, size, 3) RGB.

        Returns:
            Its logits, float32 (2,), once its batch has been classified.

        Raises:
            Exception: whatever the network raised on an earlier one.
        """
        entry = _Entry(crop, self)
        self.queue._add(entry)
        return entry.logits

    def finish(self) -> None:
        """Wait until all crops so far are classified; more may be added after.

        Raises:
            Exception: whatever the network raised.
        """
        self.queue._finish(self)
