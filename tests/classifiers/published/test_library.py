"""Models that a user added are found, run, calibrated and removed as any other."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifiers import ModelError, create_engine, find_model
from classifiers.crop_align import CropAlign
from classifiers.crop_box import CropBox
from classifiers.explain import HeatMapper
from classifiers.model_spec import added_models
from classifiers.published.fetch import fetch_weights
from classifiers.published.library import add_model, remove_model
from classifiers.published.recipe import OutputRecipe, ThresholdRecipe, WeightsFile
from extractors.align import LANDMARK_TEMPLATE
from extractors.aligned_crop import AlignedCrop
from extractors.box_crop import BoxCrop
from extractors.face_crop import crop_of
from tests.classifiers.published.small_networks import SIDE, answer, mean_colour
from tests.classifiers.published.test_graph import CROPS, RECIPE


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACEWITNESS_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return mean_colour(tmp_path / "small.onnx")


@pytest.mark.parametrize("precision", ["auto", "f32"])
def test_an_added_model_gives_its_own_logits(network, precision):
    add_model(network, RECIPE, "theirs")
    engine = create_engine("auto", find_model("theirs"), precision=precision)
    assert engine.precision == "f32"
    np.testing.assert_allclose(engine.predict(CROPS)[:, :1], answer(CROPS, 1), atol=1e-3)


def test_it_is_called_as_its_recipe_where_no_name_is_given(network):
    assert add_model(network, RECIPE).name == "small"
    assert list(added_models()) == ["small"]


def test_it_says_where_it_comes_from(network):
    add_model(network, replace(RECIPE, frames=32, pooling="mean"), "theirs")
    origin = find_model("theirs").origin
    assert origin.source_sha256 == hashlib.sha256(network.read_bytes()).hexdigest()
    assert (origin.title, origin.licence, origin.protocol) == ("A small network", "CC0", "32 frames, pooled by mean")


def test_its_scores_are_raw_and_decide_nothing(network):
    spec = add_model(network, RECIPE)
    assert not spec.calibration.is_fitted and not spec.thresholds.decides
    assert find_model("small") == spec


def test_unless_the_authors_say_from_where_on_a_face_is_fake(network):
    add_model(network, replace(RECIPE, threshold=ThresholdRecipe(0.4, "their paper, section 5")))
    thresholds = find_model("small").thresholds
    assert (thresholds.likely_fake, thresholds.likely_real) == (0.4, 0.4)
    assert "their paper, section 5" in thresholds.operating_point


@pytest.mark.parametrize(
    ("classes", "manipulated", "generated"),
    [(("fake",), True, False), (("generated",), False, True), (("real", "manipulated", "generated"), True, True)],
)
def test_an_output_that_it_lacks_never_speaks(tmp_path, classes, manipulated, generated):
    path = mean_colour(tmp_path / "small.onnx", len(classes))
    spec = add_model(path, replace(RECIPE, output=OutputRecipe(classes)))
    scores = spec.calibration.scores(0.5, 0.5)
    assert (scores.manipulated > 0.01, scores.generated > 0.01) == (manipulated, generated)


def test_crops_are_cut_as_the_recipe_says(network):
    box = CropBox(margins=(0.1, 0.2, 0.3, 0.4), square="longer")
    assert crop_of(add_model(network, replace(RECIPE, crop=box), "boxes")) == BoxCrop(SIDE, box)
    align = CropAlign(LANDMARK_TEMPLATE, cut="native", beyond="edge")
    assert crop_of(add_model(network, replace(RECIPE, crop=align), "aligned")) == AlignedCrop(SIDE, align)


def test_heat_maps_are_made_by_occlusion(network):
    heat = HeatMapper(add_model(network, RECIPE)).heat(CROPS)
    np.testing.assert_allclose(heat.logits[:, :1], answer(CROPS, 1), atol=1e-3)
    assert heat.method == "occlusion" and np.abs(heat.maps[:, 0]).max() > 0


def test_a_removed_model_is_gone(network, folder):
    add_model(network, RECIPE)
    remove_model("small")
    assert not list(folder.iterdir())
    with pytest.raises(ModelError, match="no model and no manifest is called 'small'"):
        find_model("small")
    with pytest.raises(ModelError, match="no added model is called 'small'; there are none"):
        remove_model("small")


@pytest.mark.parametrize("name", ["..", "", "a/b", ".hidden", "name with spaces", "x" * 65])
def test_names_that_are_none(network, folder, name):
    with pytest.raises(ModelError, match="cannot be the name of a model"):
        add_model(network, RECIPE, name)
    with pytest.raises(ModelError, match="no added model"):
        remove_model(name)


@pytest.mark.parametrize("name", ["mobilenet_v2", "fast"])
def test_names_of_this_project_stay_its_own(network, name):
    with pytest.raises(ModelError, match="a model of this project is called"):
        add_model(network, RECIPE, name)


def test_a_name_is_given_once(network):
    before = add_model(network, RECIPE)
    with pytest.raises(ModelError, match="was added before; remove it first"):
        add_model(network, RECIPE)
    assert find_model("small") == before


def test_nothing_is_half_added(tmp_path, folder):
    (tmp_path / "bad.onnx").write_bytes(b"bad")
    with pytest.raises(ModelError, match="cannot be read as a network"):
        add_model(tmp_path / "bad.onnx", RECIPE)
    assert not added_models() and not (folder.exists() and list(folder.iterdir()))


def test_another_file_than_the_recipe_is_for(network):
    with pytest.raises(ModelError, match=r"is not the file that recipe 'small' is for: its SHA-256 is [0-9a-f]{64}"):
        add_model(network, replace(RECIPE, sha256="0" * 64))


def test_a_damaged_one_does_not_hide_the_others(network, folder):
    add_model(network, RECIPE, "whole")
    add_model(network, RECIPE, "damaged")
    (folder / "damaged" / "manifest.json").write_text("{}")
    assert list(added_models()) == ["whole"]
    remove_model("damaged")
    assert [each.name for each in folder.iterdir()] == ["whole"]


def test_files_that_were_changed_are_told(network, folder):
    spec = add_model(network, RECIPE)
    (folder / "small" / "network.bin").write_bytes(b"other")
    with pytest.raises(ModelError, match="is not the file that model 'small' was released with"):
        create_engine("auto", spec)


def test_a_folder_that_cannot_be_written_to(network, folder):
    folder.write_text("a file")
    with pytest.raises(ModelError, match="cannot add model 'small' to"):
        add_model(network, RECIPE)


@pytest.fixture
def served(tmp_path: Path, network: Path) -> Iterator[str]:
    """The address of a server of the folder with the network."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path))

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_files_are_fetched_and_their_hash_is_checked(served, network, tmp_path):
    folder = tmp_path / "fetched"
    folder.mkdir()
    sha256 = hashlib.sha256(network.read_bytes()).hexdigest()
    path = fetch_weights(WeightsFile("theirs", f"{served}/small.onnx", sha256), folder)
    assert path == folder / "small.onnx" and path.read_bytes() == network.read_bytes()
    with pytest.raises(ModelError, match=rf"is not the file that the recipe means: its SHA-256 is {sha256}"):
        fetch_weights(WeightsFile("theirs", f"{served}/small.onnx", "0" * 64), folder)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [("{served}/gone.onnx", "cannot be fetched: .*404"), ("http://127.0.0.1:9/x.onnx", "cannot be fetched")],
)
def test_what_cannot_be_fetched(served, tmp_path, address, sentence):
    with pytest.raises(ModelError, match=sentence):
        fetch_weights(WeightsFile("theirs", address.format(served=served)), tmp_path)
