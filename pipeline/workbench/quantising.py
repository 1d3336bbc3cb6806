"""Crops that a model is quantised on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifiers import ModelSpec
from classifiers.datasets import DataError, PictureReader, Sample, open_dataset
from classifiers.datasets.splitting import split_by_group
from classifiers.quantize import RANGE_CROPS
from extractors.align import CropGeometry, align_face

_HELD_OUT_CROPS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class QuantisingCrops:
    """What `classifiers.quantize.quantize_model` takes.

    Attributes:
        training: uint8 (n, size, size, 3) RGB, whose ranges of values are measured.
        held_out: uint8 (n, size, size, 3) RGB, on which the scores before and after are compared.
        measured_on: what the latter are, in words.
    """

    training: npt.NDArray[np.uint8]
    held_out: npt.NDArray[np.uint8]
    measured_on: str


def quantising_crops(spec: ModelSpec, dataset: str | Path) -> QuantisingCrops:
    """Draw crops of the training and of the validation part of a data set, cut as a model takes them.

    Args:
        spec: the model.
        dataset: folder or index file of a data set of face crops with landmarks.

    Raises:
        DataError: the data set cannot be used, or holds no face crops for training or for validation.
    """
    dataset = Path(dataset)
    geometry, reader = CropGeometry.of_model(spec), PictureReader()
    samples = [sample for sample in open_dataset(dataset, "auto") if sample.landmarks is not None]
    if not samples:
        raise DataError(f"{dataset} holds no face crops with landmarks; make some with `facewitness faces`")
    samples = split_by_group(samples)

    def draw(split: str, most: int) -> npt.NDArray[np.uint8]:
        part: list[Sample] = [sample for sample in samples if sample.split == split]
        if not part:
            raise DataError(
                f"{dataset} has no face crops in its part {split!r}; quantising needs some in 'train' and in 'val'"
            )
        chosen = [part[i] for i in np.random.default_rng(0).permutation(len(part))[:most]]
        return np.stack([align_face(reader.read(one), one.known_landmarks, geometry) for one in chosen])

    training, held_out = draw("train", RANGE_CROPS), draw("val", _HELD_OUT_CROPS)
    return QuantisingCrops(training, held_out, f"crops of the validation part of {dataset.name}")
