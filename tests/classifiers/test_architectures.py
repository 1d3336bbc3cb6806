"""Networks from a crop to two logits."""

from __future__ import annotations

import io
import pickle
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from classifiers import ModelError, find_model
from classifiers.architectures import ARCHITECTURES, build, find_architecture, hinted_layers, load
from classifiers.architectures.mobilenet_efficientnet import BRANCHES
from classifiers.export import save_network
from classifiers.stored_network import load_network
from tests.classifiers.networks import output_of, run, two_faces
from tests.tiny_shards import FACE

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from convert_efficientnet_weights import folded_weights
from convert_vgg16_weights import ArrayUnpickler, published_network
from join_networks import join

if TYPE_CHECKING:
    import keras

pytestmark = pytest.mark.slow

CHANNELS = {
    "capsnet": 256,
    "cnn": 256,
    "efficientnet_lite2": 1280,
    "efficientnet_v2_b0": 1280,
    "inception_resnet_v2": 1536,
    "mesoinception": 16,
    "mesonet": 16,
    "mobilenet_efficientnet": 2560,
    "mobilenet_efficientnet_dinov2": 6016,
    "mobilenet_v2": 1280,
    "resnet50": 2048,
    "vgg16": 512,
    "xception": 2048,
}


@pytest.fixture(scope="module")
def cnn() -> keras.Model:
    return build("cnn", input_size=32)


@pytest.mark.parametrize("name", CHANNELS)
def test_feature_maps_have_the_channels_of_the_paper(name):
    network = build(name, input_size=max(48, find_architecture(name).smallest_size))
    assert network.get_layer("features").output.shape[3] == CHANNELS[name]


@pytest.mark.parametrize("name", ["efficientnet_lite2", "mobilenet_efficientnet", "mobilenet_v2", "vgg16"])
def test_networks_whose_normalisation_is_folded_or_never_was(name):
    import keras

    network = build(name, input_size=48)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers)


@pytest.mark.parametrize("name", ["cnn", "mesonet", "mesoinception"])
def test_networks_without_published_weights_say_so(name):
    with pytest.raises(ValueError, match=f"{name} has no published weights"):
        build(name, weights="imagenet")


def test_network_whose_published_weights_keras_lacks_says_where_to_get_them():
    with pytest.raises(ValueError, match=r"scripts/convert_efficientnet_weights\.py makes a file of it"):
        build("efficientnet_lite2", weights="imagenet")


def test_joined_network_says_the_mean_of_what_its_branches_say():
    models = {branch: find_model(branch) for branch in BRANCHES}
    joined = join("mobilenet_efficientnet", models)
    face = cv2.resize(FACE, (224, 224))
    crops = np.stack([face, face[:, ::-1]]).astype(np.float32)
    alone = [run(load_network(models[branch]), crops) for branch in BRANCHES]
    assert np.abs(alone[0] - alone[1]).max() > 0.05
    np.testing.assert_allclose(run(joined, crops), np.mean(alone, axis=0), atol=1e-4)
    # The shipped one is of the same weights, but for rounding.
    np.testing.assert_allclose(
        run(load_network(find_model("mobilenet_efficientnet")), crops), run(joined, crops), atol=0.1
    )


def test_joined_transformer_sees_the_crop_as_small_as_alone(tmp_path):
    transformer = build("dinov2_small")
    head = transformer.get_layer("logits")
    head.set_weights([np.random.default_rng(0).normal(0, 0.1, head.kernel.shape), np.float32([0.5, -1])])
    template = find_model().crop_template
    models = {name: find_model(name) for name in BRANCHES}
    models["dinov2_small"] = save_network(
        transformer, tmp_path, crop_template=template, crop_cut_size=224, card="card.md"
    )
    joined = join("mobilenet_efficientnet_dinov2", models, {"dinov2_small": 0.25})
    face = cv2.resize(FACE, (224, 224))
    crops = np.stack([face, face[:, ::-1]]).astype(np.float32)
    small = np.stack([cv2.resize(crop, (140, 140), interpolation=cv2.INTER_AREA) for crop in crops])
    convolutional = [run(load_network(models[name]), crops) for name in BRANCHES]
    expected = 0.75 * np.mean(convolutional, axis=0) + 0.25 * run(transformer, small)
    np.testing.assert_allclose(run(joined, crops), expected, atol=1e-3)


