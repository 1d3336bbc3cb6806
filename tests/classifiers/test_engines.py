"""Which engine and precision run a model, and what each engine does that others do not."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import numpy as np
import openvino as ov
import pytest
from openvino import opset13

from classifiers import Engine, ModelError, create_engine, find_model, shipped_models
from classifiers.engines.openvino_engine import adds_int8_exactly
from classifiers.model_spec import ModelFile
from extractors.align import CropGeometry, align_face
from tests.tiny_shards import FACE, FACE_LANDMARKS

MODEL = find_model()
CAPABILITIES = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
needs_exact_int8 = pytest.mark.skipif(
    not adds_int8_exactly(ov.Core(), "CPU"), reason="the processor saturates sums of 8-bit products"
)


@pytest.fixture(scope="module")
def openvino() -> Engine:
    return create_engine("openvino", MODEL, threads=1)


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """Twenty-five crops of a face, none quite like another, and ten of noise and plain colours."""
    rng = np.random.default_rng(0)
    geometry = CropGeometry.of_model(MODEL)
    faces = [align_face(FACE, FACE_LANDMARKS + rng.normal(0, 4, (5, 2)), geometry) for _ in range(25)]
    noise = rng.integers(0, 256, (7, *faces[0].shape), np.uint8)
    plain = np.broadcast_to(np.array([0, 128, 255], np.uint8)[:, None, None, None], (3, *faces[0].shape))
    return np.concatenate([faces, noise, plain])


@pytest.fixture(scope="module")
def logits(openvino, crops) -> np.ndarray:
    """Of all crops at once."""
    return openvino.predict(crops)


def test_auto_is_openvino_on_the_cpu_in_full_precision():
    engine = create_engine("auto", MODEL)
    assert (engine.name, engine.precision, engine.device) == ("openvino", "f32", "CPU")
    assert engine.weights_sha256 == MODEL.files["openvino_weights"].sha256


def scores(logits: np.ndarray) -> np.ndarray:
    return np.array([MODEL.calibration.scores(*row).fake for row in logits])


@needs_exact_int8
def test_automatic_precision_is_int8_where_sums_are_exact(crops, logits):
    engine = create_engine("auto", MODEL, precision="auto", device="cpu")
    assert (engine.precision, engine.device) == ("int8", "CPU")
    assert engine.weights_sha256 == MODEL.files["openvino_int8_weights"].sha256
    found = engine.predict(crops)
    assert found.dtype == np.float32 and np.abs(found - logits).max() > 1e-3
    faces = slice(25)
    assert np.abs(scores(found[faces]) - scores(logits[faces])).mean() < 0.02
    np.testing.assert_array_equal(create_engine("openvino", MODEL, 1, "int8").predict(crops), found)


@pytest.mark.slow
@pytest.mark.parametrize("model", shipped_models().values(), ids=shipped_models().keys())
def test_keras_says_the_same_for_every_shipped_model(model):
    rng = np.random.default_rng(2)
    geometry = CropGeometry.of_model(model)
    faces = np.stack([align_face(FACE, FACE_LANDMARKS + rng.normal(0, 4, (5, 2)), geometry) for _ in range(3)])
    expected = create_engine("keras", model).predict(faces)
    np.testing.assert_allclose(create_engine("openvino", model).predict(faces), expected, atol=1e-3)


@pytest.mark.skipif("BF16" not in CAPABILITIES, reason="the processor does not compute in bfloat16")
@pytest.mark.parametrize("name", ["mobilenet_efficientnet", "mobilenet_v2"])
def test_bfloat16_says_nearly_the_same(crops, name):
    model, faces = find_model(name), crops[:25]
    engine = create_engine("openvino", model, precision="bf16")
    assert engine.precision == "bf16"
    assert engine.weights_sha256 == model.files["openvino_weights"].sha256
    expected, found = create_engine("openvino", model).predict(faces), engine.predict(faces)
    assert np.abs(found - expected).max() > 1e-3
    assert np.abs(scores(found) - scores(expected)).mean() < 0.01


@pytest.mark.skipif("BF16" not in CAPABILITIES, reason="the processor does not compute in bfloat16")
def test_automatic_precision_is_bfloat16_where_there_are_no_int8_files():
    without_int8 = {kind: file for kind, file in MODEL.files.items() if "int8" not in kind}
    assert create_engine("openvino", replace(MODEL, files=without_int8), precision="auto").precision == "bf16"


@pytest.mark.skipif("BF16" not in CAPABILITIES, reason="the processor does not compute in bfloat16")
@pytest.mark.parametrize("skips", [False, True])
def test_bfloat16_computes_the_whole_graph(tmp_path, skips):
    """Its first layers are computed by themselves where nothing goes around them."""
    rng = np.random.default_rng(1)

    def convolve(values: ov.Node, outputs: int) -> ov.Node:
        inputs = values.output(0).get_partial_shape()[1].get_length()
        kernel = rng.normal(0, 1, (outputs, inputs, 1, 1)).astype(np.float32)
        return opset13.convolution(values, kernel, [1, 1], [0, 0], [0, 0], [1, 1])

    pixels = opset13.parameter([-1, 8, 8, 3], np.float32)
    mapped = convolve(opset13.transpose(opset13.divide(pixels, np.float32(255)), [0, 3, 1, 2]), 3)
    widened = convolve(convolve(mapped, 2), 3)
    mapped = opset13.add(widened, mapped) if skips else widened
    weights = rng.normal(0, 1, (3, 2)).astype(np.float32)
    logits = opset13.matmul(opset13.reduce_mean(mapped, [2, 3]), weights, False, False)
    ov.save_model(ov.Model([logits], [pixels]), tmp_path / "graph.xml", compress_to_fp16=False)
    files = {
        kind: ModelFile.of(tmp_path / name)
        for kind, name in (("openvino_graph", "graph.xml"), ("openvino_weights", "graph.bin"))
    }
    model = replace(MODEL, crop_size=8, folder=tmp_path, files=MODEL.files | files)
    crops = rng.integers(0, 256, (9, 8, 8, 3), np.uint8)
    expected = create_engine("openvino", model, precision="f32").predict(crops)
    found = create_engine("openvino", model, precision="bf16").predict(crops)
    np.testing.assert_allclose(found, expected, atol=0.03 * np.abs(expected).max())
    assert np.ptp(expected) > 0.01 and (found != expected).any()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="only x86 processors lack exact sums")
def test_processor_without_exact_sums_does_not_run_int8():
    # oneDNN, which OpenVINO computes with, then keeps to the instructions of an older processor.
    script = """
