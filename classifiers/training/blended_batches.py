"""Batches of real faces, forgeries blended from them, and forgeries of other people's making."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from classifiers.datasets import GENERATED_FAMILIES, AlignFace, DataError, PictureReader, Sample
from classifiers.errors import SettingsError
from classifiers.training.augment import augmented_crop, augmented_mask, flip, with_history
from classifiers.training.batch import NO_HINTS, UNKNOWN, Batch, targets
from classifiers.training.resynthesis import FaceGenerators
from classifiers.training.self_blending import Blend, landmark_shape, resynthesis_blend, self_blend, swap_blend

_RESYNTHESISED_SHARE = 0.35
"""Of the pairs, how many have a face that a generator made again, where there are generators."""

_SAME_ORIGIN_SHARE = 0.8
"""Of the forgeries whose origin also published real faces, how many have one of these as their counterpart."""

SHUFFLED_SHARE = 0.35
"""Of the generated faces, how many are cut into tiles that are put together in another order."""

_TILES = 4
"""Along a side."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """How many of each kind a batch holds.

    A pair is a real face and its blend; each swap and each generated face has a real counterpart. The two go through
    one history, so that what degrades them does not tell them apart.
    """

    pairs: int = 8
    reals: int = 2
    swaps: int = 3
    generated: int = 4

    @classmethod
    def of(cls, samples: Sequence[Sample], batch_size: int) -> Mixture:
        """Share a batch out as by default, without the kinds of forgery that the samples lack.

        Raises:
            SettingsError: the batch is too small.
        """
        usual = cls()
        fakes = [s.family in GENERATED_FAMILIES for s in samples if s.fake]
        scale = batch_size / usual.batch_size
        reals = max(1, round(scale * usual.reals))
        swaps = max(1, round(scale * usual.swaps)) if not all(fakes) else 0
        generated = max(1, round(scale * usual.generated)) if any(fakes) else 0
        pairs = (batch_size - reals) // 2 - swaps - generated
        if pairs < 1:
            raise SettingsError(f"a batch of {batch_size} is too small for self-blending; take at least 8")
        return cls(pairs, batch_size - 2 * (pairs + swaps + generated), swaps, generated)

    @property
    def batch_size(self) -> int:
        """Crops in a batch."""
        return 2 * (self.pairs + self.swaps + self.generated) + self.reals


class SourceBalanced:
    """Draws samples at random; a source counts by the square root of its size and a clip counts once.

    A few sources hold most of the pictures; drawn evenly they would be what the network learns.
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        clips: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
        for sample in samples:
            clips[sample.source][sample.group].append(sample)
        self._clips = [list(groups.values()) for groups in clips.values()]
        share = np.sqrt([len(groups) for groups in self._clips])
        self._share = share / share.sum()

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw one sample."""
        groups = self._clips[rng.choice(len(self._clips), p=self._share)]
        group = groups[rng.integers(len(groups))]
        return group[rng.integers(len(group))]


class _StillsAndFrames:
    """Draws a still or a video frame, in fixed shares as long as there are both."""

    def __init__(self, samples: Sequence[Sample], frames_share: float) -> None:
        self._kinds = [
            (share, SourceBalanced(found))
            for share, video in ((1 - frames_share, False), (frames_share, True))
            if (found := [s for s in samples if bool(s.clip) is video])
        ]
        total = sum(share for share, _ in self._kinds)
        self._shares = [share / total if total else 1.0 for share, _ in self._kinds]

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def draw(self, rng: np.random.Generator) -> Sample:
        return self._kinds[rng.choice(len(self._kinds), p=self._shares)][1].draw(rng)


class _Row(NamedTuple):
    """One crop of a batch, as in `Batch`."""

    crop: np.ndarray
    logits: tuple[float, float]
    mask: np.ndarray


class BlendedBatches:
    """Batches of self-blended pairs beside real faces and, where the data set has some, forgeries.

    A forgery comes with a real face that was published with it, where there is one: chosen from all real faces, these
    would differ from it in camera, light and hosting, and a network would learn that. Some generated faces are shown
    in shuffled tiles (patch shuffling; Zhong et al. 2023, arXiv:2311.12397, PatchCraft), so that who and what is seen
    says less than how it was made.

    Args:
        reader: reads the pictures.
        samples: the training samples, real and fake, stills and video frames.
        align: cuts the crop.
        mixture: what a batch is made of.
        mask_cells: cells along a side of the network's last feature map.
        seed: of every random choice.
        generators: resynthesise the faces of some pairs; None for pairs without.
        strength: of the augmentation, 0 to 1.
        shuffled_share: of the generated faces, how many are shown in shuffled tiles.

    Raises:
        DataError: there are no real faces, or none of a kind that the mixture asks for.
    """

    teacher_features = 0
    hint_channels = NO_HINTS

    def __init__(
        self,
        reader: PictureReader,
        samples: Sequence[Sample],
        align: AlignFace,
        mixture: Mixture,
        mask_cells: int,
        seed: int,
        generators: FaceGenerators | None = None,
        strength: float = 1.0,
        shuffled_share: float = SHUFFLED_SHARE,
    ) -> None:
        self._shuffled_share = shuffled_share
        self._reader, self._align, self._mixture, self._strength = reader, align, mixture, strength
        self._cells, self._seed, self._generators = mask_cells, seed, generators
        real = [sample for sample in samples if not sample.fake]
        if not real:
            raise DataError("blending needs real faces, and the training split has none")
        self._real = {video: [s for s in real if bool(s.clip) is video] for video in (False, True)}
        self._shapes = {
            video: np.stack([landmark_shape(s.known_landmarks) for s in found])
            for video, found in self._real.items()
            if found
        }
        generated = [s for s in samples if s.fake and s.family in GENERATED_FAMILIES]
        self._like = {video: SourceBalanced(found or real) for video, found in self._real.items()}
        self._published: dict[tuple[bool, str], dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
        for sample in real:
            self._published[_origin(sample)][sample.group].append(sample)
        self._draw_real = _StillsAndFrames(real, frames_share=0.6)
        self._draw_extra = _StillsAndFrames(real, frames_share=0.7)
        self._draw_swap = _StillsAndFrames([s for s in samples if s.fake and s.family not in GENERATED_FAMILIES], 1.0)
        self._draw_generated = _StillsAndFrames(generated, frames_share=0.65)
        for share, pool, kind in (
            (mixture.swaps, self._draw_swap, "altered"),
            (mixture.generated, self._draw_generated, "generated"),
        ):
            if share and not pool:
                raise DataError(f"a batch is to hold {share} {kind} faces, and the training split has none")

    def batch(self, number: int) -> Batch:
        """Make batch `number`."""
        rng = np.random.default_rng((self._seed, number))
        mixture = self._mixture
        rows: list[_Row] = []
        for _ in range(mixture.pairs):
            rows += self._pair(rng)
        rows += [self._single(self._draw_extra.draw(rng), 0.0, rng) for _ in range(mixture.reals)]
        for _ in range(mixture.swaps):
            rows += self._with_counterpart(self._draw_swap.draw(rng), rng)
        for _ in range(mixture.generated):
            generated = self._with_counterpart(self._draw_generated.draw(rng), rng)
            rows += _shuffled(generated, rng) if rng.random() < self._shuffled_share else generated
        return Batch(
            np.stack([row.crop for row in rows]),
            np.array([row.logits for row in rows], np.float32),
            np.array([row.mask for row in rows], np.float32),
            np.ones(len(rows), np.float32),
        )

    def _pair(self, rng: np.random.Generator) -> list[_Row]:
        sample = self._draw_real.draw(rng)
        image, landmarks = with_history(*self._read(sample, rng), rng, self._strength)
        blend = self._blend(sample, image, landmarks, rng)
        # Both halves of the pair get the same history and the same crop, so only the forgery tells them apart.
        seeds = rng.integers(2**62, size=2)
        # Whether a face of which a network made the inside is a generated one is a matter of words: not asked.
        generated = UNKNOWN if blend.generated else 0.0
        return [
            self._row(blend.target, np.zeros_like(blend.mask), landmarks, (0.0, 0.0), seeds),
            self._row(blend.image, blend.mask, landmarks, (1.0, generated), seeds),
        ]

    def _blend(self, sample: Sample, image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Blend:
        if self._generators and rng.random() < _RESYNTHESISED_SHARE:
            face = self._generators.resynthesise(image, landmarks, rng)
            return resynthesis_blend(face.image, face.resampled, image, landmarks, rng)
        if rng.random() < 0.65:
            return self_blend(image, landmarks, rng)
        # The donor is the face of most similar pose among a few dozen of the same kind, never the same clip.
        pool = self._real[bool(sample.clip)]
        chosen = rng.choice(len(pool), size=min(60, len(pool)), replace=False)
        distance = np.linalg.norm(self._shapes[bool(sample.clip)][chosen] - landmark_shape(landmarks), axis=1)
        strangers = [pool[i] for i in chosen[np.argsort(distance)] if pool[i].group != sample.group]
        if not strangers:
            return self_blend(image, landmarks, rng)
        donor = strangers[0]
        return swap_blend(self._reader.read(donor), donor.known_landmarks, image, landmarks, rng)

    def _with_counterpart(self, forgery: Sample, rng: np.random.Generator) -> list[_Row]:
        real, seed = self._counterpart(forgery, rng), rng.integers(2**62)
        return [
            self._single(sample, mask, np.random.default_rng(seed))
            for sample, mask in ((forgery, UNKNOWN), (real, 0.0))
        ]

    def _counterpart(self, forgery: Sample, rng: np.random.Generator) -> Sample:
        clips = list(self._published.get(_origin(forgery), {}).values())
        if not clips or rng.random() >= _SAME_ORIGIN_SHARE:
            return self._like[bool(forgery.clip)].draw(rng)
        clip = clips[rng.integers(len(clips))]
        return clip[rng.integers(len(clip))]

    def _single(self, sample: Sample, mask: float, rng: np.random.Generator) -> _Row:
        image, landmarks = with_history(*self._read(sample, rng), rng, self._strength)
        seeds = rng.integers(2**62, size=2)
        return self._row(image, np.full(image.shape[:2], mask, np.float32), landmarks, targets(sample), seeds)

    def _row(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        landmarks: np.ndarray,
        logits: tuple[float, float],
        seeds: np.ndarray,
    ) -> _Row:
        history, jitter = (np.random.default_rng(seed) for seed in seeds)
        again = np.random.default_rng(seeds[1])
        crop = augmented_crop(image, landmarks, self._align, history, jitter, self._strength)
        cells = augmented_mask(mask, landmarks, self._align, again, self._strength, self._cells)
        return _Row(crop, logits, cells)

    def _read(self, sample: Sample, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        image, landmarks = self._reader.read(sample), sample.known_landmarks
        if rng.random() < 0.5:
            image, landmarks = flip(image, landmarks)
        return image, landmarks


def _origin(sample: Sample) -> tuple[bool, str]:
    """Say what a sample was published with: stills apart from videos, since these differ."""
    return bool(sample.clip), sample.origin or sample.source


def _shuffled(rows: Sequence[_Row], rng: np.random.Generator) -> list[_Row]:
    """Put the tiles of crops together in another order, the same for all.

    Whether such a crop was altered, and where, cannot be said.
    """
    order = rng.permutation(_TILES**2)
    shuffled = []
    for row in rows:
        side = len(row.crop) // _TILES * _TILES
        tiles = row.crop[:side, :side].reshape(_TILES, side // _TILES, _TILES, side // _TILES, 3).swapaxes(1, 2)
        crop = row.crop.copy()
        mixed = tiles.reshape(_TILES**2, *tiles.shape[2:])[order].reshape(tiles.shape)
        crop[:side, :side] = mixed.swapaxes(1, 2).reshape(side, side, 3)
        shuffled.append(_Row(crop, (UNKNOWN, row.logits[1]), np.full_like(row.mask, UNKNOWN)))
    return shuffled
