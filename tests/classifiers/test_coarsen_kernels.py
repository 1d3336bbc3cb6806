"""Kernels of fewer levels: smaller when packed, and the sums that they compute hardly change."""

from __future__ import annotations

import hashlib
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifiers import ModelSpec, create_engine, find_model
from classifiers.compact import make_compact, round_kernels
from classifiers.export import export_openvino
from classifiers.model_spec import ModelFile

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from coarsen_kernels import all_coarser, coarser, input_moments, kernels_of, with_kernels

SIZE = 56
LARGEST = 15


@pytest.fixture(scope="module", params=["efficientnet_lite2", "dinov2_small"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    """A compact network of random weights: one of convolutions, one of dense layers."""
    from classifiers.architectures import build

    folder = tmp_path_factory.mktemp("compact")
    network = build(request.param, input_size=SIZE)
    round_kernels(network)
    network.save(folder / "small.keras")
    export_openvino(folder / "small.keras", folder / "small.xml")
    names = {"keras": "small.keras", "openvino_graph": "small.xml", "openvino_weights": "small.bin"}
    files = {kind: ModelFile(n, hashlib.sha256((folder / n).read_bytes()).hexdigest()) for kind, n in names.items()}
    spec = replace(find_model(request.param), name="small", crop_size=SIZE, files=files, folder=folder)
    return make_compact(spec, network)


def _crops(count: int, seed: int) -> np.ndarray:
    """Smooth colours, so that neighbouring cells say much the same, as in pictures."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 7, 7, 3)).repeat(8, axis=1).repeat(8, axis=2)
    return np.clip(coarse + rng.normal(0, 8, coarse.shape), 0, 255).astype(np.uint8)


def test_a_kernel_loses_less_than_by_rounding_each_number():
    rng = np.random.default_rng(2)
    seen = rng.standard_normal((500, 8)) @ rng.standard_normal((8, 60)) + 0.1 * rng.standard_normal((500, 60))
    kernel = rng.integers(-127, 128, (10, 15, 2, 2), np.int8)
    found = coarser(kernel, seen.T @ seen, LARGEST)
    assert found.dtype == np.int8 and found.shape == kernel.shape and np.abs(found).max() <= LARGEST

    def lost(integers: np.ndarray) -> float:
        return float(np.square(seen @ (integers * (127 / LARGEST) - kernel).reshape(10, 60).T).mean())

    assert lost(found) < 0.25 * lost(np.rint(kernel * (LARGEST / 127)))


@pytest.mark.slow
def test_every_engine_runs_the_coarser_network(model, tmp_path):
    kernels = kernels_of(model)
    assert sum(kernel.integers.size for kernel in kernels) > 1_000_000
    found = all_coarser(kernels, input_moments(model, kernels, _crops(96, seed=1)), LARGEST)
    (tmp_path / model.files["openvino_graph"].file).write_bytes(model.read("openvino_graph"))
    made = with_kernels(model, kernels, found, LARGEST, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {file.file for file in made.files.values()}
    assert made.sha256 != model.sha256
    packed, before = (len(zlib.compress(each.read("compact_weights"))) for each in (made, model))
    assert packed < before - 0.25 * sum(kernel.integers.size for kernel in kernels)
    crops = _crops(32, seed=2)
    expected, logits = (create_engine("openvino", each).predict(crops) for each in (model, made))
    np.testing.assert_allclose(create_engine("keras", made).predict(crops), logits, atol=1e-3)
    moved = np.sqrt(np.square(logits - expected).mean(axis=0))
    assert (moved > 0).all() and (moved < 0.5 * expected.std(axis=0)).all()
