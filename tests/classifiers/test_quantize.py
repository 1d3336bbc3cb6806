"""Models in 8-bit integers: they say the same, or are not kept."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

from classifiers import ModelError, ModelSpec, create_engine, find_model, quantize
from classifiers.calibration import UNCALIBRATED, Platt
from classifiers.engines.openvino_engine import adds_int8_exactly
from classifiers.export import export_model
from classifiers.model_spec import Agreement, write_manifest
from classifiers.quantize import quantize_model, scores_of
from pipeline.cli import main
from tests.classifiers.small_models import model_of
from tests.tiny_shards import FACE, write_shards

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not adds_int8_exactly(ov.Core(), "CPU"), reason="the processor saturates sums of 8-bit products"
    ),
]


def faces(count: int, seed: int) -> np.ndarray:
    """Windows of a face, some lighter than others, uint8 (count, 32, 32, 3) RGB."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, len(FACE) - 32, (count, 2))
    light = rng.uniform(0.6, 1, count)
    return np.stack(
        [(FACE[y : y + 32, x : x + 32] * k).astype(np.uint8) for (y, x), k in zip(corners, light, strict=True)]
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> ModelSpec:
    return export_of_cnn(tmp_path_factory.mktemp("cnn"))


def export_of_cnn(folder: Path) -> ModelSpec:
    assert export_model(model_of("cnn", 32, folder / "model"), "openvino", folder / "exported").agrees
    return find_model(str(folder / "exported/manifest.json"))


def manifest_of(original: ModelSpec, folder: Path, steepness: float) -> Path:
    """Write a manifest of the model, beside another one; the steeper, the more its scores differ with its logits."""
    shutil.copytree(original.folder, folder, dirs_exist_ok=True)
    # The logits of all faces are about as high.
    calibration = replace(UNCALIBRATED, joint=Platt(steepness, -3.5 * steepness))
    spec = replace(original, calibration=calibration, folder=folder)
    write_manifest(folder / "manifest.json", [replace(spec, name="other"), spec])
    return folder / "manifest.json"


def test_quantized_model_says_the_same_and_is_what_auto_runs(original, tmp_path):
    pytest.importorskip("nncf")
    exported = manifest_of(original, tmp_path, steepness=1.0)
    held_out = faces(50, seed=2)
    spec = quantize_model(exported, "cnn", faces(40, seed=1), held_out, "windows of a face")
    entries = json.loads(exported.read_text())["models"]
    assert [entry["name"] for entry in entries] == ["other", "cnn"] and "agreement" not in entries[0]
    write_manifest(exported, [spec])
    assert find_model(str(exported)) == spec

    reference, engine = (create_engine("auto", spec, precision=precision) for precision in ("f32", "auto"))
    assert (reference.precision, engine.precision) == ("f32", "int8")
    assert engine.weights_sha256 == spec.files["openvino_int8_weights"].sha256
    assert reference.weights_sha256 == spec.files["openvino_weights"].sha256
    expected, found = (scores_of(spec.calibration, e.predict(held_out)) for e in (reference, engine))
    assert expected.std() > 0.05
    assert np.abs(found - expected).max() > 0
    difference = np.abs(found - expected).mean()
    assert difference == pytest.approx(spec.agreement.score_difference, abs=1e-4) and difference < 0.02
    assert (spec.agreement.crops, spec.agreement.measured_on) == (50, "windows of a face")
    types = {
        str(op.get_element_type())
        for op in ov.Core().read_model(exported.with_name("cnn_int8.xml")).get_ops()
        if op.get_type_name() == "Constant"
    }
    assert "<Type: 'int8_t'>" in types

    file = exported.with_name("cnn_int8.bin")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError, match=r"cnn_int8\.bin is not the file that model 'cnn' was released with"):
        create_engine("auto", spec, precision="auto")


def test_layers_that_are_named_stay_in_f32(original, tmp_path):
    pytest.importorskip("nncf")
    manifest = manifest_of(original, tmp_path, steepness=1.0)
    convolutions = [op.get_friendly_name() for op in nodes(tmp_path / "cnn.xml") if op.get_type_name() == "Convolution"]
    quantize_model(manifest, "cnn", faces(40, seed=1), faces(50, seed=2), "windows of a face", convolutions[:1])
    whole = [
        op.get_friendly_name()
        for op in nodes(tmp_path / "cnn_int8.xml")
        if op.get_type_name() == "Convolution" and op.input_value(1).get_node().get_type_name() == "Constant"
    ]
    assert whole == convolutions[:1]


