"""The contract of `classifiers.engines.Engine`: every engine in the registry must pass this suite.

A new engine needs no tests of its own for what is tested here; one that needs a file of its own adds a line to
`EXPORTED`.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from classifiers import ENGINES, Engine, ModelError, ModelSpec, create_engine, find_model
from classifiers.engines import PRECISIONS
from classifiers.export import export_model
from classifiers.model_spec import ModelFile
from extractors.align import CropGeometry, align_face
from tests.tiny_shards import FACE, FACE_LANDMARKS

EXPORTED = {"onnxruntime": "onnx"}
"""The formats that no shipped model has, by the engines that need them."""

# All but one load TensorFlow, to compute or to export.
PARAMETERS = [pytest.param(name, marks=() if name == "openvino" else pytest.mark.slow) for name in ENGINES]


@pytest.fixture(scope="module", params=PARAMETERS)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def model(name, tmp_path_factory) -> ModelSpec:
    """The smallest shipped model, with the files that the engine needs."""
    shipped = find_model("fast")
    if name not in EXPORTED:
        return shipped
    pytest.importorskip(name)
    pytest.importorskip("tf2onnx")
    folder = tmp_path_factory.mktemp(name)
    assert export_model(shipped, EXPORTED[name], folder).agrees
    return find_model(str(folder / "manifest.json"))


@pytest.fixture(scope="module")
def engine(name, model) -> Engine:
    return create_engine(name, model, threads=1)


@pytest.fixture(scope="module")
def crops(model) -> np.ndarray:
    """Twenty-five crops of a face, none quite like another, and ten of noise and plain colours."""
    rng = np.random.default_rng(0)
    geometry = CropGeometry.of_model(model)
    faces = [align_face(FACE, FACE_LANDMARKS + rng.normal(0, 4, (5, 2)), geometry) for _ in range(25)]
    noise = rng.integers(0, 256, (7, *faces[0].shape), np.uint8)
    plain = np.broadcast_to(np.array([0, 128, 255], np.uint8)[:, None, None, None], (3, *faces[0].shape))
    return np.concatenate([faces, noise, plain])


@pytest.fixture(scope="module")
def logits(engine, crops) -> np.ndarray:
    """Of all crops at once."""
    return engine.predict(crops)


def test_engine_says_what_it_is(engine, name, model):
    assert (engine.name, engine.precision, engine.device) == (name, "f32", "CPU")
    assert engine.weights_sha256 in {file.sha256 for file in model.files.values()}


def test_logits_are_two_numbers_for_each_crop(crops, logits):
    assert logits.shape == (len(crops), 2) and logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert len(np.unique(logits.round(3), axis=0)) > 25


@pytest.mark.slow
def test_logits_are_those_of_keras(name, model, crops, logits):
    if name == "keras":
        pytest.skip("the reference itself")
    np.testing.assert_allclose(logits, create_engine("keras", model).predict(crops), atol=1e-3)


@pytest.mark.parametrize("count", [0, 1, 33])
def test_logits_of_a_crop_do_not_depend_on_how_many_there_are(engine, crops, logits, count):
    # An engine works through them in parts.
    found = engine.predict(crops[:count])
    assert found.shape == (count, 2) and found.dtype == np.float32
    np.testing.assert_allclose(found, logits[:count], atol=1e-4)


def test_logits_of_a_crop_do_not_depend_on_its_neighbours(engine, crops, logits):
    np.testing.assert_allclose(engine.predict(crops[[34, 3, 28]]), logits[[34, 3, 28]], atol=1e-4)


def test_earlier_logits_and_crops_stay_as_they_were(engine, crops):
    some, other = crops[:1].copy(), crops[30:31].copy()
    first = engine.predict(some)
    kept = first.copy()
    engine.predict(other)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(some, crops[:1])


def test_crops_may_be_views_of_others(engine, crops):
    mirrored = crops[:3, :, ::-1]
    assert not mirrored.flags.c_contiguous
    np.testing.assert_allclose(engine.predict(mirrored), engine.predict(mirrored.copy()), atol=1e-4)


def test_number_of_threads_does_not_matter(name, model, crops, logits):
    for threads in (None, 2):
        np.testing.assert_allclose(create_engine(name, model, threads).predict(crops[:2]), logits[:2], atol=1e-4)


@pytest.mark.parametrize("precision", ["auto", *PRECISIONS])
def test_engine_computes_in_the_precision_that_is_wanted_or_says_that_it_cannot(name, model, crops, precision):
    try:
        engine = create_engine(name, model, precision=precision)
    except ModelError as error:
        assert precision not in ("auto", "f32") and precision in str(error)
    else:
        assert engine.precision in ((precision,) if precision != "auto" else PRECISIONS)
        assert np.isfinite(engine.predict(crops[:2])).all()


def test_device_that_is_not_there(name, model):
    with pytest.raises(ModelError, match=r"NPU\.9"):
        create_engine(name, model, device="npu.9")


@pytest.mark.parametrize(
    "unfit",
    [
        pytest.param(lambda crops: crops.astype(np.float32), id="float"),
        pytest.param(lambda crops: crops[:, 1:, 1:], id="smaller"),
        pytest.param(lambda crops: crops[..., :1], id="grey"),
        pytest.param(lambda crops: crops[0], id="single"),
    ],
)
def test_crops_of_another_form(engine, crops, unfit):
    with pytest.raises(ValueError, match=r"crops must be uint8 \(n, \d+, \d+, 3\), not"):
        engine.predict(unfit(crops))


def test_model_without_files_for_the_engine(name, model):
    lacking = replace(model, files={"keras": ModelFile("missing.keras", "0" * 64)})
    with pytest.raises(ModelError, match=r"has no openvino_|has no onnx file|missing\.keras"):
        create_engine(name, lacking)


def write_in_place(model: ModelSpec, folder: Path, content: bytes) -> None:
    """Write another content into a folder for every file of a model."""
    for file in model.files.values():
        (folder / file.file).write_bytes(content)


def test_altered_files_are_refused(name, model, tmp_path):
    write_in_place(model, tmp_path, b"altered")
    with pytest.raises(ModelError, match=f"is not the file that model {model.name!r} was released with"):
        create_engine(name, replace(model, folder=tmp_path))


def test_files_that_hold_something_else(name, model, tmp_path):
    write_in_place(model, tmp_path, b"weights")
    digest = sha256(b"weights").hexdigest()
    files = {kind: ModelFile(file.file, digest) for kind, file in model.files.items()}
    with pytest.raises(ModelError, match=f"of model {model.name!r} (cannot be loaded|does not hold weights)"):
        create_engine(name, replace(model, files=files, folder=tmp_path))


def test_model_whose_files_are_for_crops_of_another_size(name, model):
    with pytest.raises(ModelError, match=r"not crops of|not a mobilenet_v2 for 96"):
        create_engine(name, replace(model, crop_size=96))
