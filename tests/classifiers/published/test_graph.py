"""A published network gives our logits, whatever it takes and says itself."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import external_data_helper, helper

from classifiers import ModelError
from classifiers.crop_box import CropBox
from classifiers.openvino_graph import compile_for_cpu
from classifiers.published.graph import UNKNOWN_LOGIT, adapt
from classifiers.published.recipe import InputRecipe, OutputRecipe, Recipe
from tests.classifiers.published.small_networks import SIDE, WEIGHTS, answer, mean_colour, write

CROPS = np.random.default_rng(5).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
RECIPE = Recipe(
    name="small",
    title="A small network",
    paper="none",
    repository="none",
    licence="CC0",
    commercial_use=True,
    input=InputRecipe(SIDE),
    crop=CropBox(),
    output=OutputRecipe(("fake",)),
)


def logits(path: Path, recipe: Recipe = RECIPE, crops: np.ndarray = CROPS) -> np.ndarray:
    return np.array(compile_for_cpu(adapt(path, recipe))(crops.astype(np.float32))[0])


def saying(*classes: str, activation: str = "none") -> Recipe:
    return replace(RECIPE, output=OutputRecipe(classes, activation))


@given(
    layout=st.sampled_from(["NCHW", "NHWC"]),
    colour=st.sampled_from(["RGB", "BGR"]),
    scale=st.sampled_from([1.0, 1 / 255, 1 / 127.5]),
    mean=st.sampled_from([(0.0,), (0.5,), (0.485, 0.456, 0.406)]),
    deviation=st.sampled_from([(1.0,), (0.5,), (0.229, 0.224, 0.225)]),
)
@settings(max_examples=20, deadline=None)
def test_crops_are_prepared_as_the_recipe_says(tmp_path_factory, layout, colour, scale, mean, deviation):
    path = mean_colour(tmp_path_factory.mktemp("network") / "small.onnx", layout=layout)
    recipe = replace(RECIPE, input=InputRecipe(SIDE, layout, colour, scale, mean, deviation))
    wanted = answer(CROPS, 1, colour=colour, scale=scale, mean=mean, deviation=deviation)
    np.testing.assert_allclose(logits(path, recipe)[:, :1], wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("activation", "layer"), [("none", None), ("sigmoid", "Sigmoid")])
@pytest.mark.parametrize("meaning", ["fake", "manipulated", "generated", "real"])
def test_one_number(tmp_path, activation, layer, meaning):
    found = logits(mean_colour(tmp_path / "one.onnx", activation=layer), saying(meaning, activation=activation))
    wanted = answer(CROPS, 1)[:, 0] * (-1 if meaning == "real" else 1)
    told, untold = (1, 0) if meaning == "generated" else (0, 1)
    np.testing.assert_allclose(found[:, told], wanted, atol=1e-4)
    assert (found[:, untold] == UNKNOWN_LOGIT).all()


@pytest.mark.parametrize(("activation", "layer"), [("none", None), ("softmax", "Softmax")])
def test_two_classes_in_either_order(tmp_path, activation, layer):
    path, wanted = mean_colour(tmp_path / "two.onnx", 2, activation=layer), answer(CROPS, 2)
    for classes, sign in ((("real", "fake"), 1), (("fake", "real"), -1)):
        found = logits(path, saying(*classes, activation=activation))
        np.testing.assert_allclose(found[:, 0], sign * (wanted[:, 1] - wanted[:, 0]), atol=1e-4)
        assert (found[:, 1] == UNKNOWN_LOGIT).all()


def test_each_kind_of_forgery_has_odds_against_real(tmp_path):
    found = logits(mean_colour(tmp_path / "three.onnx", 3), saying("generated", "real", "manipulated"))
    generated, real, manipulated = answer(CROPS, 3).T
    np.testing.assert_allclose(found, np.stack([manipulated - real, generated - real], 1), atol=1e-4)


def test_chances_of_several_classes_of_one_meaning_add_up(tmp_path):
    found = logits(mean_colour(tmp_path / "three.onnx", 3), saying("fake", "real", "fake"))
    first, real, second = answer(CROPS, 3).T
    np.testing.assert_allclose(found[:, 0], np.logaddexp(first, second) - real, atol=1e-4)


def test_a_network_that_is_quite_sure_gives_numbers(tmp_path):
    path = mean_colour(tmp_path / "sure.onnx", activation="Sigmoid", scale=1e6)
    found = logits(path, saying("fake", activation="sigmoid"))
    assert np.isfinite(found).all() and (np.abs(found[:, 0]) > 10).all()


def test_a_network_for_one_crop_takes_any_number(tmp_path):
    path = mean_colour(tmp_path / "one.onnx", batch=1)
    np.testing.assert_allclose(logits(path)[:, :1], answer(CROPS, 1), atol=1e-4)
    assert logits(path, crops=CROPS[:0]).shape == (0, 2)


def test_openvino_files(tmp_path):
    import openvino as ov

    graph = ov.Core().read_model(mean_colour(tmp_path / "small.onnx"))
    ov.save_model(graph, tmp_path / "small.xml", compress_to_fp16=False)
    np.testing.assert_allclose(logits(tmp_path / "small.xml")[:, :1], answer(CROPS, 1), atol=1e-4)


def test_keras_files(tmp_path):
    import keras

    image = keras.Input((SIDE, SIDE, 3))
    colour = keras.layers.GlobalAveragePooling2D()(image)
    dense = keras.layers.Dense(1, use_bias=False)
    network = keras.Model(image, dense(colour))
    dense.set_weights([WEIGHTS[:1].T])
    network.save(tmp_path / "small.keras")
    recipe = replace(RECIPE, input=InputRecipe(SIDE, "NHWC"))
    np.testing.assert_allclose(logits(tmp_path / "small.keras", recipe)[:, :1], answer(CROPS, 1), atol=1e-4)


def test_an_output_is_found_by_its_name(tmp_path):
    path = mean_colour(tmp_path / "named.onnx")
    recipe = replace(RECIPE, output=OutputRecipe(("fake",), name="answer"))
    np.testing.assert_allclose(logits(path, recipe)[:, :1], answer(CROPS, 1), atol=1e-4)
    with pytest.raises(ModelError, match=r"named\.onnx has no output 'logits', as its recipe says; it has answer"):
        adapt(path, replace(RECIPE, output=OutputRecipe(("fake",), name="logits")))


def no_network(path: Path) -> Path:
    path.write_bytes(b"\x08\x07 this is no network")
    return path


def custom_operation(path: Path) -> Path:
    nodes = [helper.make_node("Grasp", ["image"], ["answer"], domain="of.nobody")]
    return write(path, nodes, ["n", 3, SIDE, SIDE], ["n", 1], {})


def two_inputs(path: Path) -> Path:
    mean_colour(path)
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("audio", onnx.TensorProto.FLOAT, ["n", 1]))
    model.graph.node.append(helper.make_node("Identity", ["audio"], ["same"]))
    model.graph.output.append(helper.make_tensor_value_info("same", onnx.TensorProto.FLOAT, ["n", 1]))
    onnx.save(model, path)
    return path


def weights_elsewhere(path: Path) -> Path:
    mean_colour(path)
    model = onnx.load(path)
    external_data_helper.convert_model_to_external_data(model, location="weights.data", size_threshold=0)
    onnx.save(model, path)
    (path.parent / "weights.data").unlink()
    return path


def not_finite(path: Path) -> Path:
    return mean_colour(path, scale=math.nan)


def crops_that_know_each_other(path: Path) -> Path:
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["colour"], axes=[2, 3], keepdims=0),
        helper.make_node("ReduceMean", ["colour"], ["usual"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["colour", "usual"], ["centred"]),
        helper.make_node("Gemm", ["centred", "weights"], ["answer"], transB=1),
    ]
    return write(path, nodes, ["n", 3, SIDE, SIDE], ["n", 1], {"weights": WEIGHTS[:1] * 1e3})


def of_another_size(path: Path) -> Path:
    return mean_colour(path, side=SIDE + 1)


def of_the_other_layout(path: Path) -> Path:
    return mean_colour(path, layout="NHWC")


def of_three_classes(path: Path) -> Path:
    return mean_colour(path, 3)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (no_network, "cannot be read as a network"),
        (custom_operation, r"Grasp"),
        (two_inputs, "takes 2 inputs; a detector of single faces takes one"),
        (weights_elsewhere, r"cannot be read as a network.*weights\.data"),
        (not_finite, "gives what is no number"),
        (crops_that_know_each_other, "depends on the others"),
        (of_another_size, r"takes .*17.*but its recipe says NCHW of 16 pixels"),
        (of_the_other_layout, r"takes .*but its recipe says NCHW"),
        (of_three_classes, r"gives .*3.*, but its recipe is for 1 number"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_cannot_be_used_is_told_in_one_sentence(tmp_path, made, sentence):
    with pytest.raises(ModelError, match=sentence) as raised:
        adapt(made(tmp_path / "network.onnx"), RECIPE)
    assert "\n" not in str(raised.value) and str(tmp_path / "network.onnx") in str(raised.value)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("network.pth", r"is no \.onnx, \.xml or \.keras file"), ("missing.onnx", "there is no file")],
)
def test_other_files(tmp_path, name, sentence):
    (tmp_path / "network.pth").write_bytes(b"PK")
    with pytest.raises(ModelError, match=sentence):
        adapt(tmp_path / name, RECIPE)


def test_an_openvino_graph_without_its_weights(tmp_path):
    import openvino as ov

    ov.save_model(ov.Core().read_model(mean_colour(tmp_path / "small.onnx")), tmp_path / "small.xml")
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(tmp_path / "small.xml", alone)
    with pytest.raises(ModelError, match="cannot be read as a network"):
        adapt(alone / "small.xml", RECIPE)