def test_layers_that_are_not_there_are_named(original, tmp_path):
    pytest.importorskip("nncf")
    manifest = manifest_of(original, tmp_path, steepness=1.0)
    with pytest.raises(ModelError, match="the graph of model 'cnn' has no layer nothing, of_that"):
        quantize_model(manifest, "cnn", faces(9, seed=1), faces(9, seed=2), "faces", ["of_that", "nothing"])


def nodes(graph: Path) -> list[ov.Node]:
    return ov.Core().read_model(graph).get_ordered_ops()


def test_model_that_does_not_agree_is_not_kept(original, tmp_path):
    pytest.importorskip("nncf")
    exported = manifest_of(original, tmp_path, steepness=20.0)
    before = exported.read_text()
    with pytest.raises(ModelError, match="the scores of model 'cnn' bear no layer in int8; keep to bf16"):
        quantize_model(exported, "cnn", faces(20, seed=1), faces(20, seed=2), "windows of a face")
    assert exported.read_text() == before
    assert not list(tmp_path.glob("*int8*"))


def test_earlier_int8_model_outlives_one_that_does_not_agree(original, tmp_path, monkeypatch):
    pytest.importorskip("nncf")
    manifest = manifest_of(original, tmp_path, steepness=1.0)
    spec = find_model(str(manifest))
    files = {}
    for part, ending in (("graph", "xml"), ("weights", "bin")):
        shutil.copyfile(tmp_path / f"cnn.{ending}", tmp_path / f"cnn_int8.{ending}")
        files[f"openvino_int8_{part}"] = replace(spec.files[f"openvino_{part}"], file=f"cnn_int8.{ending}")
    earlier = replace(spec, name="cnn", files=spec.files | files, agreement=Agreement(0.0, 5, "crops"))
    write_manifest(manifest, [earlier])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(quantize, "MAX_DIFFERENCE", 1e-9)
    with pytest.raises(ModelError, match=r"int8 changes the scores of model 'cnn' by 0\.0\d\d on average, and at most"):
        quantize_model(manifest, "cnn", faces(20, seed=1), faces(20, seed=2), "windows of a face")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert create_engine("openvino", find_model(str(manifest)), precision="int8").precision == "int8"


def test_quantising_needs_nncf(original, monkeypatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(ModelError, match=r"quantising needs `pip install 'nncf>=3"):
        quantize_model(
            original.folder / "manifest.json", "cnn", faces(4, seed=1), faces(4, seed=2), "windows of a face"
        )


def test_export_command_quantises_on_a_data_set(tmp_path, capsys):
    pytest.importorskip("nncf")
    cnn = model_of("cnn", 32, tmp_path / "model")
    (tmp_path / "model/manifest.json").write_text(json.dumps({"models": [cnn.to_json()]}))
    (tmp_path / "shards").mkdir()
    command = ["export", str(tmp_path / "model/manifest.json"), "--format", "openvino", "-o", str(tmp_path / "out")]
    assert main([*command, "--precision", "int8", "--data", str(write_shards(tmp_path / "shards"))]) == 0
    assert "mean difference of a score from f32: 0.0" in capsys.readouterr().out
    spec = find_model(str(tmp_path / "out/manifest.json"))
    assert spec.agreement.measured_on == "crops of the validation part of shards" and spec.agreement.crops > 2
    assert create_engine("auto", spec, precision="auto").precision == "int8"

    # What was said of the int8 files stays as long as they do, and goes nowhere without them.
    assert main([*command]) == 0
    assert find_model(str(tmp_path / "out/manifest.json")).agreement == spec.agreement
    assert export_model(spec, "openvino", tmp_path / "elsewhere").agrees
    elsewhere = find_model(str(tmp_path / "elsewhere/manifest.json"))
    assert elsewhere.agreement is None and "openvino_int8_graph" not in elsewhere.files


@pytest.mark.parametrize(
    "options",
    [
        ["--format", "openvino", "--precision", "int8"],
        ["--format", "openvino", "--data", "somewhere"],
        ["--format", "onnx", "--precision", "int8", "--data", "somewhere"],
    ],
)
def test_int8_and_its_data_go_together(options, tmp_path, capsys):
    assert main(["export", "mobilenet_v2", "-o", str(tmp_path), *options]) == 2
    assert "--precision int8 and --data go together, with --format openvino" in capsys.readouterr().err
