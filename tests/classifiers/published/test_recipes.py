"""Every shipped recipe, from a network's file to the logits in a verdict, against what its authors' own steps give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from skimage import data

from classifiers.crop_box import CropBox
from classifiers.published.library import add_model
from classifiers.published.recipe import Recipe, read_recipe, shipped_recipes
from extractors.aligned_crop import AlignedCrop
from extractors.box_crop import BoxCrop
from extractors.face import Face
from extractors.face_crop import FaceCrop
from pipeline import Scanner
from pipeline.analysis.aggregate import POOLINGS
from pipeline.evidence.pictures import read_frames, reopen
from pipeline.media.sampling import SamplingPlan
from tests.classifiers.published.authors import CROPPERS, MESONET, mesonet_square, prepared
from tests.classifiers.published.small_networks import write

SAMPLES = Path(__file__).parents[3] / "sample_videos"
PATCH = 4

PORTRAIT = data.astronaut()
LARGE = cv2.resize(PORTRAIT, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
LANDMARKS = np.array([[203.5, 100.0], [245.5, 102.0], [224.0, 126.5], [202.0, 138.5], [244.5, 140.5]])

every_recipe = pytest.mark.parametrize("name", shipped_recipes())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEWITNESS_MODELS", str(tmp_path / "models"))


def patch_network(path: Path, recipe: Recipe) -> Path:
    """Write a network that averages patches of its input and weighs every patch of those and every colour for itself.

    A crop that lies a pixel beside its place, or is turned, or has its colours in another order, gives other logits.
    """
    random, wanted = np.random.default_rng(1), recipe.input
    patches = (wanted.size // PATCH // PATCH) ** 2
    constants = {
        "look": random.normal(0, 0.3, (4, 3, PATCH, PATCH)).astype(np.float32),
        "weigh": random.normal(0, 1.5 / patches**0.5, (len(recipe.output.classes), 4 * patches)).astype(np.float32),
    }
    sizes = [3, wanted.size, wanted.size]
    nodes = [
        helper.make_node("AveragePool", ["pixels"], ["averaged"], kernel_shape=[PATCH] * 2, strides=[PATCH] * 2),
        helper.make_node("Conv", ["averaged", "look"], ["seen"], strides=[PATCH] * 2),
        helper.make_node("Tanh", ["seen"], ["bent"]),
        helper.make_node("Flatten", ["bent"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weigh"], ["answer"], transB=1),
    ]
    if wanted.layout == "NHWC":
        nodes.insert(0, helper.make_node("Transpose", ["image"], ["pixels"], perm=[0, 3, 1, 2]))
        sizes = [*sizes[1:], 3]
    else:
        nodes.insert(0, helper.make_node("Identity", ["image"], ["pixels"]))
    if recipe.output.activation == "sigmoid":
        nodes[-1].output[0] = "odds"
        nodes.append(helper.make_node("Sigmoid", ["odds"], ["answer"]))
    return write(path, nodes, ["n", *sizes], ["n", len(recipe.output.classes)], constants)


def fake_logit(name: str, answer: np.ndarray) -> float:
    """Give the logit of a forgery, as the authors read the answer of their network, (1, classes)."""
    if name == "mesonet":  # One chance, of being real.
        return float(np.log((1 - answer[0, 0]) / answer[0, 0]))
    if answer.shape[1] == 1:  # A logit.
        return float(answer[0, 0])
    return float(answer[0, 1] - answer[0, 0])  # Of a softmax, whose second number is the chance of a fake.


@every_recipe
def test_the_logits_of_a_verdict_are_those_of_the_authors_own_steps(tmp_path, name):
    recipe, path = read_recipe(name), SAMPLES / "two_people.mp4"
    network = patch_network(tmp_path / "network.onnx", recipe)
    add_model(network, recipe, "added")
    verdict = Scanner("added", engine="openvino", precision="f32", plan=SamplingPlan.spread(1)).scan(path)
    seen = [one for item in verdict.tracks for one in item.track.observations]
    assert len(seen) == 2

    authors = onnxruntime.InferenceSession(network)
    for frame, faces in read_frames(reopen(verdict, path), seen):
        for one in faces:
            crop = CROPPERS[name](frame, one.face.box, one.face.landmarks)
            (answer,) = authors.run(None, {"image": prepared(name, crop)})
            assert one.logits is not None
            assert abs(one.logits[0] - fake_logit(name, answer)) < 1e-3


def cropper(recipe: Recipe) -> FaceCrop:
    if isinstance(recipe.crop, CropBox):
        return BoxCrop(recipe.input.size, recipe.crop)
    return AlignedCrop(recipe.input.size, recipe.crop)


@st.composite
def faces(draw: st.DrawFn) -> tuple[np.ndarray, Face]:
    """Draw a frame with a face of any size, slant and place in it, also over its border."""
    frame, factor = draw(st.sampled_from([(PORTRAIT, 1.0), (LARGE, 4.0)]))
    slant, scale = draw(st.floats(-0.6, 0.6)), draw(st.floats(0.4, 2.5))
    turn = scale * np.array([[np.cos(slant), np.sin(slant)], [-np.sin(slant), np.cos(slant)]])
    shift = np.array([draw(st.floats(-150, 200)), draw(st.floats(-80, 250))])
    noise = np.random.default_rng(draw(st.integers(0, 999))).normal(0, 2, (5, 2))
    middle = LANDMARKS.mean(axis=0)
    landmarks = ((LANDMARKS - middle) @ turn + noise + middle + shift) * factor
    width, height = draw(st.floats(40, 200)) * scale, draw(st.floats(40, 200)) * scale
    box = np.array([*(middle + shift - (width / 2, height / 2)), width, height]) * factor
    return frame, Face(box.astype(np.float32), landmarks.astype(np.float32), 1.0)


@every_recipe
@given(drawn=faces())
@settings(max_examples=12, deadline=None)
def test_crops_are_the_authors_to_the_pixel(name, drawn):
    frame, face = drawn
    recipe = read_recipe(name)
    found = cropper(recipe).cut(frame, face).astype(int)
    wanted = CROPPERS[name](frame, face.box, face.landmarks)
    if isinstance(recipe.crop, CropBox):
        np.testing.assert_array_equal(found, wanted)
    else:
        # Authors fit in float32, and OpenCV counts in parts of a pixel: one in some hundred is a few steps off.
        assert (found != wanted).mean() < 0.01
        assert np.abs(found - wanted).mean() < 0.02


def test_landmarks_lie_in_the_square_that_mesonet_cuts():
    eyes, tip, mouth = np.array(MESONET[:2]), np.array(MESONET[2]), np.mean(MESONET[3:], axis=0)
    # Of dlib's points the bridge of the nose begins between the eyes, and its base is a little below the tip.
    nose = ((eyes.mean(axis=0) + tip) / 2 + tip + np.array((0, 0.03))) / 2
    centre, side, slant = mesonet_square(eyes, nose, mouth)
    np.testing.assert_allclose(centre, (0.5, 0.5), atol=0.01)
    assert side == pytest.approx(1, abs=0.03)
    assert slant == pytest.approx(0, abs=0.01)


@every_recipe
def test_recipes_say_where_they_come_from_and_how_scores_are_pooled(name):
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe.repository.startswith("https://")
    assert recipe.pooling in (None, *POOLINGS)


def test_a_copy_with_the_classes_swapped_is_read_from_its_file(tmp_path):
    shipped = SAMPLES.parent / "classifiers/published/recipes/hf-image-classifier.yaml"
    copy = tmp_path / "mine.yaml"
    copy.write_text(shipped.read_text(encoding="utf-8").replace("[real, fake]", "[fake, real]"), encoding="utf-8")
    recipe, usual = read_recipe(str(copy)), read_recipe("hf-image-classifier")
    assert recipe.output.classes == ("fake", "real")
    assert replace(recipe, output=usual.output) == usual
