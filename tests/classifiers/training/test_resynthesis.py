"""Redrawn faces. The generator here draws the negative of what it is shown."""

from __future__ import annotations

from functools import partial

import numpy as np
import openvino as ov
import pytest
from openvino import opset13

pytest.importorskip("av", reason="degrading needs the extra 'train'")

from classifiers.datasets import PictureReader, face_shards
from classifiers.training.batch import UNKNOWN
from classifiers.training.blended_batches import BlendedBatches, Mixture
from classifiers.training.resynthesis import FaceGenerators, cut_face
from classifiers.training.self_blending import resynthesis_blend
from extractors.align import CropGeometry, align_face
from tests.tiny_shards import FACE, FACE_LANDMARKS, write_shards

SIDE = 32


@pytest.fixture(scope="module")
def generators(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generators")
    crop = opset13.parameter([1, SIDE, SIDE, 3], np.float32)
    negative = opset13.subtract(opset13.constant(np.float32(255)), crop)
    ov.save_model(ov.Model([negative], [crop]), folder / "negative.xml", compress_to_fp16=False)
    return FaceGenerators(folder)


def test_crop_holds_the_eyes_level_and_apart():
    crop, matrix = cut_face(FACE, FACE_LANDMARKS, SIDE)
    assert crop.shape == (SIDE, SIDE, 3) and crop.dtype == np.uint8
    points = FACE_LANDMARKS @ matrix[:, :2].T + matrix[:, 2]
    assert abs(points[0, 1] - points[1, 1]) < 0.1 * SIDE
    assert 0.2 * SIDE < points[1, 0] - points[0, 0] < 0.5 * SIDE


def test_only_the_inside_of_the_crop_is_resynthesised(generators):
    resynthesised = generators.resynthesise(FACE, FACE_LANDMARKS, np.random.default_rng(0))
    _, matrix = cut_face(FACE, FACE_LANDMARKS, SIDE)
    y, x = np.mgrid[: FACE.shape[0], : FACE.shape[1]]
    in_crop = np.stack([x, y], axis=-1) @ matrix[:, :2].T + matrix[:, 2]
    outside = ((in_crop < -1) | (in_crop > SIDE)).any(axis=-1)
    assert outside.any() and not outside.all()
    for picture in (resynthesised.image, resynthesised.resampled):
        assert picture.shape == FACE.shape and picture.dtype == np.uint8
        assert (picture[outside] == FACE[outside]).all()
    centre = tuple(FACE_LANDMARKS.mean(axis=0).astype(int)[::-1])
    error = np.abs(resynthesised.image.astype(int) - FACE).mean(axis=-1)
    soft_error = np.abs(resynthesised.resampled.astype(int) - FACE).mean(axis=-1)
    assert error[centre] > soft_error[centre]
    assert soft_error[~outside].mean() < 0.5 * error[~outside].mean()


def test_a_blend_differs_from_its_picture_only_under_the_mask(generators):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        resynthesised = generators.resynthesise(FACE, FACE_LANDMARKS, rng)
        blend = resynthesis_blend(resynthesised.image, resynthesised.resampled, FACE, FACE_LANDMARKS, rng)
        assert blend.generated
        for picture in (blend.image, blend.target):
            assert (picture[blend.mask == 0] == FACE[blend.mask == 0]).all()
        assert (blend.image != blend.target).any()


def test_batches_with_resynthesised_faces_are_repeatable_and_ask_nothing_of_the_second_output(generators, tmp_path):
    reader, samples = PictureReader(), face_shards.samples(write_shards(tmp_path))
    align = partial(align_face, geometry=CropGeometry(64))
    mixture = Mixture(pairs=12, reals=0, swaps=0, generated=0)
    first, second = (BlendedBatches(reader, samples, align, mixture, 4, 1, generators).batch(0) for _ in range(2))
    assert (first.crops == second.crops).all() and (first.masks == second.masks).all()
    real, fake = first.logits[0::2], first.logits[1::2]
    assert (real == 0).all() and (fake[:, 0] == 1).all()
    assert 0 < (fake[:, 1] == UNKNOWN).sum() < 12


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no face generator"):
        FaceGenerators(tmp_path)


@pytest.mark.slow
def test_trained_autoencoder_resynthesises_faces(tmp_path):
    from classifiers.training.autoencoder import Autoencoder, train_autoencoder

    plan = Autoencoder("small", "shuffle", side=32, halvings=2, code=4, texture=1.0)
    faces = np.stack([cut_face(FACE, FACE_LANDMARKS + shift, 32)[0] for shift in range(4)])
    train_autoencoder(plan, faces, checkpoints=(2, 60), folder=tmp_path, seed=1, batch_size=4)
    first, last = (read(tmp_path, name) for name in ("small-2", "small-60"))
    resynthesised = [g.resynthesise(FACE, FACE_LANDMARKS, np.random.default_rng(3)).image for g in (first, last)]
    errors = [np.abs(image.astype(int) - FACE).mean() for image in resynthesised]
    assert errors[1] < 0.7 * errors[0]


def read(folder, name):
    """Read one of the checkpoints alone."""
    alone = folder / name
    alone.mkdir()
    for ending in ("xml", "bin"):
        (folder / f"{name}.{ending}").rename(alone / f"{name}.{ending}")
    return FaceGenerators(alone)