@pytest.mark.parametrize(("cells", "side"), [(224, 140), (10, 7), (9, 3), (4, 6)])
def test_areas_are_averaged_as_opencv_does_and_keep_the_mean(cells, side):
    from classifiers.architectures.transformer_layers import AreaMeans

    maps = np.random.default_rng(0).random((2, cells, cells, 3), np.float32)
    means = np.asarray(AreaMeans(side)(maps))
    np.testing.assert_allclose(means.mean(axis=(1, 2)), maps.mean(axis=(1, 2)), rtol=1e-5)
    if side < cells:
        shrunk = [cv2.resize(each, (side, side), interpolation=cv2.INTER_AREA) for each in maps]
        np.testing.assert_allclose(means, shrunk, atol=1e-5)


def test_what_cannot_be_joined():
    models = {branch: find_model(branch) for branch in BRANCHES}
    with pytest.raises(ModelError, match="model 'vgg16' is a vgg16, not a mobilenet_v2"):
        join("mobilenet_efficientnet", models | {"mobilenet_v2": find_model("vgg16")})
    with pytest.raises(ModelError, match="other crops than each other"):
        join("mobilenet_efficientnet", models | {"mobilenet_v2": replace(models["mobilenet_v2"], crop_cut_size=300)})
    with pytest.raises(ValueError, match=r"scripts/join_networks\.py joins them"):
        build("mobilenet_efficientnet", weights="imagenet")


def test_usual_size_is_the_published_one_or_224():
    sizes = {name: find_architecture(name).input_size for name in ARCHITECTURES}
    published = {"xception": 299, "inception_resnet_v2": 299, "mesonet": 256, "mesoinception": 256, "cnn": 128}
    published["dinov2_small"] = 140  # five times faster to train than at 224, and 14 divides it
    assert sizes == {name: published.get(name, 224) for name in ARCHITECTURES}
    assert build("mobilenet_v2").input_shape == (None, 224, 224, 3)


@pytest.mark.parametrize(("name", "size"), [("vgg16", 112), ("inception_resnet_v2", 128)])
def test_hinted_layers_look_where_they_say(name, size):
    network = build(name, input_size=size)
    rng = np.random.default_rng(5)
    crop = rng.integers(0, 256, (1, size, size, 3)).astype(np.float32)
    for layer, where in hinted_layers(name).items():
        before = output_of(network, layer, crop)
        cells = before.shape[1]
        for x, y in ((0.4, 0.5), (0.6, 0.45)):
            left, top = round(x * size), round(y * size)
            changed = crop.copy()
            changed[:, top - 2 : top + 3, left - 2 : left + 3] = (
                255 - changed[:, top - 2 : top + 3, left - 2 : left + 3]
            )
            energy = ((output_of(network, layer, changed) - before)[0] ** 2).sum(axis=-1)
            centres = where.first_centre + where.step * np.arange(cells)
            found = [float((energy.sum(axis=axis) * centres).sum() / energy.sum()) for axis in (0, 1)]
            # Random weights look no more to the left than to the right, or nearly so.
            np.testing.assert_allclose(found, (left, top), atol=0.75 * where.step)


def test_unknown_architecture():
    with pytest.raises(ValueError, match="no architecture is called 'alexnet'; there are capsnet, cnn, "):
        build("alexnet")


