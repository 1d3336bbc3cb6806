"""Batches of training crops: real faces, forgeries blended from them, and faces drawn by other generators."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from classifiers.datasets import FaceSample, FaceShards
from classifiers.training.degrade import degrade, recolour
from classifiers.training.self_blending import Blend, landmark_shape, self_blend, swap_blend

AlignFace = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Cuts the crop of a picture, given the five landmarks in it; the one that scanning uses."""

UNKNOWN = -1.0
"""Target of an output that a sample says nothing about: it takes no part in the loss."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Crops and what a network should say of them.

    Attributes:
        crops: uint8 (batch, size, size, 3) RGB.
        logits: float32 (batch, 2), targets 0 to 1 of manipulated and generated, or `UNKNOWN`.
        masks: float32 (batch, cells, cells), forged share of each cell of the last feature map, or `UNKNOWN`.
    """

    crops: np.ndarray
    logits: np.ndarray
    masks: np.ndarray


@dataclass(frozen=True, slots=True)
class Mixture:
    """How many of each kind a batch holds; a pair is a real face and its blend, with one history for both."""

    pairs: int = 10
    reals: int = 4
    swaps: int = 2
    generated: int = 6

    @property
    def batch_size(self) -> int:
        """Crops in a batch."""
        return 2 * self.pairs + self.reals + self.swaps + self.generated


class SourceBalanced:
    """Draws samples so that a source counts by the square root of its size and a clip counts once.

    A few sources hold most of the pictures; drawn evenly they would be what the network learns.
    """

    def __init__(self, samples: Sequence[FaceSample]) -> None:
        clips: dict[str, dict[str, list[FaceSample]]] = defaultdict(lambda: defaultdict(list))
        for sample in samples:
            clips[sample.source][sample.group].append(sample)
        self._clips = [list(groups.values()) for groups in clips.values()]
        share = np.sqrt([len(groups) for groups in self._clips])
        self._share = share / share.sum()

    def draw(self, rng: np.random.Generator) -> FaceSample:
        """Draw one sample."""
        groups = self._clips[rng.choice(len(self._clips), p=self._share)]
        group = groups[rng.integers(len(groups))]
        return group[rng.integers(len(group))]


class _Row(NamedTuple):
    """One crop of a batch, as in `Batch`."""

    crop: np.ndarray
    logits: tuple[float, float]
    mask: np.ndarray


