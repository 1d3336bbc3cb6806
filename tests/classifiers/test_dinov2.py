"""DINOv2 ViT-S/14, and the converter of its published weights."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from classifiers import create_engine
from classifiers.architectures import build, checked_size
from classifiers.compact import make_compact, round_kernels
from classifiers.explain import HeatMapper
from classifiers.export import save_network
from tests.classifiers.networks import run, two_faces
from tests.tiny_shards import FACE

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from convert_dinov2_weights import converted_weights

pytestmark = pytest.mark.slow

WIDTH, HEADS, BLOCKS, GRID = 384, 6, 12, 37
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def published_arrays() -> dict[str, np.ndarray]:
    """Random arrays by the names of the published network."""
    rng = np.random.default_rng(0)

    def some(*shape: int, size: float) -> np.ndarray:
        return rng.normal(0, size, shape).astype(np.float32)

    arrays = {
        "embeddings.cls_token": some(1, 1, WIDTH, size=1),
        "embeddings.patch_embeddings.projection.weight": some(WIDTH, 3, 14, 14, size=0.04),
        "embeddings.patch_embeddings.projection.bias": some(WIDTH, size=0.5),
        "position_of_token": some(1, 1, WIDTH, size=1),
        "positions": some(1, GRID**2, WIDTH, size=1),
        "layernorm.weight": 1 + some(WIDTH, size=0.2),
        "layernorm.bias": some(WIDTH, size=0.2),
    }
    for block in range(BLOCKS):
        layer = f"encoder.layer.{block}"
        for number in (1, 2):
            arrays[f"{layer}.norm{number}.weight"] = 1 + some(WIDTH, size=0.2)
            arrays[f"{layer}.norm{number}.bias"] = some(WIDTH, size=0.2)
            arrays[f"{layer}.layer_scale{number}.lambda1"] = some(WIDTH, size=0.5)
        for name, inputs, outputs in (
            *((f"attention.attention.{part}", WIDTH, WIDTH) for part in ("query", "key", "value")),
            ("attention.output.dense", WIDTH, WIDTH),
            ("mlp.fc1", WIDTH, 4 * WIDTH),
            ("mlp.fc2", 4 * WIDTH, WIDTH),
        ):
            # Kernels lose their names where PyTorch exports them, and are known by the node that multiplies by them.
            arrays[f"/{layer}.{name}"] = some(inputs, outputs, size=inputs**-0.5)
            arrays[f"{layer}.{name}.bias"] = some(outputs, size=0.2)
    return arrays


def exported_graph(arrays: dict[str, np.ndarray]):
    """The nodes of an exported graph that hold weights, which is all that the converter looks at."""
    from onnx import helper, numpy_helper

    nodes, stored = [], []
    for number, (name, array) in enumerate(arrays.items()):
        if name.startswith("/"):
            # "/encoder.layer.0.mlp.fc1" is used by "/backbone/encoder/layer.0/mlp/fc1/MatMul".
            path = name[1:].replace(".", "/").replace("layer/", "layer.")
            node = ("MatMul", f"/backbone/{path}/MatMul")
        elif name.startswith("position"):
            node = {
                "positions": ("Reshape", "/backbone/embeddings/Reshape_1"),
                "position_of_token": ("Concat", "/backbone/embeddings/Concat_6"),
            }[name]
        else:
            stored.append(numpy_helper.from_array(array, f"backbone.{name}"))
            continue
        stored.append(numpy_helper.from_array(array, f"onnx::{number}"))
        kind, title = node
        nodes.append(helper.make_node(kind, ["x", f"onnx::{number}"], [f"{title}_output_0"], name=title))
    return helper.make_graph(nodes, "published", [], [], stored)


def normalised(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-6) * weight + bias


def cubic_weights(cells: int) -> np.ndarray:
    """How much each of the published positions counts for each cell: bicubic with a = -0.75, as PyTorch resizes."""
    centres = (np.arange(cells) + 0.5) * GRID / cells - 0.5
    off = np.abs(centres[:, None] - np.arange(-2, GRID + 2))
    near = 1.25 * off**3 - 2.25 * off**2 + 1
    far = -0.75 * (off**3 - 5 * off**2 + 8 * off - 4)
    weights = np.where(off <= 1, near, np.where(off < 2, far, 0.0))
    inside = weights[:, 2:-2].copy()
    inside[:, 0] += weights[:, :2].sum(axis=1)
    inside[:, -1] += weights[:, -2:].sum(axis=1)
    return inside


def published_tokens(arrays: dict[str, np.ndarray], crops: np.ndarray) -> list[np.ndarray]:
    """Normalised tokens after blocks 6, 9 and 12, written from the paper in NumPy."""
    from math import erf

    arrays = {name: array.astype(float) for name, array in arrays.items()}
    gelu = np.vectorize(lambda value: 0.5 * value * (1 + erf(value / 2**0.5)))
    count, side = len(crops), crops.shape[1] // 14
    pixels = ((crops / 255 - MEAN) / DEVIATION).reshape(count, side, 14, side, 14, 3)
    kernel = arrays["embeddings.patch_embeddings.projection.weight"]
    patches = np.einsum("nyixjc,ocij->nyxo", pixels, kernel).reshape(count, side**2, WIDTH)
    patches += arrays["embeddings.patch_embeddings.projection.bias"]
    rows = cubic_weights(side)
    grid = arrays["positions"].reshape(GRID, GRID, WIDTH)
    patches += np.einsum("yi,xj,ijc->yxc", rows, rows, grid).reshape(side**2, WIDTH)
    token = np.broadcast_to(arrays["embeddings.cls_token"] + arrays["position_of_token"], (count, 1, WIDTH))
    x, found = np.concatenate([token, patches], axis=1), []
    for block in range(BLOCKS):
        layer = f"encoder.layer.{block}"

        def dense(values: np.ndarray, name: str, layer: str = layer) -> np.ndarray:
            return values @ arrays[f"/{layer}.{name}"] + arrays[f"{layer}.{name}.bias"]

        y = normalised(x, arrays[f"{layer}.norm1.weight"], arrays[f"{layer}.norm1.bias"])
        query, key, value = (
            dense(y, f"attention.attention.{part}").reshape(*y.shape[:2], HEADS, -1)
            for part in ("query", "key", "value")
        )
        likeness = np.exp(np.einsum("nqhc,nkhc->nhqk", query, key) / (WIDTH / HEADS) ** 0.5)
        shares = likeness / likeness.sum(axis=-1, keepdims=True)
        attended = np.einsum("nhqk,nkhc->nqhc", shares, value).reshape(y.shape)
        x = x + arrays[f"{layer}.layer_scale1.lambda1"] * dense(attended, "attention.output.dense")
        y = normalised(x, arrays[f"{layer}.norm2.weight"], arrays[f"{layer}.norm2.bias"])
        x = x + arrays[f"{layer}.layer_scale2.lambda1"] * dense(gelu(dense(y, "mlp.fc1")), "mlp.fc2")
        if block + 1 in (6, 9, 12):
            found.append(normalised(x, arrays["layernorm.weight"], arrays["layernorm.bias"]))
    return found


def test_converted_network_computes_what_the_published_one_does(tmp_path):
    import keras

    pytest.importorskip("onnx")
    arrays = published_arrays()
    crops = np.stack([FACE[40:96, 50:106], FACE[60:116, 30:86]]).astype(np.float32)
    np.savez(tmp_path / "converted.npz", **converted_weights(exported_graph(arrays)))
    network = build("dinov2_small", input_size=56, weights=tmp_path / "converted.npz")
    mapped = keras.Model(network.input, network.get_layer("features").output)(crops, training=False)
    found = keras.ops.convert_to_numpy(mapped)
    assert found.shape == (2, 4, 4, 9 * WIDTH)
    for depth, tokens in enumerate(published_tokens(arrays, crops)):
        token, patches = tokens[:, 0], tokens[:, 1:]
        of_depth = found[..., 3 * WIDTH * depth : 3 * WIDTH * (depth + 1)]
        np.testing.assert_allclose(of_depth[..., WIDTH : 2 * WIDTH].reshape(2, 16, WIDTH), patches, atol=2e-3)
        # The head averages the map: it reads the class token, the mean of the patches and their deviation.
        expected = np.concatenate([token, patches.mean(axis=1), patches.std(axis=1)], axis=1)
        np.testing.assert_allclose(of_depth.mean(axis=(1, 2)), expected, atol=2e-3)


def test_positions_follow_the_side_of_the_crop(tmp_path):
    pytest.importorskip("onnx")
    np.savez(tmp_path / "converted.npz", **converted_weights(exported_graph(published_arrays())))
    for size, cells in ((56, 4), (140, 10), (518, 37)):
        network = build("dinov2_small", input_size=size, weights=tmp_path / "converted.npz")
        positions = network.get_layer("embeddings").get_weights()[1]
        assert positions.shape == (1 + cells**2, WIDTH)
        published = published_arrays()
        np.testing.assert_array_equal(positions[0], published["position_of_token"][0, 0])
        if cells == GRID:
            np.testing.assert_allclose(positions[1:], published["positions"][0], atol=1e-6)


def test_crop_that_no_whole_patches_cover():
    with pytest.raises(ValueError, match="dinov2_small takes crops whose side is a multiple of 14 pixels, not 150"):
        build("dinov2_small", input_size=150)
    assert checked_size("dinov2_small", None) == 140


def test_weights_that_keras_cannot_fetch():
    with pytest.raises(ValueError, match=r"scripts/convert_dinov2_weights\.py makes a file of it"):
        build("dinov2_small", weights="imagenet")


def test_file_of_other_weights(tmp_path):
    np.savez(tmp_path / "other.npz", kernel=np.zeros(3))
    with pytest.raises(ValueError, match="does not hold weights of dinov2_small"):
        build("dinov2_small", input_size=56, weights=tmp_path / "other.npz")


def test_kernels_are_kept_in_8_bits_and_every_engine_says_the_same(tmp_path):
    template = tuple((0.1 * number, 0.5) for number in range(5))
    network = build("dinov2_small", input_size=56)
    exact = network.get_layer("block1_qkv").get_weights()[0]
    round_kernels(network)
    steps = network.get_layer("block1_qkv").get_weights()[0] / (np.abs(exact).max(axis=0) / 127)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    saved = save_network(network, tmp_path, crop_template=template, crop_cut_size=56, card="card.md")
    model = make_compact(saved, network)
    assert (
        network.count_params() < sum(file.stat().st_size for file in tmp_path.iterdir()) < 1.2 * network.count_params()
    )
    crops = two_faces(56).astype(np.uint8)
    expected = run(network, crops.astype(np.float32))
    assert np.ptp(expected, axis=0).min() > 1e-3
    for engine in ("keras", "openvino"):
        np.testing.assert_allclose(create_engine(engine, model).predict(crops), expected, atol=1e-4)


def test_heat_map_adds_up_to_the_logits(tmp_path):
    network = build("dinov2_small", input_size=56)
    model = save_network(network, tmp_path, crop_template=((0.5, 0.5),) * 5, crop_cut_size=56, card="card.md")
    heat = HeatMapper(model).heat(two_faces(56).astype(np.uint8))
    assert heat.method == "class_activation" and heat.maps.shape == (2, 2, 4, 4)
    np.testing.assert_allclose(heat.maps.sum(axis=(2, 3)) + heat.bias, heat.logits, atol=1e-4)
