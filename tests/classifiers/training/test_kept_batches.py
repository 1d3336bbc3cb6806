"""Batches that are kept, taught, and shrunk."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from functools import partial

import numpy as np
import openvino as ov
import pytest
from openvino import opset13

pytest.importorskip("av", reason="degrading needs the extra 'train'")

from classifiers import ModelError, create_engine, find_model
from classifiers.architectures.hinted_layer import HintedLayer
from classifiers.datasets import PictureReader, face_shards
from classifiers.errors import OutputError
from classifiers.model_spec import ModelFile
from classifiers.stored_network import load_network
from classifiers.training.batch import NO_HINTS, UNKNOWN, Batch
from classifiers.training.kept_batches import KeptBatches
from classifiers.training.labelled_batches import LabelledBatches
from classifiers.training.taught_batches import (
    HintedBatches,
    ShrunkBatches,
    SoftenedBatches,
    TaughtBatches,
    Teacher,
    TeacherOutput,
)
from extractors.align import CropGeometry, align_face
from tests.tiny_shards import write_shards

FACTS = {"seed": 1}


class Numbered:
    """Batches in which every number tells which batch it is of; counts how many it made."""

    teacher_features = 0
    hint_channels = NO_HINTS

    def __init__(self) -> None:
        self.made: list[int] = []

    def batch(self, number: int) -> Batch:
        self.made.append(number)
        ramp = np.arange(6, dtype=np.float32)
        crops = np.broadcast_to((10 * number + ramp)[None, None, :, None], (8, 6, 6, 3)).astype(np.uint8)
        masks = np.broadcast_to(ramp / 6, (8, 6, 6)).copy()
        return Batch(crops, np.full((8, 2), number, np.float32), masks, np.ones(8, np.float32))


class Taught(Numbered):
    teacher_features = 5

    def batch(self, number: int) -> Batch:
        return replace(super().batch(number), teacher=np.full((8, 5), number / 7, np.float32))


def test_batches_are_made_once_and_come_again(tmp_path):
    source = Numbered()
    kept = KeptBatches(source, tmp_path / "kept", 4, FACTS, seed=1)
    first = [kept.batch(number) for number in range(4)]
    for number, batch in enumerate(first):
        np.testing.assert_array_equal(batch.crops, Numbered().batch(number).crops)
    for turn in (1, 2):
        numbers = [kept.batch(4 * turn + place).logits[0, 0] for place in range(4)]
        assert sorted(numbers) == [0, 1, 2, 3]
    assert sorted(source.made) == [0, 1, 2, 3]
    orders = {tuple(kept.batch(4 * turn + place).logits[0, 0] for place in range(4)) for turn in range(1, 9)}
    assert len(orders) > 1, "every turn has an order of its own"


def test_crops_are_mirrored_with_their_masks(tmp_path):
    kept = KeptBatches(Numbered(), tmp_path, 1, FACTS, seed=1)
    original = kept.batch(0)
    mirrored = 0
    for number in range(1, 5):
        batch = kept.batch(number)
        for row in range(8):
            turned = (batch.crops[row] != original.crops[row]).any()
            step = -1 if turned else 1
            np.testing.assert_array_equal(batch.crops[row], original.crops[row, :, ::step])
            np.testing.assert_array_equal(batch.masks[row], original.masks[row, :, ::step])
            mirrored += turned
    assert 8 < mirrored < 24


def test_another_run_makes_none_anew_and_gets_the_same(tmp_path):
    before = KeptBatches(Taught(), tmp_path, 3, FACTS, seed=1)
    batches = [before.batch(number) for number in range(7)]
    source = Taught()
    after = KeptBatches(source, tmp_path, 3, FACTS, seed=1)
    for number, batch in enumerate(batches):
        for field in fields(Batch):
            np.testing.assert_array_equal(getattr(after.batch(number), field.name), getattr(batch, field.name))
    assert not source.made


def test_batches_that_are_made_otherwise_lie_elsewhere(tmp_path):
    KeptBatches(Numbered(), tmp_path, 3, FACTS, seed=1).batch(0)
    source = Numbered()
    KeptBatches(source, tmp_path, 3, {"seed": 2}, seed=2).batch(0)
    assert source.made == [0]


@pytest.mark.parametrize("kept_bytes", [0, 100, -100])
def test_damaged_batch_is_made_anew(tmp_path, kept_bytes):
    expected = KeptBatches(Numbered(), tmp_path, 1, FACTS, seed=1).batch(0)
    (file,) = tmp_path.rglob("*.npz")
    file.write_bytes(file.read_bytes()[:kept_bytes])
    batch = KeptBatches(Numbered(), tmp_path, 1, FACTS, seed=1).batch(0)
    np.testing.assert_array_equal(batch.crops, expected.crops)
    source = Numbered()
    KeptBatches(source, tmp_path, 1, FACTS, seed=1).batch(0)
    assert not source.made and not list(tmp_path.rglob(".part-*"))


def test_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be kept in"):
        KeptBatches(Numbered(), tmp_path / "file", 3, FACTS, seed=1)


def test_threads_make_the_same_batch_at_once(tmp_path):
    kept = KeptBatches(Taught(), tmp_path, 1, FACTS, seed=1)
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(kept.batch, [0] * 32))
    for batch in batches:
        np.testing.assert_array_equal(batch.teacher, batches[0].teacher)


def test_shrunk_batches_keep_what_is_unknown(tmp_path):
    class Masked(Numbered):
        def batch(self, number: int) -> Batch:
            batch = super().batch(number)
            batch.masks[:] = UNKNOWN
            batch.masks[0] = 0
            batch.masks[0, :3, :3] = 1
            return batch

    batch = ShrunkBatches(Masked(), size=3, cells=2).batch(0)
    assert batch.crops.shape == (8, 3, 3, 3) and batch.crops.dtype == np.uint8
    np.testing.assert_allclose(batch.masks[0], [[1, 0], [0, 0]])
    assert (batch.masks[1:] == UNKNOWN).all()


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> LabelledBatches:
    samples = face_shards.samples(write_shards(tmp_path_factory.mktemp("shards")))
    align = partial(align_face, geometry=CropGeometry(224))
    return LabelledBatches(PictureReader(), samples, align, batch_size=8, mask_cells=2, seed=1)


def test_features_are_those_that_the_teacher_decides_by(faces):
    keras = pytest.importorskip("keras")
    model = find_model("mobilenet_v2")
    teacher = Teacher(model, threads=2)
    assert (teacher.size, teacher.width) == (224, 1280)
    network = load_network(model)
    crops = faces.batch(0).crops
    expected = keras.Model(network.input, network.get_layer("pool").output).predict(crops, verbose=0)
    seen = teacher.predict(crops)
    np.testing.assert_allclose(seen.features, expected, atol=1e-3)
    np.testing.assert_allclose(seen.logits, network.predict(crops, verbose=0), atol=1e-3)
    assert np.ptp(expected) > 1
    # Twice in a row costs once; other crops are looked at.
    assert teacher.predict(crops) is seen
    assert np.abs(teacher.predict(crops[::-1]).logits - seen.logits).max() > 0.1
    np.testing.assert_array_equal(teacher.predict(crops).logits, seen.logits)


@pytest.mark.slow
def test_a_teacher_with_8_bit_kernels_says_what_the_engine_says_to_every_thread(faces):
    model = find_model("mobilenet_efficientnet")
    engine = create_engine("openvino", model, precision="f32")
    batches = [faces.batch(number).crops for number in range(6)]
    expected = [engine.predict(crops) for crops in batches]
    for _ in range(2):
        teacher = Teacher(model, threads=3)
        with ThreadPoolExecutor(3) as threads:
            seen = list(threads.map(teacher.predict, batches))
        np.testing.assert_allclose([each.logits for each in seen], expected, atol=1e-3)


def test_network_that_ends_in_something_else_cannot_teach(tmp_path):
    pixels = opset13.parameter([-1, 224, 224, 3], np.float32)
    ov.save_model(ov.Model([opset13.sigmoid(opset13.reduce_mean(pixels, [1, 2]))], [pixels]), tmp_path / "odd.xml")
    files = {
        kind: ModelFile(f"odd.{end}", hashlib.sha256((tmp_path / f"odd.{end}").read_bytes()).hexdigest())
        for kind, end in (("openvino_graph", "xml"), ("openvino_weights", "bin"))
    }
    odd = replace(find_model(), folder=tmp_path, files={**find_model().files, **files})
    with pytest.raises(ModelError, match="does not end in a dense layer"):
        Teacher(odd, threads=1)


def test_model_without_openvino_files_cannot_teach():
    model = find_model("mobilenet_v2")
    with pytest.raises(ModelError, match="facewitness export"):
        Teacher(replace(model, files={"keras": model.files["keras"]}), threads=1)


def test_taught_batches_hold_centred_features(faces):
    taught = TaughtBatches(faces, Teacher(find_model("mobilenet_v2"), threads=2))
    assert taught.teacher_features == 1280
    seen = np.concatenate([taught.batch(number).teacher for number in range(8)])
    assert seen.dtype == np.float32 and seen.shape == (64, 1280)
    np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-3)
    assert seen.std() == pytest.approx(1, abs=1e-3)
    np.testing.assert_array_equal(taught.batch(0).crops, faces.batch(0).crops)
    assert set(taught.batch(0).targets()) == {"logits", "mask", "teacher"}


def test_networks_side_by_side_teach_as_one(faces):
    joined, alone = (Teacher(find_model(name), threads=1) for name in ("mobilenet_efficientnet", "mobilenet_v2"))
    assert joined.width == 2 * alone.width
    assert joined.map_channels == {112: 32, 56: 48, 28: 80, 14: 216, 7: 672}
    crops = faces.batch(0).crops
    both, first = joined.predict(crops), alone.predict(crops)
    for side, maps in both.maps.items():
        assert maps.shape == (len(crops), side, side, joined.map_channels[side])
        # The kernels of the joined one are rounded to 8 bits.
        half = maps[..., : alone.map_channels[side]]
        assert np.abs(half - first.maps[side]).mean() < 0.1 * first.maps[side].std()


def test_maps_are_those_that_the_teacher_widens(faces):
    keras = pytest.importorskip("keras")
    model = find_model("mobilenet_v2")
    teacher = Teacher(model, threads=2)
    assert teacher.map_channels == {112: 16, 56: 24, 28: 32, 14: 96, 7: 320}
    network = load_network(model)
    crops = faces.batch(0).crops
    # The last of its size in each case.
    layers = {28: "block_5_add", 14: "block_12_add", 7: "block_16_project"}
    outputs = {side: network.get_layer(name).output for side, name in layers.items()}
    expected = keras.Model(network.input, outputs).predict(crops, verbose=0)
    found = teacher.predict(crops).maps
    for side in layers:
        assert found[side].shape == (8, side, side, teacher.map_channels[side])
        np.testing.assert_allclose(found[side], expected[side], atol=2e-3)


class Ramps:
    """A teacher who sees, in each of two sizes of cells, how far to the right and how far down they are."""

    map_channels = {8: 2, 4: 2}  # noqa: RUF012 - never changed

    def predict(self, crops: np.ndarray) -> TeacherOutput:
        maps = {side: np.broadcast_to(self.ramp(side), (len(crops), side, side, 2)) for side in self.map_channels}
        logits = np.tile(np.float32([0, np.log(3)]), (len(crops), 1))
        return TeacherOutput(np.zeros((len(crops), 5), np.float32), logits, maps)

    def ramp(self, side: int) -> np.ndarray:
        centres = (np.arange(side, dtype=np.float32) + 0.5) / side
        return np.stack(np.meshgrid(centres, centres), axis=-1)


def test_hints_are_read_where_the_cells_of_a_layer_are():
    layers = {"fine": HintedLayer(5, 4), "coarse": HintedLayer(11.5, 8)}
    hinted = HintedBatches(Numbered(), Ramps(), layers, {"fine": 6, "coarse": 2}, size=32)
    assert hinted.hint_channels == {"fine": 2, "coarse": 2}
    batch = hinted.batch(0)
    assert {"hint_fine", "hint_coarse"} < set(batch.targets())
    for name, layer in layers.items():
        hints = batch.hints[name]
        places = (layer.first_centre + 0.5 + layer.step * np.arange(hints.shape[1])) / 32
        across, down = np.meshgrid(places, places)
        expected = np.stack([across - across.mean(), down - down.mean()], axis=-1)
        np.testing.assert_allclose(hints[0], expected / expected.std(), atol=1e-4)
    np.testing.assert_array_equal(batch.crops, Numbered().batch(0).crops)


@pytest.mark.parametrize("share", [0.1, 0.4, 1.0])
def test_targets_are_mixed_with_what_the_teacher_says(share):
    class Targeted(Numbered):
        def batch(self, number: int) -> Batch:
            return replace(super().batch(number), logits=np.tile(np.float32([1, UNKNOWN]), (8, 1)))

    batch = SoftenedBatches(Targeted(), Ramps(), share).batch(0)
    # The ramps' teacher says 1 : 1 of the first output and 3 : 1 of the second.
    expected = [1 - share / 2, 0.75]
    np.testing.assert_allclose(batch.logits, np.tile(np.float32(expected), (8, 1)), atol=1e-6)
    assert not batch.hints and set(batch.targets()) == {"logits", "mask"}
