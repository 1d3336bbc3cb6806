"""Held-out figures that choose between the rounds of a training run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from classifiers.datasets import FaceSample, FaceShards
from classifiers.evaluation.metrics import roc_auc
from classifiers.training.degrade import degrade
from classifiers.training.samples import AlignFace
from classifiers.training.self_blending import self_blend

_BLEND_SEED = 20_000_003


class ValidationSet:
    """Crops of held-out sources, as they are and degraded, with a self-blended twin of each real face.

    The random choices of blending and degrading are fixed and are never met in training.

    Args:
        shards: where the pictures are.
        samples: held-out samples, real and fake.
        align: cuts the crop.
    """

    def __init__(self, shards: FaceShards, samples: Sequence[FaceSample], align: AlignFace) -> None:
        self.samples = list(samples)
        self._video = np.array([s.video for s in self.samples])
        clean, degraded, targets, blends = [], [], [], []
        for number, sample in enumerate(self.samples):
            image = shards.read(sample)
            clean.append(align(image, sample.landmarks))
            degraded.append(_degraded_crop(image, sample.landmarks, align, number))
            if not sample.fake:
                # Twins share the history, so only the seam tells them apart.
                blend = self_blend(image, sample.landmarks, np.random.default_rng((_BLEND_SEED, number)))
                targets.append(_degraded_crop(blend.target, sample.landmarks, align, number))
                blends.append(_degraded_crop(blend.image, sample.landmarks, align, number))
        self.clean, self.degraded = np.stack(clean), np.stack(degraded)
        self.targets, self.blends = np.stack(targets), np.stack(blends)

    def figures(self, predict: Callable[[np.ndarray], np.ndarray]) -> dict[str, float]:
        """Compute areas under the ROC curve, of clips where there are several crops of one.

        Args:
            predict: uint8 (n, size, size, 3) crops to (n, 2) logits.

        Returns:
            "blend": degraded real faces against their blended twins, by the first logit; "drawn": clips of animated
            portraits against real clips, by the second; "swap": clips of face swaps against real clips, by the
            first; the last two also degraded; "selection": the mean of all.
        """
        degraded, targets, blends = predict(self.degraded), predict(self.targets), predict(self.blends)
        labels = np.repeat([False, True], (len(targets), len(blends)))
        figures = {"blend": roc_auc(labels, np.concatenate([targets[:, 0], blends[:, 0]]))}
        clips = (("", predict(self.clean[self._video])), ("_degraded", degraded[self._video]))
        for name, logits in clips:
            figures[f"swap{name}"] = self._clip_auc(logits[:, 0], lambda s: s.family == "faceswap")
            figures[f"drawn{name}"] = self._clip_auc(logits[:, 1], lambda s: s.fake and s.family != "faceswap")
        figures["selection"] = float(np.mean(list(figures.values())))
        return figures

    def _clip_auc(self, logits: np.ndarray, is_fake: Callable[[FaceSample], bool]) -> float:
        clips: dict[str, list[float]] = {}
        labels: dict[str, bool] = {}
        video = [sample for sample in self.samples if sample.video]
        for sample, logit in zip(video, logits, strict=True):
            if not sample.fake or is_fake(sample):
                clips.setdefault(sample.group, []).append(float(logit))
                labels[sample.group] = sample.fake
        return roc_auc(np.array(list(labels.values())), np.array([np.mean(v) for v in clips.values()]))


def _degraded_crop(image: np.ndarray, landmarks: np.ndarray, align: AlignFace, number: int) -> np.ndarray:
    worse = degrade(image, np.random.default_rng((_BLEND_SEED + 1, number)))
    return align(worse, landmarks * (worse.shape[1] / image.shape[1], worse.shape[0] / image.shape[0]))