from classifiers import create_engine, find_model
print(create_engine("openvino", find_model(), precision="auto").precision)
create_engine("openvino", find_model(), precision="int8")
"""
    output = in_process(script, ONEDNN_MAX_CPU_ISA="AVX2")
    assert output.startswith(("bf16\n", "f32\n"))
    assert "cannot run in int8: device CPU does not add 8-bit products exactly; choose another precision" in output


def test_int8_needs_files_of_its_own():
    lacking = replace(MODEL, files={kind: file for kind, file in MODEL.files.items() if "int8" not in kind})
    with pytest.raises(ModelError, match=f"model {MODEL.name!r} cannot run in int8: it has no int8 files"):
        create_engine("openvino", lacking, precision="int8")


@pytest.mark.parametrize("lacking", ["bf16", "f16"])
def test_precision_that_the_processor_does_not_have(monkeypatch, lacking):
    # The newest processors have them all.
    monkeypatch.setattr(ov.Core, "get_property", lambda *_: ["FP32", "INT8"])
    with pytest.raises(ModelError, match=f"device CPU does not compute in {lacking}; it does in .*f32"):
        create_engine("openvino", MODEL, precision=lacking)


@pytest.mark.parametrize("engine", ["onnxruntime", "keras", "tensorflow"])
def test_engine_that_computes_in_f32_only(engine):
    with pytest.raises(ModelError, match=f"the {engine} engine computes in f32, not in bf16; the openvino engine may"):
        create_engine(engine, MODEL, precision="bf16")


def test_device_that_computes_in_no_known_precision(monkeypatch):
    monkeypatch.setattr(ov.Core, "get_property", lambda *_: ["BIN"])
    for precision in ("auto", "f32"):
        with pytest.raises(ModelError, match="device CPU computes in none of int8, bf16, f32, f16; choose another"):
            create_engine("openvino", MODEL, precision=precision)


def test_device_whose_driver_fails_does_not_add_exactly():
    # Nothing can be compiled for a device that is not there.
    assert not adds_int8_exactly(ov.Core(), "GPU.9")


def test_unknown_precision():
    with pytest.raises(ValueError, match="no precision is called 'int4'; there are auto, int8, bf16, f32, f16"):
        create_engine("openvino", MODEL, precision="int4")


def test_device_that_is_not_there():
    with pytest.raises(ModelError, match=r"the openvino engine finds no device GPU\.9; there are CPU"):
        create_engine("openvino", MODEL, device="gpu.9")
    pytest.importorskip("onnxruntime")
    named = replace(MODEL, files={**MODEL.files, "onnx": MODEL.files["openvino_graph"]})
    with pytest.raises(ModelError, match="the onnxruntime engine finds no device NPU; there are CPU"):
        create_engine("onnxruntime", named, device="NPU")


def test_unknown_engine():
    with pytest.raises(
        ValueError, match="no engine is called 'caffe'; there are auto, openvino, onnxruntime, keras, tensorflow"
    ):
        create_engine("caffe", MODEL)


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
from classifiers.engines.openvino_engine import adds_int8_exactly
from classifiers.model_spec import ModelFile
entry = ModelFile("empty.onnx", {digest!r})
model = replace(find_model(), files={{"keras": entry, "onnx": entry}}, folder=Path({str(tmp_path)!r}))
create_engine("onnxruntime", model)
"""
    assert "the onnxruntime engine needs `pip install 'onnxruntime" in in_process(script)


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
engine = create_engine("auto", replace(model, files=model.source_files), threads=1)
assert (engine.name, engine.precision, engine.device) == ("keras", "f32", "CPU")
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
def test_too_late_for_another_number_of_threads_in_tensorflow():
    create_engine("tensorflow", MODEL).predict(np.zeros((1, 224, 224, 3), np.uint8))
    # But no reason to fail.
    assert create_engine("tensorflow", MODEL, threads=2).name == "tensorflow"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["keras", "tensorflow"])
def test_keras_runs_where_it_does(engine):
    with pytest.raises(ModelError, match=f"the {engine} engine runs where Keras does, on the CPU, not on NPU"):
        create_engine(engine, MODEL, device="npu")
