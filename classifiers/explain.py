"""Where the model looked: how much each part of a crop adds to each logit.

Computed on the OpenVINO graph that gives the scores, so that the map explains the number in the result and not that of
a twin in another framework.

Nearly every architecture here averages its last feature map and puts one dense layer on the averages. A logit is then
a sum over the cells of that map, plus a bias, and the class activation map (Zhou, Khosla, Lapedriza, Oliva and
Torralba, CVPR 2016, arXiv:1512.04150) lists its terms: nothing is estimated. For such a head Grad-CAM (Selvaraju et
al., ICCV 2017, arXiv:1610.02391) gives the same map, but for its scale and without what is negative.

A graph of another form, such as a capsule network, has no such sum. There each cell is washed out in turn, and the
map says by how much the logit falls (occlusion sensitivity; Zeiler and Fergus, ECCV 2014, arXiv:1311.2901). These
numbers do not add up to the logit.

A cell shows where the evidence entered the last layers. The network sees further than a cell, and a map is no outline
of a forgery: the score, not the map, says how strong the evidence is. Colours are those of calibrated odds, as scores
are: the same logit is much for the weights of one model and little for those of another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from classifiers.calibration import Calibration
from classifiers.model_spec import ModelError, ModelSpec

if TYPE_CHECKING:
    import openvino as ov

FULL_COLOUR_ODDS = 1000
"""Where a map has its full colour: a face that was everywhere like this place would have these odds to one.

Those of the kind of forgery that the map explains, which `Calibration` gives before it joins both.

