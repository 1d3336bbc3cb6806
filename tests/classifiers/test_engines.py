"""What runs the networks: all engines say the same, however crops come in batches."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from classifiers import ENGINES, Engine, ModelError, create_engine, find_model
from classifiers.model_spec import ModelFile
from extractors.align import CropGeometry, align_face
from tests.tiny_shards import FACE, FACE_LANDMARKS

MODEL = find_model()


@pytest.fixture(scope="module")
def openvino() -> Engine:
    return create_engine("openvino", MODEL, threads=1)


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """Twenty-five crops of a face, none quite like another, and ten of noise and plain colours."""
    rng = np.random.default_rng(0)
    geometry = CropGeometry(MODEL.crop_size, MODEL.crop_template)
    faces = [align_face(FACE, FACE_LANDMARKS + rng.normal(0, 4, (5, 2)), geometry) for _ in range(25)]
    noise = rng.integers(0, 256, (7, *faces[0].shape), np.uint8)
    plain = np.broadcast_to(np.array([0, 128, 255], np.uint8)[:, None, None, None], (3, *faces[0].shape))
    return np.concatenate([faces, noise, plain])


@pytest.fixture(scope="module")
def logits(openvino, crops) -> np.ndarray:
    """Of all crops at once."""
    return openvino.predict(crops)


def test_logits_are_two_numbers_for_each_crop(crops, logits):
    assert logits.shape == (len(crops), 2) and logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert len(np.unique(logits.round(3), axis=0)) > 25


@pytest.mark.parametrize("count", [0, 1, 33])
def test_logits_of_a_crop_do_not_depend_on_how_many_there_are(openvino, crops, logits, count):
    # An engine works through them in parts.
    found = openvino.predict(crops[:count])
    assert found.shape == (count, 2)
    np.testing.assert_allclose(found, logits[:count], atol=1e-4)


def test_logits_of_a_crop_do_not_depend_on_its_neighbours(openvino, crops, logits):
    np.testing.assert_allclose(openvino.predict(crops[[34, 3, 28]]), logits[[34, 3, 28]], atol=1e-4)


def test_earlier_logits_and_crops_stay_as_they_were(openvino, crops):
    some, other = crops[:1].copy(), crops[30:31].copy()
    first = openvino.predict(some)
    kept = first.copy()
    openvino.predict(other)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(some, crops[:1])


def test_number_of_threads_does_not_matter(crops, logits):
    np.testing.assert_allclose(create_engine("openvino", MODEL).predict(crops[:2]), logits[:2], atol=1e-4)


def test_auto_is_openvino_in_full_precision():
    engine = create_engine("auto", MODEL)
    assert (engine.name, engine.precision) == ("openvino", "f32")


def test_unknown_engine():
    with pytest.raises(
        ValueError, match="no engine is called 'caffe'; there are auto, openvino, onnxruntime, keras, tensorflow"
    ):
        create_engine("caffe", MODEL)


@pytest.mark.parametrize("engine", ENGINES)
def test_model_without_files_for_the_engine(engine):
    lacking = replace(MODEL, files={"keras": replace(MODEL.files["keras"], file="missing.keras")})
    with pytest.raises(ModelError, match=r"has no openvino_|has no onnx file|missing\.keras"):
        create_engine(engine, lacking)


def test_damaged_onnx_file(tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "text.onnx").write_text("weights")
    entry = ModelFile("text.onnx", sha256(b"weights").hexdigest())
    with pytest.raises(ModelError, match="the ONNX file of model 'mobilenet_v2' cannot be loaded"):
        create_engine("onnxruntime", replace(MODEL, files={**MODEL.files, "onnx": entry}, folder=tmp_path))


def in_process(script: str, **environment: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
        timeout=200,
    )
    return run.stdout + run.stderr


def test_engine_that_is_not_installed(tmp_path):
    (tmp_path / "empty.onnx").touch()
    digest = sha256(b"").hexdigest()
    # A module of None in sys.modules cannot be imported, just like one that is not there.
    script = f"""
import sys
sys.modules["onnxruntime"] = None
from dataclasses import replace
from pathlib import Path
from classifiers import create_engine, find_model
from classifiers.model_spec import ModelFile
entry = ModelFile("empty.onnx", {digest!r})
model = replace(find_model(), files={{"keras": entry, "onnx": entry}}, folder=Path({str(tmp_path)!r}))
create_engine("onnxruntime", model)
"""
    assert "the onnxruntime engine needs `pip install 'facewitness[onnx]'`" in in_process(script)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_keras_engine_runs_on_other_backends(backend, crops, logits, tmp_path):
    pytest.importorskip(backend)
    np.save(tmp_path / "crops.npy", crops[:5])
    script = f"""
import numpy as np
from dataclasses import replace
from classifiers import create_engine, find_model
model = find_model()
engine = create_engine("auto", replace(model, files={{"keras": model.files["keras"]}}), threads=1)
assert (engine.name, engine.precision) == ("keras", "f32")
np.save({str(tmp_path / "logits.npy")!r}, engine.predict(np.load({str(tmp_path / "crops.npy")!r})))
create_engine("tensorflow", model)
"""
    output = in_process(script, KERAS_BACKEND=backend)
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), logits[:5], atol=1e-3)
    assert "the tensorflow engine needs KERAS_BACKEND=tensorflow" in output


def test_scanning_engine_needs_no_tensorflow():
    script = """
import sys
import numpy as np
from classifiers import create_engine, find_model
model = find_model()
create_engine("auto", model).predict(np.zeros((1, model.crop_size, model.crop_size, 3), np.uint8))
loaded = {"tensorflow", "keras", "torch", "jax"} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.slow
def test_tensorflow_and_openvino_give_the_same_logits(crops, logits):
    reference = create_engine("tensorflow", MODEL)
    assert (reference.name, reference.precision) == ("tensorflow", "f32")
    expected = reference.predict(crops)
    assert expected.shape == logits.shape and expected.dtype == np.float32
    np.testing.assert_allclose(logits, expected, atol=1e-3)
    np.testing.assert_allclose(reference.predict(crops[:1]), expected[:1], atol=1e-4)
    assert reference.predict(crops[:0]).shape == (0, 2)
    assert create_engine("keras", MODEL).name == "keras"
    other = replace(MODEL, crop_size=96)
    with pytest.raises(ModelError, match="holds a mobilenet_v2 for crops of 224 pixels, not a mobilenet_v2 for 96"):
        create_engine("keras", other)
    # Too late for another number of threads in this process, but no reason to fail.
    assert create_engine("tensorflow", MODEL, threads=2).name == "tensorflow"
