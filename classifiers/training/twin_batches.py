"""Real faces beside the same faces as a face swap left them.

A pair of one scene differs in the forgery alone, once both halves have gone through one history; what a network learns
from unpaired forgeries is who published them (paired data; Yermakov, Čech, Matas and Fritz, WACV 2026,
arXiv:2508.06248, GenD).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from classifiers.datasets import AlignFace, PictureReader, Sample
from classifiers.datasets.sample import Picture
from classifiers.errors import DataError
from classifiers.training.augment import augmented_crop, flip, with_history
from classifiers.training.batch import UNKNOWN, Batch, BatchSource, targets


@dataclass(frozen=True, slots=True)
class _Scene:
    """The real and the forged pictures of one scene."""

    reals: list[Sample] = field(default_factory=list)
    fakes: list[Sample] = field(default_factory=list)


class TwinBatches:
    """Batches of another source with pairs of twins behind their rows, the real half of each pair first.

    Args:
        source: makes the batches that the twins are added to.
        reader: reads the pictures.
        samples: the training samples; those of a scene that has real and forged ones are used.
        align: cuts the crop, of the size that `source` gives.
        twins: how many pairs a batch gets from each data set, by the `origin` of their samples.
        seed: of every random choice.
        strength: of the augmentation, 0 to 1.

    Raises:
        DataError: there are no twins of a data set.
    """

    def __init__(
        self,
        source: BatchSource,
        reader: PictureReader,
        samples: Sequence[Sample],
        align: AlignFace,
        twins: dict[str, int],
        seed: int,
        strength: float = 1.0,
    ) -> None:
        self._source, self._reader, self._align = source, reader, align
        self._twins, self._seed, self._strength = twins, seed, strength
        self.teacher_features, self.hint_channels = source.teacher_features, source.hint_channels
        self._scenes = {origin: _scenes_with_twins(samples, origin) for origin in twins}
        for origin, scenes in self._scenes.items():
            if not scenes:
                raise DataError(f"{origin} has no scene with a real and a forged picture to make twins of")

    def batch(self, number: int) -> Batch:
        """Make batch `number`."""
        batch = self._source.batch(number)
        rng = np.random.default_rng((self._seed, 5, number))
        crops, logits, masks = [], [], []
        cells = batch.masks.shape[1:]
        for origin, count in self._twins.items():
            scenes = self._scenes[origin]
            for _ in range(count):
                for sample, crop in self._twin(scenes[rng.integers(len(scenes))], rng):
                    crops.append(crop)
                    logits.append(targets(sample))
                    masks.append(np.full(cells, UNKNOWN if sample.fake else 0.0, np.float32))
        return replace(
            batch,
            crops=np.concatenate([batch.crops, np.stack(crops)]),
            logits=np.concatenate([batch.logits, np.asarray(logits, np.float32)]),
            masks=np.concatenate([batch.masks, np.stack(masks)]),
            weights=np.concatenate([batch.weights, np.ones(len(crops), np.float32)]),
        )

    def _twin(self, scene: _Scene, rng: np.random.Generator) -> list[tuple[Sample, Picture]]:
        real = scene.reals[rng.integers(len(scene.reals))]
        fake = scene.fakes[rng.integers(len(scene.fakes))]
        mirrored, seeds = rng.random() < 0.5, rng.integers(2**62, size=3)
        return [(sample, self._crop(sample, mirrored, seeds)) for sample in (real, fake)]

    def _crop(self, sample: Sample, mirrored: bool, seeds: npt.NDArray[np.int64]) -> Picture:
        """Cut the crop of one half; the seeds, the same for both, decide what happens to it."""
        image, landmarks = self._reader.read(sample), sample.known_landmarks
        if mirrored:
            image, landmarks = flip(image, landmarks)
        earlier, history, jitter = (np.random.default_rng(seed) for seed in seeds)
        image, landmarks = with_history(image, landmarks, earlier, self._strength)
        return augmented_crop(image, landmarks, self._align, history, jitter, self._strength)


def shared_twins(samples: Sequence[Sample], count: int) -> dict[str, int]:
    """Share pairs out among the data sets that have twins, by the square roots of their scenes.

    Raises:
        DataError: there are none.
    """
    scenes = {origin: len(_scenes_with_twins(samples, origin)) for origin in sorted({s.origin for s in samples})}
    shares = {origin: found**0.5 for origin, found in scenes.items() if found}
    if not shares:
        raise DataError("the training split has no scene with a real and a forged picture to make twins of")
    exact = {origin: count * share / sum(shares.values()) for origin, share in shares.items()}
    twins = {origin: int(share) for origin, share in exact.items()}
    for origin in sorted(exact, key=lambda name: twins[name] - exact[name])[: count - sum(twins.values())]:
        twins[origin] += 1
    return {origin: number for origin, number in twins.items() if number}


def _scenes_with_twins(samples: Sequence[Sample], origin: str) -> list[_Scene]:
    scenes: dict[str, _Scene] = defaultdict(_Scene)
    for sample in samples:
        if sample.scene and sample.origin == origin:
            (scenes[sample.scene].fakes if sample.fake else scenes[sample.scene].reals).append(sample)
    return [scene for scene in scenes.values() if scene.reals and scene.fakes]