PUBLISHED = {
    "capsnet": ("VGG19", "vgg19", "block3_conv4"),
    "efficientnet_v2_b0": ("EfficientNetV2B0", "efficientnet_v2", "top_activation"),
    "resnet50": ("ResNet50", "resnet50", "conv5_block3_out"),
    "vgg16": ("VGG16", "vgg16", "block5_pool"),
    "xception": ("Xception", "xception", "block14_sepconv2_act"),
    "inception_resnet_v2": ("InceptionResNetV2", "inception_resnet_v2", "conv_7b_ac"),
}


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_network_with_published_weights_computes_what_the_published_one_does(name, tmp_path):
    import keras

    class_name, module, layer = PUBLISHED[name]
    size = max(48, find_architecture(name).smallest_size)
    crops = two_faces(size)
    publish, prepare = getattr(keras.applications, class_name), getattr(keras.applications, module).preprocess_input
    # Of the published preprocessing of EfficientNetV2 nothing is outside of the network, nor written to the file.
    options = {"include_preprocessing": False} if name.startswith("efficientnet") else {}
    pixels = (crops / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225) if options else prepare(crops.copy())
    published = publish(include_top=False, weights=None, input_shape=crops.shape[1:], **options)
    published.save(tmp_path / "published.h5")
    expected = output_of(published, layer, pixels.astype(np.float32))
    found = output_of(build(name, input_size=size, weights=tmp_path / "published.h5"), "features", crops)
    assert expected.std() > 0
    np.testing.assert_allclose(found / expected.std(), expected / expected.std(), atol=1e-3)


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

    crops = two_faces(size)
    expected = run(published, crops / 127.5 - 1)
    folded = build("mobilenet_v2", input_size=size, weights=tmp_path / "published.keras")
    features = output_of(folded, "features", crops)
    assert expected.std() > 0.1
    np.testing.assert_allclose(features, expected, atol=1e-3)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in folded.layers)


# Block by block of the published network: channels that come in, inner ones, those that go out, kernel, stride.
LITE2_BLOCKS = [
    (32, 32, 16, 3, 1), (16, 96, 24, 3, 2), *[(24, 144, 24, 3, 1)] * 2, (24, 144, 48, 5, 2), *[(48, 288, 48, 5, 1)] * 2,
    (48, 288, 88, 3, 2), *[(88, 528, 88, 3, 1)] * 3, (88, 528, 120, 5, 1), *[(120, 720, 120, 5, 1)] * 3,
    (120, 720, 208, 5, 2), *[(208, 1248, 208, 5, 1)] * 4, (208, 1248, 352, 3, 1),
]  # fmt: skip


