"""Kept batches are used again by whoever would make the same ones: what is in one must not change behind their back."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

pytest.importorskip("av", reason="degrading needs the extra 'train'")

from classifiers.datasets import PictureReader, face_shards
from classifiers.training.batch import BATCHES_VERSION, Batch
from classifiers.training.blended_batches import BlendedBatches, Mixture
from classifiers.training.labelled_batches import LabelledBatches
from classifiers.training.twin_batches import TwinBatches
from extractors.align import CropGeometry, align_face
from tests.tiny_shards import swapped_inside, write_shards

VERSION = 2
# Mean of each crop. Codecs and processors differ by less than a grey level, other random choices by tens of them.
BLENDED = (
    131.2, 130.7, 143.8, 140.5, 132.1, 133.0, 85.2, 84.5, 130.1, 129.4, 108.2, 108.1, 137.9, 134.9, 130.8, 137.1, 137.0,
    127.6, 123.5, 122.9, 126.2,
)  # fmt: skip
LABELLED = (94.6, 119.5, 122.0, 123.5, 149.7, 113.8, 136.1, 131.9, 121.6, 150.4, 130.0, 138.0)
TWINS = (132.7, 114.2, 151.0, 130.3, 130.2, 124.1, 132.8, 117.7, 116.9, 103.5, 154.7, 135.4)
TWIN_MASKS = (0.208, -1.0, 0.068, -1.0, -1.0, -1.0)
CHANGED = "what is in a batch has changed: raise BATCHES_VERSION, and write it and the new means into this test"


@pytest.fixture(scope="module")
def batches(tmp_path_factory) -> tuple[Batch, Batch, Batch]:
    folder = tmp_path_factory.mktemp("shards")
    samples, reader = face_shards.samples(write_shards(folder)), PictureReader()
    align = partial(align_face, geometry=CropGeometry(64))
    mixture = Mixture(pairs=6, reals=1, swaps=2, generated=2)
    blended = BlendedBatches(reader, samples, align, mixture, mask_cells=4, seed=1)
    photograph = next(sample for sample in samples if not sample.fake)
    real = replace(photograph, origin="twins", scene="one")
    of_twins = TwinBatches(blended, reader, [real, swapped_inside(real, folder)], align, {"twins": 6}, seed=1)
    return (
        blended.batch(3),
        LabelledBatches(reader, samples, align, batch_size=12, mask_cells=4, seed=1).batch(3),
        of_twins.batch(3),
    )


def test_batches_are_those_of_their_version(batches: tuple[Batch, Batch, Batch]):
    assert BATCHES_VERSION == VERSION, "write the means of the new version into this test"
    blended, labelled, of_twins = (batch.crops.mean(axis=(1, 2, 3)) for batch in batches)
    assert np.allclose(blended, BLENDED, atol=1.5), CHANGED
    assert np.allclose(labelled, LABELLED, atol=1.5), CHANGED
    assert np.allclose(of_twins, (*BLENDED, *TWINS), atol=1.5), CHANGED
    masks = batches[2].masks[len(blended) + 1 :: 2].mean(axis=(1, 2))
    assert np.allclose(masks, TWIN_MASKS, atol=0.01), CHANGED
