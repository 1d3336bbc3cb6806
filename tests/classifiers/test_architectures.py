"""Networks from a crop to two logits."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from classifiers.architectures import ARCHITECTURES, LABELS, build
from tests.tiny_shards import FACE

if TYPE_CHECKING:
    import keras

pytestmark = pytest.mark.slow

# The smallest inputs that the networks take, or nearly.
SIZES = {"inception_resnet_v2": 75, "mobilenet_v2": 64, "vgg16": 32}


@pytest.fixture(scope="module", params=ARCHITECTURES)
def network(request) -> keras.Model:
    return build(request.param, input_size=SIZES[request.param])


def run(network: keras.Model, crops: np.ndarray) -> np.ndarray:
    return np.asarray(network(crops, training=False))


def output_of(network: keras.Model, layer: str, crops: np.ndarray) -> np.ndarray:
    import keras

    return run(keras.Model(network.input, network.get_layer(layer).output), crops)


def colours(network: keras.Model) -> np.ndarray:
    """Crops in plain black, white, red and blue."""
    size = network.input_shape[1]
    values = np.float32([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 255]])
    return np.broadcast_to(values[:, None, None], (4, size, size, 3)).copy()


def test_crop_becomes_two_logits(network):
    logits = run(network, colours(network))
    assert logits.shape == (4, len(LABELS)) == (4, 2)
    assert logits.dtype == np.float32 and np.isfinite(logits).all()
    assert len(np.unique(logits, axis=0)) == 4


def test_features_are_the_last_map(network):
    features = output_of(network, "features", colours(network))
    channels = {"inception_resnet_v2": 1536, "mobilenet_v2": 1280, "vgg16": 512}[network.name]
    assert features.ndim == 4 and features.shape[3] == channels
    kernel, bias = map(np.asarray, network.get_layer("logits").get_weights())
    np.testing.assert_allclose(
        features.mean(axis=(1, 2)) @ kernel + bias, run(network, colours(network)), rtol=1e-3, atol=1e-3
    )


def test_network_prepares_crops_as_the_published_weights_want_them(network):
    published = importlib.import_module(f"keras.applications.{network.name}").preprocess_input
    pixels = output_of(network, "preprocess", colours(network))
    if network.name == "vgg16":
        # The channels change places in a layer of their own.
        pixels = pixels[..., ::-1]
    np.testing.assert_allclose(pixels, published(colours(network)), atol=1e-3)


def test_usual_size_is_the_published_one():
    sizes = {name: importlib.import_module(module).INPUT_SIZE for name, module in ARCHITECTURES.items()}
    assert sizes == {"inception_resnet_v2": 299, "mobilenet_v2": 224, "vgg16": 224}
    assert build("mobilenet_v2").input_shape == (None, 224, 224, 3)


def test_unknown_architecture():
    with pytest.raises(ValueError, match="no architecture is called 'alexnet'; there are inception_resnet_v2, "):
        build("alexnet")


@pytest.mark.parametrize("size", [64, 75])
def test_folded_mobilenet_computes_what_the_published_one_does(tmp_path, size):
    import keras

    rng = np.random.default_rng(0)
    published = keras.applications.MobileNetV2((size, size, 3), include_top=False, weights=None)
    for layer in published.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            channels = layer.get_weights()[0].shape
            gamma, beta = rng.uniform(0.5, 1.5, channels), rng.normal(0, 0.5, channels)
            mean, variance = rng.normal(0, 0.3, channels), rng.uniform(0.2, 1.5, channels)
            layer.set_weights([gamma, beta, mean, variance])
    published.save(tmp_path / "published.keras")

    crops = np.stack([FACE[:size, :size], FACE[40 : 40 + size, 50 : 50 + size]]).astype(np.float32)
    expected = np.asarray(published(crops / 127.5 - 1, training=False))
    folded = build("mobilenet_v2", input_size=size, weights=tmp_path / "published.keras")
    features = output_of(folded, "features", crops)
    assert expected.std() > 0.1
    np.testing.assert_allclose(features, expected, atol=1e-3)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in folded.layers)


def test_folded_weights_are_read_from_arrays_in_order_of_the_graph(tmp_path):
    first = build("mobilenet_v2", input_size=64)
    convolutions = [np.asarray(weight) for weight in first.get_weights()[:-2]]
    names = [f"CONV_{number:03d}/{kind}" for number in range(len(convolutions) // 2) for kind in ("kernel", "bias")]
    arrays = dict(zip(names, convolutions, strict=True))
    np.savez(tmp_path / "folded.npz", **arrays, **{"FULLY_CONNECTED/kernel": np.zeros((1280, 1000))})
    second = build("mobilenet_v2", input_size=64, weights=tmp_path / "folded.npz")
    crops = FACE[None, :64, :64].astype(np.float32)
    np.testing.assert_array_equal(output_of(first, "features", crops), output_of(second, "features", crops))


def test_weights_of_another_network_are_refused(tmp_path):
    np.savez(tmp_path / "few.npz", kernel=np.zeros((3, 3, 3, 32)), bias=np.zeros(32))
    with pytest.raises(ValueError):
        build("mobilenet_v2", input_size=64, weights=tmp_path / "few.npz")
