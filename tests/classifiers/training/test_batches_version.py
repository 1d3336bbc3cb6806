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
from tests.tiny_shards import write_shards

VERSION = 1
# Mean of each crop. Codecs and processors differ by less than a grey level, other random choices by tens of them.
BLENDED = (
    131.2, 130.7, 143.8, 140.5, 132.1, 133.0, 85.2, 84.5, 130.1, 129.4, 108.2, 108.1, 137.9, 134.9, 130.8, 137.1, 137.0,
    127.6, 123.5, 122.9, 126.2,
)  # fmt: skip
LABELLED = (94.6, 119.5, 122.0, 123.5, 149.7, 113.8, 136.1, 131.9, 121.6, 150.4, 130.0, 138.0)
TWINS = (116.0, 126.9, 112.0, 117.7, 113.9, 119.8)
CHANGED = "what is in a batch has changed: raise BATCHES_VERSION, and write it and the new means into this test"


@pytest.fixture(scope="module")
def batches(tmp_path_factory) -> tuple[Batch, Batch, Batch]:
    samples, reader = face_shards.samples(write_shards(tmp_path_factory.mktemp("shards"))), PictureReader()
    align = partial(align_face, geometry=CropGeometry(64))
    mixture = Mixture(pairs=6, reals=1, swaps=2, generated=2)
    blended = BlendedBatches(reader, samples, align, mixture, mask_cells=4, seed=1)
    one_scene = [replace(s, scene="one") for s in samples if s.clip in ("talk one", "swap")]
    of_twins = TwinBatches(blended, reader, one_scene, align, {"owner/name": 3}, seed=1)
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
