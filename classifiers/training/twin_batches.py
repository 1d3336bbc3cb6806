"""Real faces beside the same faces as a face swap left them.

A pair of one scene differs in the forgery alone, once both halves have gone through one history; what a network learns
from unpaired forgeries is who published them (paired data; Yermakov, Čech, Matas and Fritz, WACV 2026,
arXiv:2508.06248, GenD).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from classifiers.datasets import AlignFace, Landmarks, PictureReader, Sample
from classifiers.datasets.sample import Picture
from classifiers.errors import DataError
from classifiers.training.augment import augmented_row, flip, with_history
from classifiers.training.batch import UNKNOWN, Batch, BatchSource, Row, targets
from classifiers.training.self_blending import partial_swap

PARTIAL_SHARE = 0.5
"""Of the swaps that are known to be of one frame, how many are put back into it in part."""

_SAME_RIM = 10
"""In grey levels: up to this much two pictures of one frame differ on nine tenths of their rim, which a swap hardly
reaches. Of the twins of DFDC, which all are of one frame, nine of ten are taken for such, and of those of
FaceForensics++, which hardly ever are, one of fifty."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """The real and the forged pictures of one scene."""

    reals: list[Sample] = field(default_factory=list)
    fakes: list[Sample] = field(default_factory=list)


class TwinBatches:
    """Batches of another source with pairs of twins behind their rows, the real half of each pair first.

    Of the swaps of one frame some are put back into it in part, and their masks say where; a swap need not change all
    that lies there. The masks of all other swaps are `UNKNOWN`.

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
        rows: list[Row] = []
        for origin, count in self._twins.items():
            scenes = self._scenes[origin]
            for _ in range(count):
                rows += self._twin(scenes[rng.integers(len(scenes))], batch.masks.shape[1], rng)
        twins = Batch.of(rows)
        return replace(
            batch,
            crops=np.concatenate([batch.crops, twins.crops]),
            logits=np.concatenate([batch.logits, twins.logits]),
            masks=np.concatenate([batch.masks, twins.masks]),
            weights=np.concatenate([batch.weights, twins.weights]),
        )

    def _twin(self, scene: _Scene, cells: int, rng: np.random.Generator) -> list[Row]:
        real = scene.reals[rng.integers(len(scene.reals))]
        fake = scene.fakes[rng.integers(len(scene.fakes))]
        # The same for both: what happened to the picture, what happens to it now, and where the crop is cut.
        mirrored, earlier, seeds = rng.random() < 0.5, int(rng.integers(2**62)), rng.integers(2**62, size=2)
        pictures = [self._reader.read(half) for half in (real, fake)]
        (frame, marks), (swap, swap_marks) = (
            self._with_history(picture, half.known_landmarks, mirrored, earlier)
            for picture, half in zip(pictures, (real, fake), strict=True)
        )
        mask = np.full(swap.shape[:2], UNKNOWN, np.float32)
        if rng.random() < PARTIAL_SHARE and _of_one_frame(*pictures):
            blend = partial_swap(swap, frame, marks, rng)
            swap, mask, swap_marks = blend.image, blend.mask, marks
        nothing = np.zeros(frame.shape[:2], np.float32)
        return [
            augmented_row(image, forged, landmarks, targets(half), self._align, seeds, self._strength, cells)
            for image, forged, landmarks, half in ((frame, nothing, marks, real), (swap, mask, swap_marks, fake))
        ]

    def _with_history(
        self, image: Picture, landmarks: Landmarks, mirrored: bool, seed: int
    ) -> tuple[Picture, Landmarks]:
        if mirrored:
            image, landmarks = flip(image, landmarks)
        return with_history(image, landmarks, np.random.default_rng(seed), self._strength)


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


def _of_one_frame(one: Picture, other: Picture) -> bool:
    """Say whether two pictures show one frame, of which the inside may be forged."""
    if one.shape != other.shape:
        return False
    height, width = one.shape[:2]
    differ = cv2.blur(cv2.absdiff(one, other).mean(axis=2, dtype=np.float32), (9, 9))
    # Of pictures of fewer than ten pixels all is rim.
    rim = np.ones((height, width), bool)
    rim[height // 10 : -(height // 10), width // 10 : -(width // 10)] = False
    return bool(np.quantile(differ[rim], 0.9) <= _SAME_RIM)
