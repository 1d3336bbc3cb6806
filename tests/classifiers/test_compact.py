"""Models whose files share their weights, on a small network whose kernels are large enough to be rounded."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifiers import ModelError, ModelSpec, create_engine, find_model
from classifiers.compact import make_compact, round_kernels
from classifiers.export import export_model, export_openvino
from classifiers.model_spec import ModelFile
from classifiers.stored_network import load_network

SIZE = 32


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    """A VGG16 whose kernels are rounded, with every kind of file."""
    from classifiers.architectures import build

    folder = tmp_path_factory.mktemp("before")
    network = build("vgg16", input_size=SIZE)
    round_kernels(network)
    network.save(folder / "vgg16.keras")
    export_openvino(folder / "vgg16.keras", folder / "vgg16.xml")
    return replace(
        find_model(),
        name="vgg16",
        architecture="vgg16",
        crop_size=SIZE,
        files=_files(folder),
        folder=folder,
        agreement=None,
    )


def _files(folder: Path) -> dict[str, ModelFile]:
    names = {
        "keras": "vgg16.keras",
        "openvino_graph": "vgg16.xml",
        "openvino_weights": "vgg16.bin",
    }
    return {kind: ModelFile.of(folder / n) for kind, n in names.items()}


@pytest.fixture(scope="module")
def after(before: ModelSpec, tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    folder = tmp_path_factory.mktemp("after")
    for file in before.files.values():
        (folder / file.file).write_bytes((before.folder / file.file).read_bytes())
    return make_compact(replace(before, folder=folder), load_network(before))


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8)


def test_files_hold_a_byte_a_weight(after):
    parameters = load_network(after).count_params()
    files = {file.file for file in after.files.values()}
    assert files == {path.name for path in after.folder.iterdir()} == {"vgg16.npz", "vgg16.weights.bin", "vgg16.xml"}
    assert parameters < sum((after.folder / file).stat().st_size for file in files) < 1.1 * parameters


@pytest.mark.slow
def test_an_int8_graph_stays(before, tmp_path):
    for file in before.files.values():
        (tmp_path / file.file).write_bytes((before.folder / file.file).read_bytes())
    int8 = {"openvino_int8_graph": "vgg16_int8.xml", "openvino_int8_weights": "vgg16_int8.bin"}
    for name in int8.values():
        (tmp_path / name).write_bytes(name.encode())
    kept = {kind: ModelFile(name, hashlib.sha256(name.encode()).hexdigest()) for kind, name in int8.items()}
    model = make_compact(replace(before, folder=tmp_path, files=before.files | kept), load_network(before))
    assert {kind: model.read(kind) for kind in kept} == {kind: name.encode() for kind, name in int8.items()}
    assert model.files.keys() == {*kept, "compact", "compact_weights", "openvino_graph", "openvino_weights"}


@pytest.mark.parametrize("engine", ["openvino", "keras"])
def test_scores_stay_what_they_were(before, after, crops, engine):
    expected = create_engine("keras", before).predict(crops)
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(create_engine(engine, after).predict(crops), expected, atol=1e-4)


def test_rounding_moves_a_kernel_by_half_a_step_at_most(before):
    from classifiers.architectures import build

    network = build("vgg16", input_size=SIZE)
    exact = network.get_weights()
    round_kernels(network)
    for old, new in zip(exact, network.get_weights(), strict=True):
        if old.ndim == 4 and old.size >= 4096:
            step = np.abs(old).max(axis=(0, 1, 2)) / 127
            assert (np.abs(new - old) <= 0.501 * step).all()
            assert (new != old).any()
        else:
            np.testing.assert_array_equal(new, old)


def test_identity_is_that_of_all_weights(after):
    assert after.sha256 == after.files["compact"].sha256
    shared = after.files["compact_weights"]
    assert shared == after.files["openvino_weights"]
    with np.load(after.folder / "vgg16.npz") as arrays:
        assert shared.sha256.encode() in bytes(arrays["places"])


def test_another_network_is_refused(after):
    for other in (replace(after, architecture="mesonet"), replace(after, architecture="resnet50")):
        with pytest.raises(ModelError, match=r"vgg16\.npz of model 'vgg16' does not hold weights of"):
            load_network(other)


def test_damage_is_told(after, tmp_path):
    for file in after.files.values():
        (tmp_path / file.file).write_bytes((after.folder / file.file).read_bytes())
    weights = tmp_path / "vgg16.weights.bin"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match="is not the file that model 'vgg16' was released with"):
        load_network(replace(after, folder=tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["openvino", "keras"])
def test_exports_agree_and_can_be_loaded(after, tmp_path, crops, file_format):
    exported = export_model(after, file_format, tmp_path)
    assert exported.agrees
    found = find_model(str(tmp_path / "manifest.json"))
    assert found.sha256 == after.sha256
    expected = create_engine("keras", after).predict(crops)
    np.testing.assert_allclose(create_engine("auto", found).predict(crops), expected, atol=1e-3)
    if file_format == "keras":
        as_keras = replace(found, files={"keras": found.files["keras"]})
        np.testing.assert_allclose(create_engine("keras", as_keras).predict(crops), expected, atol=1e-5)


def test_a_keras_file_is_not_exported_to_keras(before, tmp_path):
    with pytest.raises(ModelError, match=r"model 'vgg16' is a keras file already: vgg16\.keras"):
        export_model(before, "keras", tmp_path)
