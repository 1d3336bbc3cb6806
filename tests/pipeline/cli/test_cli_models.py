"""`facewitness models`, and scanning and calibrating with what was added."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.cli import main
from tests.classifiers.published.small_networks import mean_colour
from tests.media_files import SAMPLES
from tests.tiny_shards import write_shards

RECIPE = """\
name: small
title: A small network
paper: nobody wrote one
repository: https://example.org/small
licence: for research
commercial_use: false
input: {size: 16}
crop: {box: {square: longer}}
output: {classes: [fake]}
"""


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACEWITNESS_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(RECIPE)
    return tmp_path / "small.yaml"


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return mean_colour(tmp_path / "small.onnx")


@pytest.fixture
def added(network: Path, recipe: Path, capsys: pytest.CaptureFixture) -> str:
    assert main(["models", "add", str(network), "--recipe", str(recipe), "--name", "theirs"]) == 0
    capsys.readouterr()
    return "theirs"


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Stills and clips, real and fake."""
    (tmp_path / "faces").mkdir()
    return write_shards(tmp_path / "faces")


def test_adding_says_what_was_added_and_what_its_licence_forbids(network, recipe, capsys):
    assert main(["models", "add", str(network), "--recipe", str(recipe)]) == 0
    told = capsys.readouterr()
    assert "added small: A small network, by recipe small" in told.out
    assert "facewitness calibrate DATA --model small" in told.out
    assert told.err == "its licence (for research) forbids commercial use; see https://example.org/small\n"


def test_it_is_listed_shown_and_removed(added, capsys):
    assert main(["models"]) == 0
    entry = capsys.readouterr().out.partition("theirs")[2]
    assert "16 px" in entry and "scores are raw" in entry
    assert main(["models", "show", added]) == 0
    shown = capsys.readouterr().out
    assert "https://example.org/small" in shown and "crops are cut around the box" in shown
    assert main(["models", "remove", added]) == 0
    assert capsys.readouterr().out == "removed theirs\n"
    assert main(["models", "show", added]) == 2


def test_recipes_are_listed(capsys):
    assert main(["models", "recipes"]) == 0
    assert "mesonet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["add", "{folder}/gone.onnx", "--recipe", "mesonet"], "cannot read"),
        (["add", "{folder}/small.onnx", "--recipe", "nobody"], "no recipe is called 'nobody'"),
        (["add", "{folder}/small.onnx", "--recipe", "mesonet"], "its recipe says NHWC of 256 pixels"),
        (["remove", "vgg16"], "no added model is called 'vgg16'"),
        (["show", "nobody"], "no model and no manifest is called 'nobody'"),
        (["fetch", "nobody"], "no recipe names an address of 'nobody'"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_wrong_usage_is_told_in_one_sentence(tmp_path, network, capsys, arguments, sentence):
    assert main(["models", *(word.format(folder=tmp_path) for word in arguments)]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and sentence in told.err


def test_a_scan_with_it_is_raw_and_inconclusive(added, tmp_path, capsys):
    shutil.copy(SAMPLES / "two_people.mp4", tmp_path / "clip.mp4")
    arguments = ["scan", str(tmp_path / "clip.mp4"), "--model", added, "-o", str(tmp_path / "out"), "--report"]
    assert main([*arguments, "--frames", "4"]) == 0
    result = json.loads((tmp_path / "out" / "clip.mp4.json").read_text())
    assert (result["verdict"], result["score_kind"], result["thresholds"]) == ("inconclusive", "raw", None)
    page = (tmp_path / "out" / "clip.mp4.html").read_text()
    assert "Nobody has said which scores of this model mean a forgery" in page


def test_once_it_is_calibrated_its_scores_are_chances(added, faces, capsys):
    assert main(["calibrate", str(faces), "--model", added, "--split", "all", "--fpr", "0.2"]) == 0
    assert "Use it with --model theirs" in capsys.readouterr().out
    assert main(["scan", str(SAMPLES / "real.mp4"), "--model", added, "--frames", "3", "-o", "-"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["score_kind"] == "calibrated" and result["thresholds"]


def test_models_of_this_project_are_not_calibrated_where_they_are(tmp_path, capsys):
    assert main(["calibrate", str(tmp_path), "--model", "vgg16"]) == 2
    assert "name a folder for the calibrated one with -o" in capsys.readouterr().err


def test_several_models_are_fitted_to_be_one(added, faces, tmp_path, capsys):
    names = ["--model", "mobilenet_v2", "--model", added]
    assert main(["calibrate", str(faces), *names, "--split", "all", "--fpr", "0.2", "-o", str(tmp_path / "set")]) == 0
    assert "how much each counts" in capsys.readouterr().out
    both = str(tmp_path / "set" / "set.json")
    assert main(["scan", str(SAMPLES / "real.mp4"), "--model", both, "--frames", "3", "-o", "-"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [each["model"]["name"] for each in result["opinions"]] == ["mobilenet_v2", "theirs"]
    assert result["score_kind"] == "calibrated"


def test_heat_maps_of_several_models_are_refused(added, tmp_path, capsys):
    names = ["--model", "mobilenet_v2", "--model", added]
    assert main(["scan", str(SAMPLES / "real.mp4"), *names, "--heatmaps", "-o", str(tmp_path / "out")]) == 2
    assert "there are no heat maps: several models would each show another place" in capsys.readouterr().err
