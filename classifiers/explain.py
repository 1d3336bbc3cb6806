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
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from classifiers.calibration import Calibration
from classifiers.engines.engine import check_crops
from classifiers.model_spec import ModelError, ModelSpec
from classifiers.openvino_graph import DenseHead, PooledMap, compile_for_cpu, dense_head, pooled_map, read_graph

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
_COLOURS = np.array(
    [[120, 28, 109], [165, 44, 96], [207, 68, 70], [237, 105, 37], [251, 155, 6], [247, 209, 61], [252, 255, 164]],
    np.float32,
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

    maps: NDArray[np.float32]
    logits: NDArray[np.float32]
    bias: NDArray[np.float32] | None
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
        if not {"openvino_graph", "openvino_weights"} <= spec.files.keys():
            raise ModelError(f"model {spec.name!r} has no OpenVINO graph to draw heat maps from; export it to one")
        graph = read_graph(spec)
        head = dense_head(graph)
        features = pooled_map(head.features) if head else None
        self._sum = (head, features) if head and features else None
        if features:
            graph.add_outputs([features.port])
        self.method = "class_activation" if self._sum else "occlusion"
        self._size = spec.crop_size
        self._network = compile_for_cpu(graph, threads)

    def heat(self, crops: NDArray[np.uint8]) -> Heat:
        """Map the evidence in crops.

        Args:
            crops: uint8 (n, size, size, 3) RGB, aligned as the model's crop template says; n may be 0.

        Raises:
            ValueError: the crops are of another form.
        """
        check_crops(crops, self._size)
        return self._class_activation(crops, *self._sum) if self._sum else self._occlusion(crops)

    def _class_activation(self, crops: NDArray[np.uint8], head: DenseHead, features: PooledMap) -> Heat:
        maps = np.empty((len(crops), 2, *features.cells), np.float32)
        logits = np.empty((len(crops), 2), np.float32)
        for part in _parts(len(crops)):
            outputs = self._network(crops[part].astype(np.float32))
            values = np.moveaxis(outputs[1], features.channel_axis, 1)
            maps[part] = np.einsum("lc,nchw->nlhw", head.weights, values, optimize=True) / np.prod(features.cells)
            logits[part] = outputs[0]
        return Heat(maps, logits, head.bias, "class_activation")

    def _occlusion(self, crops: NDArray[np.uint8]) -> Heat:
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

    def _logits(self, crops: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([np.array(self._network(crops[part])[0]) for part in _parts(len(crops))])


def calibrated_maps(heat: Heat, calibration: Calibration) -> NDArray[np.float64]:
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


def overlay(crop: NDArray[np.uint8], cells: NDArray[np.floating]) -> NDArray[np.uint8]:
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
    share = np.clip(cv2.resize(strength, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1).astype(np.float32)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None]
    ground = grey + _FADED_COLOUR * (crop - grey)
    cover = _STRONGEST_COVER * share[..., None]
    return np.rint(ground + cover * (colours(share) - ground)).astype(np.uint8)


def colours(share: NDArray[np.floating]) -> NDArray[np.float32]:
    """Give the colour of each strength, 0 to 1: float32 (..., 3), RGB, 0 to 255. For overlays and their legends."""
    stops = np.linspace(0, 1, len(_COLOURS))
    return np.stack([np.interp(share, stops, _COLOURS[:, channel]) for channel in range(3)], axis=-1).astype(np.float32)


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + _BATCH) for start in range(0, count, _BATCH))


def _resized(cells: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(cells, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