class BatchMaker:
    """Makes the batches of a training run; batch number and seed alone decide what is in one.

    Args:
        shards: where the pictures are.
        samples: the training samples, real and fake, stills and video frames.
        align: cuts the crop.
        mixture: what a batch is made of.
        mask_cells: cells along a side of the network's last feature map.
        seed: of every random choice.
    """

    def __init__(
        self,
        shards: FaceShards,
        samples: Sequence[FaceSample],
        align: AlignFace,
        mixture: Mixture,
        mask_cells: int,
        seed: int,
    ) -> None:
        self._shards, self._align, self._mixture = shards, align, mixture
        self._cells, self._seed = mask_cells, seed
        real = [sample for sample in samples if not sample.fake]
        self._real = {video: [s for s in real if s.video == video] for video in (False, True)}
        self._shapes = {
            video: np.stack([landmark_shape(s.landmarks) for s in found]) for video, found in self._real.items()
        }
        self._draw_real = {video: SourceBalanced(found) for video, found in self._real.items()}
        swaps = [s for s in samples if s.family == "faceswap"]
        drawn = [s for s in samples if s.fake and s.family != "faceswap"]
        self._draw_swap = SourceBalanced(swaps)
        self._draw_drawn = {video: SourceBalanced([s for s in drawn if s.video == video]) for video in (False, True)}

    def batch(self, number: int) -> Batch:
        """Make batch `number`."""
        rng = np.random.default_rng((self._seed, number))
        rows: list[_Row] = []
        for _ in range(self._mixture.pairs):
            rows += self._pair(rng)
        for _ in range(self._mixture.reals):
            sample = self._draw_real[rng.random() < 0.7].draw(rng)
            rows.append(self._single(sample, (0.0, 0.0), 0.0, rng))
        for _ in range(self._mixture.swaps):
            # Whether a net that drew the inner face counts as generator is a matter of words: not asked.
            rows.append(self._single(self._draw_swap.draw(rng), (1.0, UNKNOWN), UNKNOWN, rng))
        for _ in range(self._mixture.generated):
            sample = self._draw_drawn[rng.random() < 0.65].draw(rng)
            rows.append(self._single(sample, (UNKNOWN, 1.0), UNKNOWN, rng))
        return Batch(
            np.stack([row.crop for row in rows]),
            np.float32([row.logits for row in rows]),
            np.float32([row.mask for row in rows]),
        )

    def _pair(self, rng: np.random.Generator) -> list[_Row]:
        sample = self._draw_real[rng.random() < 0.6].draw(rng)
        image, landmarks = _with_history(*self._read(sample, rng), rng)
        blend = self._blend(sample, image, landmarks, rng)
        # Both halves of the pair get the same history and the same crop, so only the seam tells them apart.
        history, jitter = rng.integers(2**62, size=2)
        no_mask = np.zeros_like(blend.mask)
        return [
            self._row(picture, mask, landmarks, (fake, 0.0), history, jitter)
            for picture, mask, fake in ((blend.target, no_mask, 0.0), (blend.image, blend.mask, 1.0))
        ]

    def _blend(self, sample: FaceSample, image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Blend:
        if rng.random() < 0.65:
            return self_blend(image, landmarks, rng)
        # The donor is the face of most similar pose among a few dozen of the same kind, never the same clip.
        pool = self._real[sample.video]
        chosen = rng.choice(len(pool), size=min(60, len(pool)), replace=False)
        distance = np.linalg.norm(self._shapes[sample.video][chosen] - landmark_shape(landmarks), axis=1)
        strangers = [pool[i] for i in chosen[np.argsort(distance)] if pool[i].group != sample.group]
        if not strangers:
            return self_blend(image, landmarks, rng)
        donor = strangers[0]
        return swap_blend(self._shards.read(donor), donor.landmarks, image, landmarks, rng)

    def _single(self, sample: FaceSample, logits: tuple[float, float], mask: float, rng: np.random.Generator) -> _Row:
        image, landmarks = _with_history(*self._read(sample, rng), rng)
        history, jitter = rng.integers(2**62, size=2)
        return self._row(image, np.full(image.shape[:2], mask, np.float32), landmarks, logits, history, jitter)

    def _row(
        self,
        image: np.ndarray,
        mask: np.ndarray,
        landmarks: np.ndarray,
        logits: tuple[float, float],
        history_seed: int,
        jitter_seed: int,
    ) -> _Row:
        rng = np.random.default_rng(history_seed)
        coloured = recolour(image, rng) if rng.random() < 0.5 else image
        worse = degrade(coloured, rng)
        points = jitter_landmarks(landmarks, np.random.default_rng(jitter_seed))
        scale = np.array([worse.shape[1] / image.shape[1], worse.shape[0] / image.shape[0]])
        cells = cv2.resize(self._align(mask, points), (self._cells, self._cells), interpolation=cv2.INTER_AREA)
        return _Row(self._align(worse, points * scale), logits, cells)

    def _read(self, sample: FaceSample, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        image, landmarks = self._shards.read(sample), sample.landmarks
        if rng.random() < 0.5:
            image, landmarks = flip(image, landmarks)
        return image, landmarks


def flip(image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mirror a picture and its five landmarks, whose right and left change places."""
    mirrored = landmarks[[1, 0, 2, 4, 3]].copy()
    mirrored[:, 0] = image.shape[1] - 1 - mirrored[:, 0]
    return np.ascontiguousarray(image[:, ::-1]), mirrored


def jitter_landmarks(landmarks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move landmarks as another detector or frame would, and the whole crop a little."""
    centre = landmarks.mean(axis=0)
    reach = float(np.linalg.norm(landmarks - centre, axis=1).mean())
    angle, scale = np.deg2rad(rng.normal(0, 3)), float(np.exp(rng.normal(0, 0.05)))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    noise = rng.normal(0, 0.025 * reach, landmarks.shape) + rng.normal(0, 0.05 * reach, 2)
    return (landmarks - centre) @ turn.T + centre + noise


def _with_history(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Give a picture the history that it may have had before anyone forged it."""
    old = degrade(image, rng, 0.7) if rng.random() < 0.5 else image
    return old, landmarks * (old.shape[1] / image.shape[1], old.shape[0] / image.shape[0])
