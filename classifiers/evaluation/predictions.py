"""The logits of a data set's face crops, and what gave none."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.datasets import AlignFace, DataError, Picture, PictureReader, Sample
from classifiers.engines import Engine
from classifiers.numerals import counted

log = logging.getLogger(__name__)

ChangePicture = Callable[[Picture, int], Picture]
"""Degrades a picture, given a seed; it may change the size."""

_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Unscored:
    """An input that gave no score.

    Attributes:
        sample: the input.
        status: why, in one word: "unreadable", or the status of its scan.
        message: why, in one sentence.
    """

    sample: Sample
    status: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a network says of the faces of a data set.

    Attributes:
        samples: of each crop; those of one group may stand apart.
        logits: float32 (n, 2), manipulated and generated.
        unscored: the inputs that gave nothing.
    """

    samples: Sequence[Sample]
    logits: npt.NDArray[np.float32]
    unscored: Sequence[Unscored] = ()

    def groups(self) -> list[npt.NDArray[np.intp]]:
        """Give the rows of each clip or still, in order of first appearance.

        A real clip and a fake one may bear the same name; they are two.
        """
        rows: dict[tuple[str, bool], list[int]] = {}
        for row, sample in enumerate(self.samples):
            rows.setdefault((sample.group, sample.fake), []).append(row)
        return [np.array(found) for found in rows.values()]

    def part(self, rows: npt.NDArray[Any] | Sequence[int]) -> Predictions:
        """Give some of the crops, and what gave nothing in any case.

        Args:
            rows: their numbers, int (n,).
        """
        rows = np.asarray(rows, np.intp)
        return Predictions([self.samples[row] for row in rows], self.logits[rows], self.unscored)


def joined(parts: Sequence[Predictions]) -> Predictions:
    """Put what one network says of several data sets behind each other; at least one."""
    return Predictions(
        [sample for part in parts for sample in part.samples],
        np.concatenate([part.logits for part in parts]),
        [item for part in parts for item in part.unscored],
    )


def in_common(each: Sequence[Predictions]) -> list[Predictions]:
    """Leave out what one of several networks could not be given, so that all are measured on the same crops.

    Args:
        each: what each network says of the same samples, in the same order.
    """
    rows = [{id(sample): row for row, sample in enumerate(one.samples)} for one in each]
    common = [sample for sample in each[0].samples if all(id(sample) in place for place in rows)]
    unscored = list({id(item.sample): item for one in each for item in one.unscored}.values())
    return [
        replace(one.part([place[id(sample)] for sample in common]), unscored=unscored)
        for one, place in zip(each, rows, strict=True)
    ]


def predict(
    engine: Engine,
    samples: Sequence[Sample],
    reader: PictureReader,
    align: AlignFace,
    *,
    change: ChangePicture | None = None,
    max_unreadable: float = 0.01,
    progress: Callable[[Iterable[Sample]], Iterable[Sample]] = iter,
) -> Predictions:
    """Classify face crops, a batch at a time.

    Args:
        engine: runs the network.
        samples: pictures with landmarks.
        reader: reads the pictures.
        align: cuts the crop that the network was trained on.
        change: what happens to each picture before its crop is cut, or None.
        max_unreadable: share of the pictures that may be unreadable; these are left out and told.
        progress: wraps the samples to show how far it has come.

    Raises:
        DataError: a sample has no landmarks, or too many pictures cannot be read.
    """
    for sample in samples:
        # Before the first of them is classified.
        _ = sample.known_landmarks
    kept: list[Sample] = []
    unscored: list[Unscored] = []
    logits: list[np.ndarray] = [np.empty((0, 2), np.float32)]
    crops: list[np.ndarray] = []
    for sample in progress(samples):
        try:
            crops.append(_crop(sample, reader, align, change))
        except (DataError, ValueError) as error:
            log.warning("left out: %s", error)
            unscored.append(Unscored(sample, "unreadable", str(error)))
            if len(unscored) > max_unreadable * len(samples):
                raise DataError(
                    f"more than {max_unreadable:.1%} of {counted(len(samples), 'picture')} cannot be used, the last "
                    f"one because {error}; allow more with --max-unreadable"
                ) from error
            continue
        kept.append(sample)
        if len(crops) == _BATCH:
            logits.append(engine.predict(np.stack(crops)))
            crops.clear()
    if crops:
        logits.append(engine.predict(np.stack(crops)))
    return Predictions(kept, np.concatenate(logits), unscored)


def _crop(sample: Sample, reader: PictureReader, align: AlignFace, change: ChangePicture | None) -> Picture:
    image = reader.read(sample)
    landmarks = sample.known_landmarks
    if change is not None:
        height, width = image.shape[:2]
        image = change(image, _seed(sample))
        landmarks = landmarks * np.array([image.shape[1] / width, image.shape[0] / height], np.float32)
    return align(image, landmarks)


def _seed(sample: Sample) -> int:
    """Seed of a picture's own noise: the same on every machine, wherever the data set lies."""
    return zlib.crc32((sample.member or sample.path.name).encode("utf-8", "surrogateescape"))
