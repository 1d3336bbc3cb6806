"""Batches with real faces beside the same faces as a swap left them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="degrading needs the extra 'train'")

from classifiers.datasets import PictureReader, Sample, face_shards
from classifiers.errors import DataError
from classifiers.training.batch import NO_HINTS, UNKNOWN, Batch
from classifiers.training.twin_batches import TwinBatches, shared_twins
from extractors.align import CropGeometry, align_face
from tests.tiny_shards import write_shards

SIZE, CELLS = 64, 4


class Grey:
    """Batches of three grey crops."""

    teacher_features = 0
    hint_channels = NO_HINTS

    def batch(self, number: int) -> Batch:
        crops = np.full((3, SIZE, SIZE, 3), 128, np.uint8)
        return Batch(
            crops, np.zeros((3, 2), np.float32), np.zeros((3, CELLS, CELLS), np.float32), np.ones(3, np.float32)
        )


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> list[Sample]:
    """One clip of a talk and its swap are of one scene; another clip and a reenactment are of two."""
    scenes = {"talk one": "talk", "swap": "talk", "talk two": "other", "puppet": "third"}
    found = face_shards.samples(write_shards(tmp_path_factory.mktemp("shards")))
    return [replace(sample, scene=scenes.get(sample.clip, "")) for sample in found]


def batches(samples: list[Sample], strength: float = 1.0, seed: int = 1, **twins: int) -> TwinBatches:
    align = partial(align_face, geometry=CropGeometry(SIZE))
    twins = {name.replace("_", "/"): count for name, count in twins.items()}
    return TwinBatches(Grey(), PictureReader(), samples, align, twins, seed, strength)


def test_twins_follow_the_rows_of_the_other_source(samples):
    batch = batches(samples, owner_name=2).batch(0)
    assert batch.crops.shape == (7, SIZE, SIZE, 3) and batch.crops.dtype == np.uint8
    assert (batch.crops[:3] == 128).all() and (batch.crops[3:] != 128).any(axis=(1, 2, 3)).all()
    assert batch.logits.dtype == np.float32 and batch.logits[3:].tolist() == [[0, 0], [1, UNKNOWN]] * 2
    assert (batch.masks[3::2] == 0).all() and (batch.masks[4::2] == UNKNOWN).all()
    assert batch.weights.tolist() == [1] * 7


def test_both_halves_go_through_one_history(samples):
    """Of equal pictures nothing but the labels would tell the halves apart."""
    real = next(sample for sample in samples if sample.clip == "talk one")
    alike = [real, replace(real, fake=True, family="faceswap", clip="swap")]
    for number in range(8):
        crops = batches(alike, owner_name=3).batch(number).crops[3:]
        np.testing.assert_array_equal(crops[::2], crops[1::2])
        assert (crops[0] != crops[2]).any()


def test_number_and_seed_alone_decide_a_batch(samples):
    source = batches(samples, owner_name=2)
    source.batch(0)
    fifth = source.batch(5).crops
    np.testing.assert_array_equal(fifth, batches(samples, owner_name=2).batch(5).crops)
    assert (fifth != source.batch(6).crops).any() and (
        fifth != batches(samples, seed=2, owner_name=2).batch(5).crops
    ).any()


def test_data_set_without_twins(samples):
    with pytest.raises(DataError, match="DFDC has no scene with a real and a forged picture"):
        batches(samples, DFDC=1)
    with pytest.raises(DataError, match="owner/name has no scene"):
        batches([sample for sample in samples if sample.clip != "talk one"], owner_name=1)


def test_scene_is_read_from_the_index(tmp_path: Path):
    folder = write_shards(tmp_path)
    index = folder / "video_faces.csv"
    header, *rows = index.read_text().splitlines()
    index.write_text("\n".join([f"{header},scene", *(f"{row},{number // 3}" for number, row in enumerate(rows))]))
    assert [sample.scene for sample in face_shards.samples(index)][::3] == ["0", "1", "2", "3", "4"]
    assert {sample.scene for sample in face_shards.samples(folder / "real.csv")} == {""}


def test_pairs_are_shared_by_the_square_roots_of_the_scenes():
    def scenes(origin: str, count: int) -> list[Sample]:
        found = [
            Sample(Path(f"{origin}{n}"), fake, origin=origin, scene=str(n)) for n in range(count) for fake in (0, 1)
        ]
        return [*found, Sample(Path("alone"), True, origin="swaps", scene="one")]

    samples = scenes("large", 100) + scenes("small", 4)
    assert shared_twins(samples, 6) == {"large": 5, "small": 1}
    assert shared_twins(samples, 1) == {"large": 1}
    with pytest.raises(DataError, match="no scene with a real and a forged picture"):
        shared_twins(scenes("large", 0), 2)
