"""Heat maps: they add up to the logits that the engine gives, and point at what was forged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops
from skimage import data

from classifiers import ModelError, ModelSpec, create_engine, find_model
from classifiers.calibration import UNCALIBRATED, Isotonic, Platt, Temperature
from classifiers.evaluation.pointing import play_pointing_game
from classifiers.explain import FULL_COLOUR_ODDS, Heat, HeatMapper, calibrated_maps, colours, overlay
from classifiers.model_spec import ModelFile, shipped_models
from classifiers.training.self_blending import Blend, self_blend
from extractors.align import CropGeometry, align_face, warp_crop
from tests.tiny_shards import FACE, FACE_LANDMARKS

MODEL = find_model()
GEOMETRY = CropGeometry.of_model(MODEL)


@pytest.fixture(scope="module")
def mapper() -> HeatMapper:
    return HeatMapper(MODEL, threads=1)


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """More than one batch of crops of a face, and some of noise and plain colours."""
    rng = np.random.default_rng(0)
    faces = [align_face(FACE, FACE_LANDMARKS + rng.normal(0, 4, (5, 2)), GEOMETRY) for _ in range(15)]
    noise = rng.integers(0, 256, (4, *faces[0].shape), np.uint8)
    plain = np.broadcast_to(np.array([0, 255], np.uint8)[:, None, None, None], (2, *faces[0].shape))
    return np.concatenate([faces, noise, plain])


def test_maps_of_the_default_model_add_up_to_the_logits_of_the_engine(mapper, crops):
    heat = mapper.heat(crops)
    assert heat.method == mapper.method == "class_activation"
    assert heat.maps.shape == (len(crops), 2, 7, 7) and heat.maps.dtype == np.float32
    logits = create_engine("openvino", MODEL, threads=1).predict(crops)
    np.testing.assert_allclose(heat.maps.sum(axis=(2, 3)) + heat.bias, logits, atol=1e-3)
    np.testing.assert_allclose(heat.logits, logits, atol=1e-3)
    # A map of one value everywhere would add up as well.
    assert (np.ptp(heat.maps, axis=(2, 3)) > 0.01).sum() > len(crops)


def test_no_crops(mapper):
    heat = mapper.heat(np.empty((0, MODEL.crop_size, MODEL.crop_size, 3), np.uint8))
    assert heat.maps.shape == (0, 2, 7, 7) and heat.logits.shape == (0, 2)


@pytest.mark.parametrize("shape, dtype", [((1, 8, 8, 3), np.uint8), ((1, 224, 224, 3), np.float32)])
def test_crops_of_another_form(mapper, shape, dtype):
    with pytest.raises(ValueError, match=r"crops must be uint8 \(n, 224, 224, 3\), not"):
        mapper.heat(np.zeros(shape, dtype))


def test_model_without_openvino_files():
    with pytest.raises(ModelError, match=f"{MODEL.name!r} has no OpenVINO graph to draw heat maps from"):
        HeatMapper(replace(MODEL, files={"keras": ModelFile("some.keras", "0" * 64)}))


SIZE = 64
"""Side of the crops of the small graphs below."""

WEIGHTS = np.float32([[1, -2, 0.5], [0.25, 3, -1]])
BIAS = np.float32([0.5, -0.25])


def pooled(x: ov.Node, layout: str, *, half: bool = False, transposed: bool = True, keep: bool = False) -> ov.Node:
    """A head that averages the map and weighs the averages, in one of the forms that exporters give it."""
    if layout == "NCHW":
        x = ops.transpose(x, np.int64([0, 3, 1, 2]))
    axes = {"NCHW": [2, 3], "NHWC": [1, -2]}[layout]
    mean = ops.reduce_mean(x, np.int64(axes), keep_dims=keep)
    if keep:
        mean = ops.reshape(mean, np.int64([0, 3]), special_zero=True)
    matrix = WEIGHTS if transposed else np.ascontiguousarray(WEIGHTS.T)
    weights = ops.constant(matrix.astype(np.float16) if half else matrix)
    weights = ops.convert(weights, "f32") if half else weights
    return ops.add(ops.constant(BIAS[None]), ops.matmul(mean, weights, False, transposed))


def brightest(x: ov.Node) -> ov.Node:
    """A head without a sum: the strongest cell of each channel decides."""
    return ops.matmul(ops.reduce_max(x, np.int64([1, 2]), keep_dims=False), ops.constant(WEIGHTS), False, True)


def small_model(folder: Path, head) -> ModelSpec:
    """A graph that averages squares of eight pixels, scaled to 0 to 1, before its head; written as a model."""
    crop = ops.parameter([-1, SIZE, SIZE, 3], np.float32)
    planes = ops.transpose(ops.multiply(crop, np.float32(1 / 255)), np.int64([0, 3, 1, 2]))
    cells = ops.avg_pool(planes, [8, 8], [0, 0], [0, 0], [8, 8], True)
    graph = ov.Model([head(ops.transpose(cells, np.int64([0, 2, 3, 1])))], [crop], "small")
    ov.save_model(graph, folder / "small.xml", compress_to_fp16=False)
    files = {"openvino_graph": "small.xml", "openvino_weights": "small.bin"}
    entries = {name: ModelFile.of(folder / file) for name, file in files.items()}
    return replace(MODEL, name="small", crop_size=SIZE, files={**MODEL.files, **entries}, folder=folder)


def crop_with_square() -> np.ndarray:
    """Black, but for one cell in red: row 2, column 5."""
    crop = np.zeros((SIZE, SIZE, 3), np.uint8)
    crop[16:24, 40:48, 0] = 255
    return crop


@pytest.mark.parametrize(
    "form",
    [
        {"layout": "NHWC"},
        {"layout": "NCHW"},
        {"layout": "NHWC", "half": True},
        {"layout": "NCHW", "transposed": False},
        {"layout": "NHWC", "keep": True},
    ],
    ids=str,
)
def test_averaging_heads_are_recognised_in_any_form(tmp_path, form):
    model = small_model(tmp_path, lambda x: pooled(x, **form))
    heat = HeatMapper(model, threads=1).heat(crop_with_square()[None])
    assert heat.method == "class_activation"
    # The value of the one bright cell is 1, and an average is a 64th of the sum.
    wanted = np.zeros((2, 8, 8), np.float32)
    wanted[:, 2, 5] = WEIGHTS[:, 0] / 64
    np.testing.assert_allclose(heat.maps[0], wanted, atol=1e-6)
    np.testing.assert_allclose(heat.bias, BIAS)
    np.testing.assert_allclose(heat.logits[0], BIAS + WEIGHTS[:, 0] / 64, atol=1e-5)


def test_other_heads_are_explained_by_occlusion(tmp_path):
    mapper = HeatMapper(small_model(tmp_path, brightest), threads=1)
    heat = mapper.heat(np.stack([crop_with_square(), np.zeros((SIZE, SIZE, 3), np.uint8)]))
    assert heat.method == mapper.method == "occlusion" and heat.bias is None
    np.testing.assert_allclose(heat.logits[0], WEIGHTS[:, 0], atol=1e-5)
    cells = heat.maps.shape[-1]
    row, column = np.unravel_index(heat.maps[0, 0].argmax(), (cells, cells))
    middle = (np.array([row, column]) + 0.5) * SIZE / cells
    assert np.abs(middle - (20, 44)).max() < SIZE / cells
    assert heat.maps[0, 0].max() > 0.2
    # Nothing hangs on any part of a black crop.
    np.testing.assert_allclose(heat.maps[1], 0, atol=1e-5)


@pytest.mark.slow
def test_capsule_network_is_explained_by_occlusion(tmp_path):
    from classifiers.architectures import build
    from classifiers.export import export_openvino

    build("capsnet", input_size=32).save(tmp_path / "capsnet.keras")
    export_openvino(tmp_path / "capsnet.keras", tmp_path / "capsnet.xml")
    files = {"keras": "capsnet.keras", "openvino_graph": "capsnet.xml", "openvino_weights": "capsnet.bin"}
    entries = {name: ModelFile.of(tmp_path / file) for name, file in files.items()}
    model = replace(MODEL, name="capsnet", architecture="capsnet", crop_size=32, files=entries, folder=tmp_path)
    crop = cv2.resize(FACE, (32, 32), interpolation=cv2.INTER_AREA)
    heat = HeatMapper(model, threads=1).heat(crop[None])
    assert heat.method == "occlusion" and np.isfinite(heat.maps).all() and np.ptp(heat.maps) > 0


def heat_of(cells: np.ndarray, bias: tuple[float, float] = (0.0, 0.0)) -> Heat:
    """Heat of crops whose first output has these cells, and the second none."""
    maps = np.stack([cells, np.zeros_like(cells)], axis=1).astype(np.float32)
    logits = maps.sum(axis=(2, 3)) + np.float32(bias)
    return Heat(maps, logits, np.float32(bias), "class_activation")


@pytest.mark.parametrize("calibrator", [Platt(1.5, 3.0), Temperature(0.7)], ids=str)
def test_a_cell_counts_as_a_crop_that_is_like_it_everywhere(calibrator):
    rng = np.random.default_rng(1)
    calibration = replace(UNCALIBRATED, manipulated=calibrator, generated=Platt(2.0, 1.0))
    heat = heat_of(rng.normal(-2 / 49, 0.1, (3, 7, 7)), bias=(-0.5, 0.5))
    found = calibrated_maps(heat, calibration)
    assert found.shape == heat.maps.shape
    for crop, row, column in [(0, 0, 0), (1, 3, 6), (2, 6, 2)]:
        alike = heat_of(np.full((1, 7, 7), heat.maps[crop, 0, row, column]), bias=(-0.5, 0.5))
        scores = calibration.scores(*alike.logits[0].tolist())
        chances = 1 / (1 + np.exp(-found[crop, :, row, column]))
        np.testing.assert_allclose(chances, [scores.manipulated, scores.generated], rtol=1e-4)


@pytest.mark.parametrize(
    "calibrator",
    [Platt(1.5, 3.0), Temperature(0.7), Isotonic(((-2.0, -4.0), (0.0, 0.0), (0.5, 5.0))), Isotonic(((0.0, 1.0),))],
    ids=str,
)
def test_cells_keep_their_order_and_have_the_calibrated_logit_as_their_mean(calibrator):
    heat = heat_of(np.random.default_rng(3).normal(0.02, 0.5, (4, 7, 7)))
    found = calibrated_maps(heat, replace(UNCALIBRATED, manipulated=calibrator))[:, 0]
    expected = [calibrator.logit(logit) for logit in heat.logits[:, 0].tolist()]
    np.testing.assert_allclose(found.mean(axis=(1, 2)), expected, rtol=1e-4)
    if calibrator.slope:
        flat = found.reshape(4, -1)
        np.testing.assert_array_equal(flat.argsort(axis=1), heat.maps[:, 0].reshape(4, -1).argsort(axis=1))
        assert np.ptp(flat, axis=1).min() > 10


def test_calibrated_maps_depend_on_the_scale_of_neither_logits_nor_cells():
    cells = np.random.default_rng(2).normal(0.02, 0.1, (1, 7, 7)).astype(np.float32)
    found = calibrated_maps(heat_of(cells), UNCALIBRATED)[:, 0]
    finer = np.kron(cells, np.full((1, 2, 2), 0.25, np.float32))
    np.testing.assert_allclose(calibrated_maps(heat_of(finer), UNCALIBRATED)[0, 0, ::2, 1::2], found[0], rtol=1e-4)
    fainter = calibrated_maps(heat_of(cells / 10), replace(UNCALIBRATED, manipulated=Platt(10.0, 0.0)))
    np.testing.assert_allclose(fainter[:, 0], found, rtol=1e-4)


def test_what_covering_a_cell_does_not_explain_stays_as_it_is():
    # The crop has a logit of 2, of which covering one cell of four takes 1.
    maps = np.zeros((1, 2, 2, 2), np.float32)
    maps[0, 0, 0, 1] = 1.0
    found = calibrated_maps(Heat(maps, np.float32([[2.0, -3.0]]), None, "occlusion"), UNCALIBRATED)[0]
    np.testing.assert_allclose(found, [[[1.0, 5.0], [1.0, 1.0]], [[-3.0, -3.0], [-3.0, -3.0]]])


def test_overlay_colours_only_what_is_likelier_than_not():
    cells = np.zeros((7, 7))
    cells[3, 1], cells[5, 1], cells[:, 5] = np.log(FULL_COLOUR_ODDS), 2 * np.log(FULL_COLOUR_ODDS), -3.0
    crop = np.full((70, 70, 3), 120, np.uint8)
    shown = overlay(crop, cells)
    assert shown.shape == crop.shape and shown.dtype == np.uint8
    assert np.abs(shown[35, 15].astype(int) - 120).max() > 60
    np.testing.assert_array_equal(shown[55, 15], shown[35, 15])
    np.testing.assert_array_equal(shown[:, 40:], crop[:, 40:])
    np.testing.assert_array_equal(crop, 120)


def test_a_face_called_fake_by_the_default_model_is_coloured():
    """Small logits that the calibration makes much of are to be seen."""
    cells = np.full((1, 7, 7), 0.1, np.float32)
    raw = heat_of(cells)
    limit = MODEL.thresholds.likely_fake
    logits = np.linspace(-10, 10, 2001)
    first = next(x for x in logits if MODEL.calibration.scores(x, -10.0).fake >= limit)
    crop = np.full((70, 70, 3), 120, np.uint8)
    heat = replace(raw, logits=np.float32([[first, -10.0]]), bias=np.float32([first - cells.sum(), -10.0]))
    shown = overlay(crop, calibrated_maps(heat, MODEL.calibration)[0, 0])
    assert np.abs(shown.astype(int) - 120).max() > 20


def test_stronger_evidence_is_lighter_in_even_steps():
    rgb = colours(np.linspace(0, 1, 9)).astype(np.uint8)
    lightness = cv2.cvtColor(rgb[None], cv2.COLOR_RGB2LAB)[0, :, 0].astype(float)
    steps = np.diff(lightness)
    assert (steps > 0).all() and steps.max() < 2.5 * steps.min()


PORTRAIT_LANDMARKS = np.float32([[203.5, 100.1], [245.4, 102.2], [224.2, 126.4], [201.8, 138.6], [244.4, 140.4]])
"""Pixels of `skimage.data.astronaut()`."""


def varied_face(rng: np.random.Generator, side: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Draw the portrait anew: other size, turn, proportions, side, crop, light and colour; with its landmarks."""
    zoom, turn, stretch = rng.uniform(1.05, 1.5), np.radians(rng.uniform(-15, 15)), rng.uniform(0.92, 1.08)
    cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
    linear = np.array([[stretch * cos, -sin], [stretch * sin, cos]])
    mirrored = rng.random() < 0.5
    if mirrored:
        linear[0] *= -1
    shift = side / 2 - linear @ (PORTRAIT_LANDMARKS.mean(axis=0) + rng.normal(0, 6, 2))
    picture = cv2.warpAffine(
        data.astronaut(), np.column_stack([linear, shift]), (side, side), borderMode=cv2.BORDER_REFLECT
    )
    landmarks = PORTRAIT_LANDMARKS @ linear.T + shift
    if mirrored:
        landmarks = landmarks[[1, 0, 2, 4, 3]]
    lit = (picture / 255) ** rng.uniform(0.7, 1.4) * 255 * rng.uniform(0.85, 1.1, 3)
    return np.clip(lit, 0, 255).astype(np.uint8), landmarks.astype(np.float32)


