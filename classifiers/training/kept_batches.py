"""Batches that are made once, kept on disk, and gone through again and again.

Making forgeries and degrading them takes longer than a step of a small network does. Runs that would make the same
batches share those that are kept; others may keep theirs in the same folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import zipfile
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from classifiers.atomic_file import replacing, write_whole
from classifiers.errors import OutputError
from classifiers.training.batch import NO_HINTS, Batch, BatchSource

_DAMAGE = (ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error)


class KeptBatches:
    """The first batches of a source; after them the same ones come in another order, half of their crops mirrored.

    Args:
        source: makes the batches, of crops whose template is symmetric.
        folder: where they are kept, in a folder for each set of facts.
        count: how many.
        facts: all that decides what is in them, in numbers and words.
        seed: of the order and of what is mirrored.

    Raises:
        OutputError: the folder cannot be written to.
    """

    def __init__(self, source: BatchSource, folder: Path, count: int, facts: dict[str, object], seed: int) -> None:
        self._source, self._count, self._seed = source, count, seed
        self.teacher_features, self.hint_channels = source.teacher_features, NO_HINTS
        text = json.dumps(facts, indent=1, sort_keys=True).encode()
        self._folder = folder / hashlib.sha256(text).hexdigest()[:16]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._folder / "facts.json", text)
        except OSError as error:
            raise OutputError(f"batches cannot be kept in {folder}: {error.strerror}") from error

    def batch(self, number: int) -> Batch:
        """Give batch `number`, and make it if it is not there."""
        turn, place = divmod(number, self._count)
        if turn == 0:
            return self._kept(place)
        place = np.random.default_rng((self._seed, 3, turn)).permutation(self._count)[place]
        return _mirrored(self._kept(int(place)), np.random.default_rng((self._seed, 4, number)))

    def _kept(self, place: int) -> Batch:
        file = self._folder / f"{place:06}.npz"
        with contextlib.suppress(FileNotFoundError, *_DAMAGE):
            return _read(file)
        batch = self._source.batch(place)
        arrays: dict[str, Any] = {item.name: getattr(batch, item.name) for item in fields(batch)}
        with replacing(file) as part:
            np.savez(part, **{name: array for name, array in arrays.items() if array is not None})
        return batch


def _read(file: Path) -> Batch:
    with np.load(file, allow_pickle=False) as arrays:
        return Batch(**arrays)


def _mirrored(batch: Batch, rng: np.random.Generator) -> Batch:
    """Mirror half of the crops; what a teacher sees in one is taken to be the same."""
    chosen = rng.random(len(batch.crops)) < 0.5
    crops, masks = batch.crops.copy(), batch.masks.copy()
    crops[chosen], masks[chosen] = crops[chosen, :, ::-1], masks[chosen, :, ::-1]
    return Batch(crops, batch.logits, masks, batch.weights, batch.teacher)
