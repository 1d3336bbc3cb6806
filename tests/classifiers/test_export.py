"""Models in other formats: they say the same there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from classifiers import ModelError, ModelSpec, create_engine, find_model
from classifiers.architectures import build
from classifiers.calibration import UNCALIBRATED
from classifiers.export import MAX_DIFFERENCE, ExportedModel, export_model, export_openvino, save_network
from classifiers.model_spec import Agreement, write_manifest
from pipeline.cli import main
from tests.classifiers.small_models import crops_of, model_of
from tests.tiny_shards import write_shards

slow = pytest.mark.slow


@pytest.fixture(scope="module")
def cnn(tmp_path_factory) -> ModelSpec:
    return model_of("cnn", 32, tmp_path_factory.mktemp("cnn"))


@slow
@pytest.mark.parametrize("file_format", ["saved_model", "tflite"])
@pytest.mark.parametrize("name", ["capsnet", "cnn", "mobilenet_v2"])
def test_formats_for_other_programs_agree(name, file_format, tmp_path):
    if file_format == "tflite":
        pytest.importorskip("ai_edge_litert")
    exported = export_model(model_of(name, 32, tmp_path), file_format, tmp_path / "exported")
    assert exported.agrees and exported.difference <= MAX_DIFFERENCE
    assert [path.exists() for path in exported.files.values()] == [True]


@slow
def test_folder_of_exports_is_a_model_to_scan_with(cnn, tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    (cnn.folder / "manifest.json").write_text(json.dumps({"models": [cnn.to_json()]}))
    command = ["export", str(cnn.folder / "manifest.json"), "-o", str(tmp_path / "exported"), "--format"]
    assert main([*command, "onnx"]) == 0
    assert "largest difference of a logit from Keras: " in capsys.readouterr().out
    exported = find_model(str(tmp_path / "exported/manifest.json"))
    assert set(exported.files) == {"keras", "onnx"}
    engine = create_engine("auto", exported, threads=1)
    assert (engine.name, engine.precision) == ("onnxruntime", "f32")
    assert engine.weights_sha256 == exported.files["onnx"].sha256
    expected = create_engine("keras", cnn).predict(crops_of(32))
    for count in (0, 1, 6):
        np.testing.assert_allclose(engine.predict(crops_of(32)[:count]), expected[:count], atol=1e-3)

    assert main([*command, "openvino"]) == 0
    exported = find_model(str(tmp_path / "exported/manifest.json"))
    assert set(exported.files) == {"keras", "onnx", "openvino_graph", "openvino_weights"}
    assert create_engine("auto", exported).name == "openvino"

    other = model_of("cnn", 48, tmp_path / "other")
    with pytest.raises(ModelError, match="already holds other weights of a model called 'cnn'"):
        export_model(other, "openvino", tmp_path / "exported")


@slow
def test_trained_network_becomes_a_model_that_is_not_calibrated(tmp_path):
    network = build("cnn", input_size=32)
    template = tuple((x, y) for x, y in find_model().crop_template)
    model = save_network(network, tmp_path, crop_template=template, crop_cut_size=48, card="card.md")
    write_manifest(tmp_path / "manifest.json", [model])
    assert find_model(str(tmp_path / "manifest.json")) == model
    assert (model.name, model.architecture, model.crop_size, model.crop_cut_size) == ("cnn", "cnn", 32, 48)
    expected = network.predict_on_batch(crops_of(32).astype(np.float32))
    for engine in ("openvino", "keras"):
        np.testing.assert_allclose(create_engine(engine, model).predict(crops_of(32)), expected, atol=1e-3)
    scores = model.calibration.scores(0.0, -30.0)
    assert scores.manipulated == 0.5 and model.thresholds.likely_real == model.thresholds.likely_fake == 0.5


@slow
def test_model_that_cannot_be_exported(cnn, tmp_path):
    with pytest.raises(ValueError, match="no format is called 'caffe'; there are openvino, onnx, saved_model, tflite"):
        export_model(cnn, "caffe", tmp_path)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(ModelError, match=r"manifest\.json is not a manifest of models"):
        export_model(cnn, "onnx", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot write to"):
        export_model(cnn, "openvino", tmp_path / "file" / "folder")
    (tmp_path / "damaged.keras").write_bytes((cnn.folder / "cnn.keras").read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"damaged\.keras is not a network that Keras saved"):
        export_openvino(tmp_path / "damaged.keras", tmp_path / "damaged.xml")


@slow
def test_backend_that_cannot_export_says_which_can(cnn, tmp_path):
    pytest.importorskip("jax")
    script = (
        f"from classifiers.export import *; export_openvino(Path({str(cnn.folder / 'cnn.keras')!r}), Path('x.xml'))"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=200)
    assert "exporting to OpenVINO needs Keras on tensorflow or torch, not on jax" in run.stderr


@slow
def test_agreement_of_int8_files_is_of_one_calibration(cnn, tmp_path):
    assert export_model(cnn, "openvino", tmp_path).agrees
    manifest = tmp_path / "manifest.json"
    agreement = Agreement(0.01, 5, "crops")
    write_manifest(manifest, [replace(find_model(str(manifest)), agreement=agreement)])
    assert export_model(cnn, "openvino", tmp_path).agrees
    assert find_model(str(manifest)).agreement == agreement
    assert export_model(replace(cnn, calibration=UNCALIBRATED), "openvino", tmp_path).agrees
    assert find_model(str(manifest)).agreement is None


def test_only_numbers_close_to_those_of_keras_agree():
    differences = (0.0, MAX_DIFFERENCE, 1.1 * MAX_DIFFERENCE, float("inf"), float("nan"))
    assert [ExportedModel({}, difference).agrees for difference in differences] == [True, True, False, False, False]


def test_data_set_without_crops_to_quantise_on(capsys, tmp_path):
    shards = write_shards(tmp_path)
    for index in shards.glob("*.csv"):
        index.write_text(index.read_text().replace(",train,", ",test,"))
    command = ["export", "mobilenet_v2", "--format", "openvino", "--precision", "int8", "--data", str(shards)]
    assert main([*command, "-o", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "has no face crops in its part 'train'; quantising needs some in 'train' and in 'val'" in message


def test_model_that_is_not_there(capsys, tmp_path):
    assert main(["export", "nowhere", "--format", "onnx", "-o", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("facewitness export: no model and no manifest is called 'nowhere'")