The same for every crop, model and size of map, so that weak evidence looks weak.
"""

_BATCH = 16
_OCCLUSION_CELLS = 7
_STRONGEST_COVER = 0.65
_FADED_COLOUR = 0.4

# From faint to strong, equal steps in lightness and readable with any colour vision: the upper part of "inferno" by
# Nathaniel Smith and Stéfan van der Walt, which is in the public domain.
_COLOURS = np.float32(
    [[120, 28, 109], [165, 44, 96], [207, 68, 70], [237, 105, 37], [251, 155, 6], [247, 209, 61], [252, 255, 164]]
)


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """What each part of some crops adds to their logits.

    Attributes:
        maps: float32 (n, 2, cells, cells), in logits; rows from top to bottom, the outputs manipulated and generated.
            Below zero is what speaks against a forgery.
        logits: float32 (n, 2), those of the crops.
        bias: float32 (2,), what the logits are without any evidence: with "class_activation", `maps` summed over the
            cells, plus this, are the logits. None with "occlusion".
        method: "class_activation" where the terms of the sum could be read off, else "occlusion".
    """

    maps: np.ndarray
    logits: np.ndarray
    bias: np.ndarray | None
    method: Literal["class_activation", "occlusion"]


class HeatMapper:
    """Explains the logits of one model.

    Args:
        spec: has the files "openvino_graph" and "openvino_weights".
        threads: number of threads, or None for all cores.

    Raises:
        ModelError: the model has no OpenVINO files, or one is missing or damaged.

    Attributes:
        method: as in `Heat`.
    """

    method: Literal["class_activation", "occlusion"]

    def __init__(self, spec: ModelSpec, threads: int | None = None) -> None:
        import openvino as ov

        from classifiers.engines.openvino_engine import ONE_STREAM

        if not {"openvino_graph", "openvino_weights"} <= spec.files.keys():
            raise ModelError(f"model {spec.name!r} has no OpenVINO graph to draw heat maps from; export it to one")
        core = ov.Core()
        weights = ov.Tensor(np.frombuffer(spec.read("openvino_weights"), np.uint8))
        graph = core.read_model(spec.read("openvino_graph"), weights)
        self._size = spec.crop_size
        self._head = _find_head(graph)
        self.method = "class_activation" if self._head else "occlusion"
        if self._head:
            graph.add_outputs([self._head.features])
        # As the engine: without the hint newer processors take bfloat16.
        settings: dict[str, object] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", **ONE_STREAM}
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        self._network = core.compile_model(graph, "CPU", settings)

    def heat(self, crops: np.ndarray) -> Heat:
        """Map the evidence in crops.

        Args:
            crops: uint8 (n, size, size, 3) RGB, aligned as the model's crop template says; n may be 0.

        Raises:
            ValueError: the crops are of another form.
        """
        if crops.ndim != 4 or crops.shape[1:] != (self._size, self._size, 3) or crops.dtype != np.uint8:
            size = self._size
            raise ValueError(f"crops must be uint8 (n, {size}, {size}, 3), not {crops.dtype} {crops.shape}")
        if self._head:
            return self._class_activation(crops, self._head)
        return self._occlusion(crops)

    def _class_activation(self, crops: np.ndarray, head: _Head) -> Heat:
        maps = np.empty((len(crops), 2, *head.cells), np.float32)
        logits = np.empty((len(crops), 2), np.float32)
        for part in _parts(len(crops)):
            outputs = self._network(crops[part].astype(np.float32))
            features = np.moveaxis(outputs[1], head.channel_axis, 1)
            maps[part] = np.einsum("lc,nchw->nlhw", head.weights, features, optimize=True) / np.prod(head.cells)
            logits[part] = outputs[0]
        return Heat(maps, logits, head.bias, "class_activation")

    def _occlusion(self, crops: np.ndarray) -> Heat:
        cells = min(_OCCLUSION_CELLS, self._size)
        maps = np.empty((len(crops), 2, cells, cells), np.float32)
        logits = np.empty((len(crops), 2), np.float32)
        # Soft covers that add up to one: a hard edge would be a seam, which is just what these networks look for.
        covers = [_resized(cell, self._size) for cell in np.eye(cells**2, dtype=np.float32).reshape(-1, cells, cells)]
        for number, crop in enumerate(crops):
            washed = cv2.GaussianBlur(crop, (0, 0), self._size / cells).astype(np.float32)
            hidden = np.stack([crop + cover[..., None] * (washed - crop) for cover in covers])
            whole, *others = self._logits(np.concatenate([crop[None], hidden]).astype(np.float32))
            logits[number] = whole
            maps[number] = (whole - np.stack(others)).T.reshape(2, cells, cells)
        return Heat(maps, logits, None, "occlusion")

    def _logits(self, crops: np.ndarray) -> np.ndarray:
        return np.concatenate([np.array(self._network(crops[part])[0]) for part in _parts(len(crops))])


def calibrated_maps(heat: Heat, calibration: Calibration) -> np.ndarray:
    """Say of each cell what the calibrated logit would be if every cell of the crop were like it.

    The mean over the cells is the calibrated logit of the crop. A calibration that is no line is taken to go on from
    there as steeply as it is over all: a cell says far more or less than any crop that it was fitted on.

    Args:
        heat: maps of some crops.
        calibration: that of the model.

    Returns:
        float64 (n, 2, cells, cells), for the outputs manipulated and generated: logarithms of odds, so that above zero
        this kind of forgery is likelier than none.
    """
    cells = heat.maps.astype(float)
    # What "occlusion" does not explain stays as it is.
    more = cells * np.prod(cells.shape[2:]) - cells.sum(axis=(2, 3), keepdims=True)
    found = np.empty_like(cells)
    for output, calibrator in enumerate((calibration.manipulated, calibration.generated)):
        crops = np.array([calibrator.logit(logit) for logit in heat.logits[:, output].tolist()])
        found[:, output] = crops.reshape(-1, 1, 1) + calibrator.slope * more[:, output]
    return found


def overlay(crop: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Lay a map over its crop: no colour up to even odds, and the full one at `FULL_COLOUR_ODDS`.

    Where there is no colour the crop itself shows, paler.

    Args:
        crop: RGB uint8 (height, width, 3).
        cells: float (cells, cells), one of the `calibrated_maps`.

    Returns:
        RGB uint8 (height, width, 3).
    """
    height, width = crop.shape[:2]
    strength = np.clip(cells / math.log(FULL_COLOUR_ODDS), 0, 1).astype(np.float32)
    share = np.clip(cv2.resize(strength, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    ground = grey + _FADED_COLOUR * (crop - grey)
    cover = _STRONGEST_COVER * share[..., None]
    return np.rint(ground + cover * (colours(share) - ground)).astype(np.uint8)


def colours(share: np.ndarray) -> np.ndarray:
    """Give the colour of each strength, 0 to 1: float32 (..., 3), RGB, 0 to 255. For overlays and their legends."""
    stops = np.linspace(0, 1, len(_COLOURS))
    return np.stack([np.interp(share, stops, _COLOURS[:, channel]) for channel in range(3)], axis=-1).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Head:
    """The end of a network that averages a feature map and weighs the averages.

    Attributes:
        features: the map, (n, channels, height, width) or (n, height, width, channels).
        channel_axis: 1 or 3.
        cells: height and width of the map.
        weights: float32 (2, channels).
        bias: float32 (2,).
    """

    features: ov.Output
    channel_axis: int
    cells: tuple[int, int]
    weights: np.ndarray
    bias: np.ndarray


def _find_head(graph: ov.Model) -> _Head | None:
    """Walk back from the logits to the averaged map; None if the graph ends in another way.

    Only the kinds of the operations count: exporters name them as they like, and take either order of axes.
    """
    bias = np.zeros(2, np.float32)
    port = _before_changes_of_form(graph.outputs[0].get_node().input_value(0))
    node = port.get_node()
    if node.get_type_name() == "Add":
        addend, port = _constant_and_other(node)
        if addend is None or addend.size not in (1, 2):
            return None
        bias = bias + addend.ravel()
        node = _before_changes_of_form(port).get_node()
    if node.get_type_name() != "MatMul":
        return None
    weights = _constant(node.input_value(1))
    options = node.get_attributes()
    if weights is None or weights.ndim != 2 or options["transpose_a"]:
        return None
    node = _before_changes_of_form(node.input_value(0)).get_node()
    if node.get_type_name() != "ReduceMean":
        return None
    averaged = _constant(node.input_value(1))
    features = node.input_value(0)
    shape = features.get_partial_shape()
    if averaged is None or shape.rank.get_length() != 4:
        return None
    axes = tuple(sorted(int(axis) % 4 for axis in averaged.ravel()))
    channel_axis = {(2, 3): 1, (1, 2): 3}.get(axes)
    if channel_axis is None or any(shape[axis].is_dynamic for axis in axes):
        return None
    cells = tuple(shape[axis].get_length() for axis in axes)
    weights = weights if options["transpose_b"] else weights.T
    return _Head(features, channel_axis, cells, weights.astype(np.float32), bias.astype(np.float32))


def _before_changes_of_form(port: ov.Output) -> ov.Output:
    """Skip what leaves every number as it is and in its order."""
    while port.get_node().get_type_name() in ("Convert", "Reshape", "Squeeze", "Unsqueeze"):
        port = port.get_node().input_value(0)
    return port


def _constant(port: ov.Output) -> np.ndarray | None:
    """Read numbers that are stored in the graph, also where they are stored in half precision."""
    node = port.get_node()
    if node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    return np.array(node.data) if node.get_type_name() == "Constant" else None


def _constant_and_other(node: ov.Node) -> tuple[np.ndarray | None, ov.Output]:
    first, second = node.input_values()
    stored = _constant(first)
    return (stored, second) if stored is not None else (_constant(second), first)


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + _BATCH) for start in range(0, count, _BATCH))


def _resized(cells: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(cells, (size, size), interpolation=cv2.INTER_LINEAR)
