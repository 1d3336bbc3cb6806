"""Held-out figures that choose between the epochs of a training run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from classifiers.datasets import GENERATED_FAMILIES, AlignFace, DataError, PictureReader, Sample
from classifiers.degradation import degrade
from classifiers.evaluation.metrics import roc_auc
from classifiers.training.batch import targets
from classifiers.training.resynthesis import FaceGenerators
from classifiers.training.self_blending import resynthesis_blend, self_blend

Predict = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""Maps (n, size, size, 3) RGB crops to (n, 2) logits."""

_BLEND_SEED = 20_000_003
_MOST_CROPS = 4000


class LabelledValidation:
    """Crops of the validation split as they are, against their labels.

    Args:
        reader: reads the pictures.
        samples: held-out samples, real and fake; of more than a few thousand some are chosen.
        align: cuts the crop.

    Raises:
        DataError: a class is missing.
    """

    def __init__(self, reader: PictureReader, samples: Sequence[Sample], align: AlignFace) -> None:
        samples = _some(samples)
        self._fake = np.array([sample.fake for sample in samples])
        if not self._fake.any() or self._fake.all():
            raise DataError("the validation split needs real and fake samples")
        self._crops = np.stack([align(reader.read(sample), sample.known_landmarks) for sample in samples])
        self._targets = np.array([targets(sample) for sample in samples], np.float32)

    def figures(self, predict: Predict) -> dict[str, float]:
        """Compute figures of single crops.

        Args:
            predict: the network.

        Returns:
            "held_out_loss": cross entropy of the known targets; "accuracy": of the larger logit's sign; "auc" and
            "selection": area under the ROC curve of the summed odds.
        """
        logits = np.asarray(predict(self._crops), np.float64)
        known = self._targets >= 0
        losses = np.logaddexp(0, logits) - self._targets * logits
        odds = np.logaddexp(logits[:, 0], logits[:, 1])
        auc = roc_auc(self._fake, odds)
        return {
            "held_out_loss": float(losses[known].mean()),
            "accuracy": float(((logits.max(axis=1) > 0) == self._fake).mean()),
            "auc": auc,
            "selection": auc,
        }


class BlendedValidation:
    """Crops of held-out sources, as they are and degraded, with blended and resynthesised twins of the real faces.

    The random choices of blending and degrading are fixed and are never met in training.

    Args:
        reader: reads the pictures.
        samples: held-out samples, real and fake; of more than a few thousand some are chosen.
        align: cuts the crop.
        generators: resynthesise the real faces; none of their decoders may be met in training. None for no such figure.

    Raises:
        DataError: real faces are missing.
    """

    def __init__(
        self,
        reader: PictureReader,
        samples: Sequence[Sample],
        align: AlignFace,
        generators: FaceGenerators | None = None,
    ) -> None:
        if all(sample.fake for sample in samples):
            raise DataError("the validation split needs real faces to blend")
        self.samples = _some(samples)
        clean, degraded = [], []
        # Crops of the pictures that received a face, and of the forgeries.
        blended: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        resynthesised: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for number, sample in enumerate(self.samples):
            image, landmarks = reader.read(sample), sample.known_landmarks
            clean.append(align(image, landmarks))
            degraded.append(_degraded_crop(image, landmarks, align, number))
            if not sample.fake:
                rng = np.random.default_rng((_BLEND_SEED, number))
                forged = [(self_blend(image, landmarks, rng), blended)]
                if generators:
                    face = generators.resynthesise(image, landmarks, rng)
                    forged.append((resynthesis_blend(face.image, face.resampled, image, landmarks, rng), resynthesised))
                for blend, (reals, fakes) in forged:
                    # Twins share the history, so only the forgery tells them apart.
                    reals.append(_degraded_crop(blend.target, landmarks, align, number))
                    fakes.append(_degraded_crop(blend.image, landmarks, align, number))
        self.clean, self.degraded = np.stack(clean), np.stack(degraded)
        self.targets, self.blends = (np.stack(crops) for crops in blended)
        self._twins = {"blend": (self.targets, self.blends)}
        if generators:
            self._twins["resynth"] = (np.stack(resynthesised[0]), np.stack(resynthesised[1]))

    def figures(self, predict: Predict) -> dict[str, float]:
        """Compute areas under the ROC curve, of clips where there are several crops of one.

        Args:
            predict: the network.

        Returns:
            "blend" and "resynth": degraded real faces against their self-blended or resynthesised twins, by the first
            logit; "generated": clips of generated faces against real clips, by the second; "swap": clips of altered
            faces against real clips, by the first; the last two also of stills, and degraded; "selection": the mean of
            all. What the samples lack is left out.
        """
        figures = {}
        for name, (reals, fakes) in self._twins.items():
            labels = np.repeat([False, True], (len(reals), len(fakes)))
            figures[name] = roc_auc(labels, np.concatenate([predict(reals)[:, 0], predict(fakes)[:, 0]]))
        for name, crops in (("", self.clean), ("_degraded", self.degraded)):
            logits = predict(crops)
            for medium, video in (("", True), ("_still", False)):
                rows = [row for row, sample in enumerate(self.samples) if bool(sample.clip) is video]
                figures[f"swap{medium}{name}"] = self._clip_auc(logits[:, 0], rows, generated=False)
                figures[f"generated{medium}{name}"] = self._clip_auc(logits[:, 1], rows, generated=True)
        # A data set may lack a kind of forgery.
        figures = {name: value for name, value in figures.items() if np.isfinite(value)}
        figures["selection"] = float(np.mean(list(figures.values())))
        return figures

    def _clip_auc(self, logits: np.ndarray, rows: Sequence[int], *, generated: bool) -> float:
        """Compare the forgeries of one kind with the real faces, a clip or a still at a time."""
        clips: dict[tuple[bool, str], list[float]] = {}
        for row in rows:
            sample = self.samples[row]
            if not sample.fake or (sample.family in GENERATED_FAMILIES) is generated:
                clips.setdefault((sample.fake, sample.group), []).append(float(logits[row]))
        return roc_auc(np.array([fake for fake, _ in clips]), np.array([np.mean(v) for v in clips.values()]))


def _degraded_crop(image: np.ndarray, landmarks: np.ndarray, align: AlignFace, number: int) -> np.ndarray:
    worse = degrade(image, np.random.default_rng((_BLEND_SEED + 1, number)))
    return align(worse, landmarks * (worse.shape[1] / image.shape[1], worse.shape[0] / image.shape[0]))


def _some(samples: Sequence[Sample]) -> list[Sample]:
    """Choose as many samples as a validation can bear, the same ones every time."""
    chosen = np.random.default_rng(_BLEND_SEED).permutation(len(samples))[:_MOST_CROPS]
    return [samples[i] for i in sorted(chosen)]
