"""MesoNet, built as its page tells: the networks, and the authors' own weights where they lie beside the project."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from classifiers import create_engine
from classifiers.published.library import add_model
from classifiers.published.recipe import read_recipe

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "tasks" / "published" / "mesonet.md"
PEERS = next((found for above in ROOT.parents if (found := above / "shared" / "data" / "peers").is_dir()), None)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEWITNESS_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)


def told() -> tuple[str, str]:
    """Give the lines of the page that build networks, and those that save them with the authors' weights."""
    found = re.search(r"^``` \{ \.python \.mesonet \}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert found
    before, loop, after = found[1].partition("for name in")
    return before, loop + after


def real_chances(file: Path, crops: np.ndarray) -> list[float]:
    """Add a file and give the chance that each crop is real."""
    model = add_model(file, read_recipe("mesonet"), f"added-{file.name}")
    logits = create_engine("openvino", model, precision="f32").predict(crops)
    return [1 - model.calibration.scores(*row).fake for row in logits]


@pytest.mark.parametrize(
    ("with_inception", "parameters"), [(False, 27_977), (True, 28_615)], ids=["Meso4", "Inception"]
)
def test_the_networks_of_the_page_are_those_of_the_paper(with_inception, parameters):
    names: dict = {}
    exec(compile(told()[0], str(PAGE), "exec"), names)
    network = names["network"](with_inception)
    assert sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) == parameters
    network.save("meso.keras")
    crops = np.random.default_rng(2).integers(0, 256, (3, 256, 256, 3), np.uint8)
    wanted = network.predict(crops.astype(np.float32) / 255, verbose=0)[:, 0]
    np.testing.assert_allclose(real_chances(Path("meso.keras"), crops), wanted, atol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(PEERS is None, reason="the authors' weights are not part of the project")
@pytest.mark.parametrize("of", ["DF", "F2F"])
def test_the_authors_weights_say_what_they_say_in_the_authors_code(of, tmp_path):
    assert PEERS is not None
    for weights in PEERS.glob("*.h5"):
        (tmp_path / weights.name).symlink_to(weights)
    build, save = told()
    exec(compile(build + save.replace("_DF", f"_{of}"), str(PAGE), "exec"), {})
    with (PEERS / "expected.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    crops = np.stack([cv2.imread(str(PEERS / "crops" / row["file"]))[..., ::-1] for row in rows])
    for name in (f"Meso4_{of}", f"MesoInception_{of}"):
        wanted = [float(row[name]) for row in rows]
        to_onnx(tmp_path / f"{name}.keras", tmp_path / f"{name}.onnx")
        for ending in ("keras", "onnx"):
            np.testing.assert_allclose(real_chances(tmp_path / f"{name}.{ending}", crops), wanted, atol=1e-3)


def to_onnx(source: Path, target: Path) -> None:
    """Convert a Keras file to ONNX."""
    import keras
    import tensorflow as tf
    import tf2onnx

    network = keras.saving.load_model(source)
    signature = (tf.TensorSpec((None, 256, 256, 3), tf.float32, name="image"),)
    tf2onnx.convert.from_function(tf.function(network), signature, output_path=str(target))
