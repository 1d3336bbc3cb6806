"""The contract of `Architecture`: every one in the registry must pass this suite.

A new architecture needs no tests of its own for what is tested here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from classifiers import create_engine, find_model
from classifiers.architectures import ARCHITECTURES, LABELS, build, find_architecture, hinted_layers, load
from classifiers.architectures.architecture import pooled_logits
from classifiers.export import export_model
from tests.classifiers.networks import output_of, run, two_faces
from tests.classifiers.small_models import crops_of, model_of

if TYPE_CHECKING:
    import keras

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=ARCHITECTURES)
def network(request) -> keras.Model:
    return build(request.param, input_size=max(48, find_architecture(request.param).smallest_size))


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
    assert features.ndim == 4 and features.shape[1] == features.shape[2]
    assert network.layers[-1].name == "logits"
    if find_architecture(network.name).head is pooled_logits:
        kernel, bias = map(np.asarray, network.get_layer("logits").get_weights())
        np.testing.assert_allclose(
            features.mean(axis=(1, 2)) @ kernel + bias, run(network, colours(network)), rtol=1e-3, atol=1e-3
        )


def test_weights_go_through_files(network, tmp_path):
    import keras

    crops = two_faces(network.input_shape[1])
    network.save(tmp_path / "saved.keras")
    network.save_weights(tmp_path / "saved.weights.h5")
    expected = run(network, crops)
    np.testing.assert_array_equal(run(load(tmp_path / "saved.keras"), crops), expected)
    np.testing.assert_array_equal(
        run(build(network.name, input_size=crops.shape[1], weights=tmp_path / "saved.weights.h5"), crops), expected
    )
    loaded_by_keras = keras.models.load_model(tmp_path / "saved.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(run(loaded_by_keras, crops), expected)


def test_running_statistics_keep_up_with_short_trainings(network):
    import keras

    momenta = {layer.momentum for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)}
    assert momenta <= {0.9}


def test_hinted_layers_are_there(network):
    for layer in hinted_layers(network.name):
        height, width = network.get_layer(layer).output.shape[1:3]
        assert height == width > 1


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_usual_crops_are_no_smaller_than_the_smallest(name):
    architecture = find_architecture(name)
    assert 1 <= architecture.smallest_size <= architecture.input_size


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_smallest_crop_that_the_strides_allow(name):
    smallest = find_architecture(name).smallest_size
    assert build(name, input_size=smallest).input_shape == (None, smallest, smallest, 3)
    with pytest.raises(ValueError, match=f"{name} takes crops of at least {smallest} pixels, not {smallest - 1}"):
        build(name, input_size=smallest - 1)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_engines_agree_on_every_architecture(name, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    size = max(32, find_architecture(name).smallest_size)
    model = model_of(name, size, tmp_path / "model")
    for file_format in ("openvino", "onnx"):
        assert export_model(model, file_format, tmp_path / "exported").agrees
    exported = find_model(str(tmp_path / "exported/manifest.json"))
    expected = create_engine("tensorflow", exported).predict(crops_of(size))
    # Ten times the tolerance: logits that do not differ would agree whatever the engines did.
    assert expected.std(axis=0).min() > 0.01
    for engine in ("openvino", "onnxruntime", "keras"):
        np.testing.assert_allclose(create_engine(engine, exported).predict(crops_of(size)), expected, atol=1e-3)