def varied_blend(number: int) -> tuple[Blend, np.ndarray]:
    rng = np.random.default_rng((0, number))
    picture, landmarks = varied_face(rng)
    return self_blend(picture, landmarks, rng), landmarks


@pytest.mark.slow
@pytest.mark.parametrize("model", shipped_models().values(), ids=shipped_models())
def test_maps_point_into_the_blended_region_of_self_blended_faces_if_the_manifest_says_so(model, capsys):
    """The pointing game (Zhang et al., ECCV 2016): the strongest cell of a map is to lie in the region."""
    geometry = CropGeometry.of_model(model)
    blends = [varied_blend(number) for number in range(50)]
    crops = np.stack([align_face(blend.image, points, geometry) for blend, points in blends])
    regions = [warp_crop(blend.mask, geometry.transform(points), model.crop_size) > 0.1 for blend, points in blends]
    game = play_pointing_game(HeatMapper(model).heat(crops).maps[:, 0], np.stack(regions))
    with capsys.disabled():
        print(
            f"\npointing game of {model.name} over {len(blends)} self-blended faces: {game.near:.0%} in the blended"
            f" region or a cell from it (chance {game.chance_near:.0%}), {game.inside:.0%} in the region itself"
            f" (chance {game.chance_inside:.0%})"
        )
    assert model.heat_maps == (game.inside > game.chance_inside + 0.1)
    if model.heat_maps:
        assert game.inside > 0.45 and game.near > max(0.85, game.chance_near)