@pytest.mark.parametrize("size", [64, 75])
def test_converted_efficientnet_computes_what_the_published_one_does(tmp_path, size):
    """Weights as PyTorch names and lays them out, run with their batch normalisations."""
    from keras import ops

    rng = np.random.default_rng(0)
    published = {"_fc.weight": np.zeros((1000, 1280), np.float32), "_fc.bias": np.zeros(1000, np.float32)}

    def layer(x, conv, norm, shape, stride=1, clipped=True):
        kernel = rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
        scale, shift, mean = (rng.normal(centre, 0.2, shape[0]) for centre in (1, 0, 0))
        variance = rng.uniform(0.5, 1.5, shape[0])
        names = (f"{conv}.weight", *(f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var")))
        published.update(zip(names, map(np.float32, (kernel, scale, shift, mean, variance)), strict=True))
        convolve = ops.depthwise_conv if "depthwise" in conv else ops.conv
        axes = (2, 3, 0, 1) if "depthwise" in conv else (2, 3, 1, 0)
        x = convolve(x, np.float32(kernel.transpose(axes)), strides=stride, padding="same")
        x = (x - np.float32(mean)) / np.float32((variance + 1e-3) ** 0.5) * np.float32(scale) + np.float32(shift)
        return ops.clip(x, 0, 6) if clipped else x

    crops = two_faces(size)
    x = layer((crops - 127) / 128, "_conv_stem", "_bn0", (32, 3, 3, 3), 2)
    for number, (before, inner, after, kernel, stride) in enumerate(LITE2_BLOCKS):
        block, y = f"_blocks.{number}", x
        if number:
            y = layer(y, f"{block}._expand_conv", f"{block}._bn0", (inner, before, 1, 1))
        y = layer(y, f"{block}._depthwise_conv", f"{block}._bn1", (inner, 1, kernel, kernel), stride)
        y = layer(y, f"{block}._project_conv", f"{block}._bn2", (after, inner, 1, 1), clipped=False)
        x = x + y if before == after and stride == 1 else y
    expected = ops.convert_to_numpy(layer(x, "_conv_head", "_bn1", (1280, 352, 1, 1)))

    np.savez(tmp_path / "converted.npz", **folded_weights(published))
    network = build("efficientnet_lite2", input_size=size, weights=tmp_path / "converted.npz")
    assert expected.std() > 0.1
    np.testing.assert_allclose(output_of(network, "features", crops), expected, atol=1e-3)


def test_converted_vgg16_computes_what_torchvision_does(tmp_path):
    from keras import ops

    rng, size = np.random.default_rng(0), 64
    crops = FACE[None, 50 : 50 + size, 50 : 50 + size].astype(np.float32)
    x = ops.convert_to_tensor(((crops / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype(np.float32))
    convolutions, channels = [], 3
    for wider, repeats in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(repeats):
            kernel = rng.normal(0, (2 / 9 / channels) ** 0.5, (3, 3, channels, wider)).astype(np.float32)
            bias = rng.normal(0, 0.1, wider).astype(np.float32)
            convolutions.append((kernel, bias))
            x, channels = ops.relu(ops.conv(x, kernel, padding="same") + bias), wider
        x = ops.max_pool(x, 2, strides=2)
    expected = ops.convert_to_numpy(x)

    published_network(convolutions).save(tmp_path / "converted.keras")
    network = build("vgg16", input_size=size, weights=tmp_path / "converted.keras")
    assert expected.std() > 0.1
    # Not to the bit: the two pad with their own mean, of which torchvision's is darker by half a grey level in green.
    np.testing.assert_allclose(output_of(network, "features", crops), expected, atol=5e-3)


def test_converter_of_vgg16_reads_arrays_and_nothing_else():
    arrays = {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}
    # Newer versions of NumPy write another name of the module than the one in the package.
    written = pickle.dumps(arrays, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    np.testing.assert_array_equal(ArrayUnpickler(io.BytesIO(written)).load()["kernel"], arrays["kernel"])
    with pytest.raises(pickle.UnpicklingError, match="no part of an array"):
        ArrayUnpickler(io.BytesIO(pickle.dumps({"kernel": Path("/")}))).load()


@pytest.mark.parametrize("name", ["efficientnet_lite2", "mobilenet_v2"])
def test_folded_weights_are_read_from_arrays_in_order_of_the_graph(tmp_path, name):
    first = build(name, input_size=64)
    convolutions = [np.asarray(weight) for weight in first.get_weights()[:-2]]
    names = [f"CONV_{number:03d}/{kind}" for number in range(len(convolutions) // 2) for kind in ("kernel", "bias")]
    arrays = dict(zip(names, convolutions, strict=True))
    np.savez(tmp_path / "folded.npz", **arrays, **{"FULLY_CONNECTED/kernel": np.zeros((1280, 1000))})
    second = build(name, input_size=64, weights=tmp_path / "folded.npz")
    crops = FACE[None, :64, :64].astype(np.float32)
    np.testing.assert_array_equal(output_of(first, "features", crops), output_of(second, "features", crops))


@pytest.mark.parametrize("name", ["efficientnet_lite2", "mobilenet_efficientnet", "mobilenet_v2", "vgg16"])
def test_random_weights_without_normalisation_still_tell_crops_apart(name):
    features = output_of(build(name, input_size=64), "features", two_faces(64)).mean(axis=(1, 2))
    first, second = features - features.mean(axis=1, keepdims=True)
    # With the weights that Keras draws by default these are above 0.99, and the features of MobileNetV2 nearly 0.
    assert first @ second / np.linalg.norm(first) / np.linalg.norm(second) < 0.95
    assert 0.2 < features.std() < 2


@pytest.mark.parametrize("name", ["capsnet", "cnn"])
def test_network_leaves_chance_within_a_hundred_steps(name):
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    network = build(name, input_size=32)
    network.compile(
        keras.optimizers.Adam(3e-4), loss=keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=False
    )
    rows, columns = np.indices((32, 32))
    patterns = np.stack([np.zeros((32, 32)), (rows + columns) % 2 * 16.0 - 8, 12 * np.cos((rows + columns) / 6)])
    losses = []
    for _ in range(100):
        kinds = rng.integers(0, 3, 16)
        corners = rng.integers(0, 120, (16, 2))
        crops = np.stack([FACE[y : y + 32, x : x + 32] for y, x in corners]) + patterns[kinds][..., None]
        crops = (crops + rng.normal(0, 3, crops.shape)).clip(0, 255).astype(np.float32)
        losses.append(network.train_on_batch(crops, np.float32([kinds == 1, kinds == 2]).T))
    chance = 0.6365  # the entropy of one in three
    assert np.mean(losses[-20:]) < 0.75 * chance


def test_weights_of_another_network_are_refused(tmp_path, cnn):
    np.savez(tmp_path / "few.npz", kernel=np.zeros((3, 3, 3, 32)), bias=np.zeros(32))
    with pytest.raises(ValueError, match=r"few\.npz is damaged, or does not hold weights of mobilenet_v2"):
        build("mobilenet_v2", input_size=64, weights=tmp_path / "few.npz")
    cnn.save(tmp_path / "cnn.keras")
    cnn.save_weights(tmp_path / "cnn.weights.h5")
    with pytest.raises(ValueError, match=r"cnn\.keras holds weights of cnn, not of mesonet"):
        build("mesonet", input_size=32, weights=tmp_path / "cnn.keras")
    with pytest.raises(ValueError, match=r"cnn\.weights\.h5 is damaged, or does not hold weights of mesonet"):
        build("mesonet", input_size=32, weights=tmp_path / "cnn.weights.h5")


def test_files_that_are_missing_or_damaged_are_refused(tmp_path, cnn):
    with pytest.raises(ValueError, match=r"there is no file of weights .*missing\.keras"):
        build("cnn", weights=tmp_path / "missing.keras")
    (tmp_path / "text.keras").write_text("weights")
    for read in (load, lambda file: build("cnn", weights=file)):
        with pytest.raises(ValueError, match=r"text\.keras is not a network that Keras saved"):
            read(tmp_path / "text.keras")


@pytest.mark.parametrize("kept", [0, 200, 40_000])
def test_arrays_that_are_cut_off_are_refused(tmp_path, kept):
    whole, part = tmp_path / "whole.npz", tmp_path / "part.npz"
    np.savez(whole, kernel=np.zeros((3, 3, 3, 400)))
    part.write_bytes(whole.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"part\.npz is damaged, or does not hold weights of efficientnet_lite2"):
        build("efficientnet_lite2", input_size=64, weights=part)


def test_other_arrays_than_folded_weights_are_refused(tmp_path):
    np.save(tmp_path / "single.npy", np.zeros(3))
    with pytest.raises(ValueError, match=r"single\.npy is damaged, or does not hold weights of mobilenet_v2"):
        build("mobilenet_v2", input_size=64, weights=tmp_path / "single.npy")
    with (tmp_path / "packed.npz").open("wb") as file:
        np.savez_compressed(file, kernel=np.arange(30_000))
    content = bytearray((tmp_path / "packed.npz").read_bytes())
    content[2000:3000] = b"\xff" * 1000
    (tmp_path / "packed.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"packed\.npz is damaged, or does not hold weights of mobilenet_v2"):
        build("mobilenet_v2", input_size=64, weights=tmp_path / "packed.npz")


def test_published_network_is_not_taken_for_a_classifier(tmp_path):
    import keras

    inputs = keras.Input((32, 32, 3))
    keras.Model(inputs, keras.layers.Conv2D(1, 1)(inputs), name="xception").save(tmp_path / "published.keras")
    with pytest.raises(ValueError, match="which is none of the architectures"):
        load(tmp_path / "published.keras")


def test_network_trained_in_half_precision_is_loaded_in_full(tmp_path, cnn):
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        trained = build("cnn", input_size=32, weights=None)
        trained.save(tmp_path / "half.keras")
        loaded = load(tmp_path / "half.keras")
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert trained.get_layer("conv1").compute_dtype == "bfloat16"
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    for mine, theirs in zip(loaded.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
