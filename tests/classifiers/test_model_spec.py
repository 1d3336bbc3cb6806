"""Which models there are, and that their files are what they should be."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from classifiers import ModelError, ModelSpec, find_model, shipped_models
from classifiers.architectures import ARCHITECTURES, LABELS
from classifiers.calibration import Calibration, Isotonic, Platt, Temperature
from classifiers.model_spec import Agreement, ModelFile, write_manifest
from extractors.align import CropGeometry

SHIPPED = find_model("mobilenet_v2")
shipped = pytest.mark.parametrize("model", shipped_models().values(), ids=shipped_models().keys())


def small_model(folder: Path, **changes: object) -> ModelSpec:
    """Write a manifest of one model like the shipped one, but with small files of its own, and read it."""
    contents = {file_format: f"this is {file_format}".encode() for file_format in SHIPPED.files}
    files = {name: ModelFile(f"{name}.bin", hashlib.sha256(text).hexdigest()) for name, text in contents.items()}
    for name, text in contents.items():
        (folder / files[name].file).write_bytes(text)
    spec = replace(SHIPPED, name="mine", files=files, folder=folder)
    (folder / "mine.json").write_text(json.dumps({"models": [spec.to_json() | changes]}))
    return find_model(str(folder / "mine.json"))


@shipped
def test_files_of_a_shipped_model_are_those_it_was_released_with(model):
    assert model.source_files and {"openvino_graph", "openvino_weights"} <= set(model.files)
    for file_format, file in model.files.items():
        content = model.read(file_format)
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert len(content) <= 64 << 20
    card = (model.folder / model.card).read_text(encoding="utf-8")
    assert card.startswith(f"# Model card: {model.name}\n")
    assert "@" not in card, "a figure is still to be filled in"


@shipped
def test_facts_about_a_shipped_model_make_sense(model):
    assert model.architecture in ARCHITECTURES
    assert model.labels == LABELS
    assert CropGeometry.of_model(model).size > 32
    calibration = model.calibration
    assert min(platt.slope for platt in (calibration.manipulated, calibration.generated, calibration.joint)) > 0
    assert calibration.id and calibration.fitted_on
    assert 0 < model.thresholds.likely_real <= model.thresholds.likely_fake < 1
    assert model.thresholds.operating_point


def test_default_model_is_the_first():
    assert find_model() == next(iter(shipped_models().values())) == find_model(find_model().name)


def test_manifest_of_ones_own(tmp_path):
    spec = small_model(tmp_path)
    assert (spec.name, spec.folder) == ("mine", tmp_path)
    assert spec.read("keras") == b"this is keras"
    assert spec.sha256 == hashlib.sha256(b"this is keras").hexdigest()


def test_manifest_holds_all_there_is_to_know(tmp_path):
    spec = small_model(tmp_path)
    every_kind = Calibration("id", "clips", Temperature(1.5), Isotonic(((-1, -2), (0.5, 1))), Platt(2.0, 1.0))
    other = replace(spec, name="other", calibration=every_kind, agreement=Agreement(0.01, 5, "crops"))
    write_manifest(tmp_path / "copy.json", [other, spec])
    assert find_model(str(tmp_path / "copy.json")) == other
    write_manifest(tmp_path / "copy.json", [spec])
    assert find_model(str(tmp_path / "copy.json")) == spec


def test_manifest_is_written_beside_the_files_of_its_models(tmp_path):
    spec = small_model(tmp_path)
    with pytest.raises(ValueError, match="not beside"):
        write_manifest(tmp_path / "deeper" / "manifest.json", [spec])


@pytest.mark.parametrize(
    ("name", "calibration_id", "expected"),
    [
        ("mobilenet_efficientnet", "9e6e349a46b3", (0.97722, 0.464417, 0.9577)),
        ("mobilenet_v2", "a46b2ae9138e", (0.961937, 0.412648, 0.927346)),
    ],
)
def test_scores_of_a_shipped_model_stay_what_they_are(name, calibration_id, expected):
    calibration = shipped_models()[name].calibration
    assert calibration.id == calibration_id
    scores = calibration.scores(0.5, -1.0)
    assert (scores.manipulated, scores.generated, scores.fake) == pytest.approx(expected, abs=1e-6)


def test_manifest_may_lie_anywhere(tmp_path, monkeypatch):
    small_model(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert find_model("mine.json").read("keras") == b"this is keras"


def test_damaged_file_is_refused(tmp_path):
    spec = small_model(tmp_path)
    path = tmp_path / spec.files["keras"].file
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError, match=r"keras\.bin is not the file that model 'mine' was released with"):
        spec.read("keras")
    assert spec.read("openvino_graph") == b"this is openvino_graph"


def test_missing_file_is_named(tmp_path):
    spec = small_model(tmp_path)
    (tmp_path / spec.files["keras"].file).unlink()
    with pytest.raises(ModelError, match=r"cannot read .*keras\.bin of model 'mine': No such file"):
        spec.read("keras")


def test_format_that_the_model_does_not_have():
    with pytest.raises(ModelError, match="has no onnx file; choose an engine that it has files for"):
        find_model().read("onnx")


@pytest.mark.parametrize("name", ["no_such_model", "", "x" * 5000, "."])
def test_unknown_model(name):
    with pytest.raises(ModelError, match=f"no model and no manifest is called .*; choose from: {find_model().name}"):
        find_model(name)


@pytest.mark.parametrize("name", sorted(set(ARCHITECTURES) - set(shipped_models())))
def test_architecture_without_weights(name):
    with pytest.raises(ModelError, match=f"model '{name}' has no trained weights in this release; choose from: "):
        find_model(name)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"17",
        b'{"models": []}',
        b'{"models": [{}]}',
        b'{"models": 5}',
        b'{"models": ["a"]}',
        b"\xff\xfe",
        pytest.param(b"[" * 100_000, id="nested beyond reading"),
    ],
)
def test_file_that_is_no_manifest(tmp_path, content):
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"manifest\.json is not a manifest of models"):
        find_model(str(path))


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {}},
        {"files": {"keras": {"file": "a.keras"}}},
        {"files": {"openvino_graph": {"file": "a.xml", "sha256": "0" * 64}}},
        {"calibration": None},
        {"thresholds": {"likely_fake": 0.5}},
        {"crop_template": [[0.5]]},
        {"files": {"keras": {"file": "../a.keras", "sha256": "0" * 64}}},
        {"files": {"keras": {"file": "/tmp/a.keras", "sha256": "0" * 64}}},
        {"files": {"keras": {"file": "..", "sha256": "0" * 64}}},
        {"card": "..\\card.md"},
        {"heat_maps": "yes"},
        {"name": "../mine"},
        {"name": "/tmp/mine"},
        {"crop_cut_size": 8},
        {"crop_template": [[10**400, 0]] * 5},
    ],
)
def test_manifest_that_lacks_something(tmp_path, changes):
    with pytest.raises(ModelError, match=r"mine\.json is not a manifest of models"):
        small_model(tmp_path, **changes)


def test_the_fast_model_is_the_smallest():
    def parameters(model: ModelSpec) -> int:
        constants = ElementTree.fromstring(model.read("openvino_graph")).iterfind("layers/layer[@type='Const']/data")
        return sum(math.prod(int(side) for side in data.get("shape").split(",") if side) for data in constants)

    assert 2e6 < parameters(find_model("fast")) == min(map(parameters, shipped_models().values())) < 3e6
