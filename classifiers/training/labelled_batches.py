"""Batches of labelled faces as they are in a data set, real and fake."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from classifiers.datasets import AlignFace, DataError, PictureReader, Sample
from classifiers.training.augment import augmented_crop, flip, with_history
from classifiers.training.batch import NO_HINTS, UNKNOWN, Batch, targets


class LabelledBatches:
    """Batches that go through a training split again and again, in another order each time.

    Args:
        reader: reads the pictures.
        samples: the training samples.
        align: cuts the crop.
        batch_size: crops in a batch.
        mask_cells: cells along a side of the network's last feature map.
        seed: of every random choice.
        balance: one of `classifiers.training.config.BALANCES`.
        strength: of the augmentation, 0 to 1.

    Raises:
        DataError: a class is missing.
    """

    teacher_features = 0
    hint_channels = NO_HINTS

    def __init__(
        self,
        reader: PictureReader,
        samples: Sequence[Sample],
        align: AlignFace,
        batch_size: int,
        mask_cells: int,
        seed: int,
        balance: str = "sampling",
        strength: float = 1.0,
    ) -> None:
        self._reader, self._align = reader, align
        self._size, self._cells, self._seed, self._strength = batch_size, mask_cells, seed, strength
        classes = [[s for s in samples if s.fake is fake] for fake in (False, True)]
        if not all(classes):
            raise DataError(f"the training split has no {'real' if not classes[0] else 'fake'} samples")
        if balance == "undersample":
            fewest = min(len(found) for found in classes)
            rng = np.random.default_rng(seed)
            classes = [[found[i] for i in sorted(rng.permutation(len(found))[:fewest])] for found in classes]
        self._pools = classes if balance == "sampling" else [classes[0] + classes[1]]
        self._order = functools.lru_cache(maxsize=4)(self._shuffled)
        counts = [len(found) for found in classes]
        # Of mean 1 over the split, so that the learning rate means the same with and without.
        self._weights = [sum(counts) / (2 * n) if balance == "weights" else 1.0 for n in counts]

    def batch(self, number: int) -> Batch:
        """Make batch `number`."""
        rng = np.random.default_rng((self._seed, 1, number))
        chosen = [self._sample_at(number * self._size + place) for place in range(self._size)]
        return Batch(
            np.stack([self._crop(sample, rng) for sample in chosen]),
            np.array([targets(sample) for sample in chosen], np.float32),
            np.full((self._size, self._cells, self._cells), UNKNOWN, np.float32),
            np.array([self._weights[sample.fake] for sample in chosen], np.float32),
        )

    def _sample_at(self, position: int) -> Sample:
        """Take from the pools in turn; each is shuffled anew whenever all of it has been taken."""
        turn, which = divmod(position, len(self._pools))
        passes, place = divmod(turn, len(self._pools[which]))
        return self._pools[which][self._order(which, passes)[place]]

    def _shuffled(self, which: int, passes: int) -> npt.NDArray[np.int64]:
        return np.random.default_rng((self._seed, 2, which, passes)).permutation(len(self._pools[which]))

    def _crop(self, sample: Sample, rng: np.random.Generator) -> np.ndarray:
        image, landmarks = self._reader.read(sample), sample.known_landmarks
        mirrored, history, jitter = rng.random() < 0.5, *rng.spawn(2)
        if mirrored:
            image, landmarks = flip(image, landmarks)
        if self._strength:
            image, landmarks = with_history(image, landmarks, history, self._strength)
        return augmented_crop(image, landmarks, self._align, history, jitter, self._strength)
