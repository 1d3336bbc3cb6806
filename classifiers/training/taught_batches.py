"""Batches that also say what a trained network sees in their crops.

A network that also learns to predict the features of another needs fewer steps and fewer faces, above all one that
starts from random weights; and still fewer if layers within it also learn hints, which are what the other network has
come to at the same places of the crop: Romero et al., FitNets: Hints for thin deep nets, ICLR 2015, arXiv:1412.6550.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino import opset13

from classifiers.architectures.hinted_layer import HintedLayer
from classifiers.errors import SettingsError
from classifiers.model_spec import ModelError, ModelSpec
from classifiers.openvino_graph import bottleneck_maps, compile_for_cpu, dense_head, read_graph, with_byte_input
from classifiers.training.batch import NO_HINTS, UNKNOWN, Batch, BatchSource

_FILES = ("openvino_graph", "openvino_weights")
_CROPS_TOGETHER = 8
_SCALED_OVER = 8


@dataclass(frozen=True, slots=True, eq=False)
class TeacherOutput:
    """What a teacher says of n crops.

    Attributes:
        features: float32 (n, width), what its last layer reads.
        logits: float32 (n, 2), what it says.
        maps: float32 (n, side, side, channels), what it has come to on the way, by side.
    """

    features: npt.NDArray[np.float32]
    logits: npt.NDArray[np.float32]
    maps: dict[int, npt.NDArray[np.float32]]


class Teacher:
    """A trained model from which another one learns (knowledge distillation).

    Args:
        model: has OpenVINO files, and ends in a dense layer.
        threads: how many may ask at a time.

    Attributes:
        size: side in pixels of the crops that it takes.
        template: where the landmarks lie in them.
        sha256: of its weights.
        width: number of features that its last layer reads.
        map_channels: number of channels of the maps that can be hints, by their side in cells.

    Raises:
        ModelError: a file is missing or damaged, or the network ends in something else.
    """

    def __init__(self, model: ModelSpec, threads: int) -> None:
        if not model.files.keys() >= set(_FILES):
            raise ModelError(f"model {model.name!r} cannot be a teacher before `facewitness export --format openvino`")
        graph = read_graph(model)
        head = dense_head(graph)
        if head is None:
            raise ModelError(f"model {model.name!r} cannot be a teacher: it does not end in a dense layer")
        # Of networks side by side the maps of one size become one.
        bottlenecks = {side: opset13.concat(ports, 1).output(0) for side, ports in bottleneck_maps(graph).items()}
        ports = [head.features, graph.outputs[0].get_node().input_value(0), *bottlenecks.values()]
        network = compile_for_cpu(with_byte_input(ov.Model(ports, graph.get_parameters())), threads)
        # Not one a thread: TensorFlow's loaders are threads that Python forgets after every call.
        self._requests: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
        for _ in range(threads):
            self._requests.put(network.create_infer_request())
        self._last = threading.local()
        self.size, self.template, self.sha256 = model.crop_size, model.crop_template, model.files[_FILES[1]].sha256
        self.width = head.weights.shape[1]
        self.map_channels: dict[int, int] = {
            side: port.get_partial_shape()[1].get_length() for side, port in bottlenecks.items()
        }

    def predict(self, crops: npt.NDArray[np.uint8]) -> TeacherOutput:
        """Classify (n, size, size, 3) RGB crops, once where a thread asks twice in a row."""
        if getattr(self._last, "crops", None) is not crops:
            self._last.crops, self._last.output = crops, self._run(crops)
        output: TeacherOutput = self._last.output
        return output

    def _run(self, crops: npt.NDArray[np.uint8]) -> TeacherOutput:
        parts = [crops[start : start + _CROPS_TOGETHER] for start in range(0, len(crops), _CROPS_TOGETHER)]
        request = self._requests.get()
        try:
            found = [[np.array(value) for value in request.infer([part]).values()] for part in parts]
        finally:
            self._requests.put(request)
        features, logits, *maps = (np.concatenate(values) for values in zip(*found, strict=True))
        by_side = zip(self.map_channels, maps, strict=True)
        return TeacherOutput(features, logits, {side: values.transpose(0, 2, 3, 1) for side, values in by_side})


class TaughtBatches:
    """The batches of a source with the features of a teacher, centred and scaled over the first few batches.

    Args:
        source: makes batches of crops of the teacher's size.
        teacher: sees the crops.
    """

    def __init__(self, source: BatchSource, teacher: Teacher) -> None:
        self._source, self._teacher = source, teacher
        self.teacher_features, self.hint_channels = teacher.width, NO_HINTS
        self._scale: tuple[np.ndarray, np.float32] | None = None
        self._scaling = threading.Lock()

    def batch(self, number: int) -> Batch:
        """Make batch `number`."""
        batch = self._source.batch(number)
        mean, spread = self._mean_and_spread()
        return replace(batch, teacher=(self._teacher.predict(batch.crops).features - mean) / spread)

    def _mean_and_spread(self) -> tuple[np.ndarray, np.float32]:
        # Not before a batch is asked for: where all of them are kept, none ever is.
        with self._scaling:
            if self._scale is None:
                batches = (self._source.batch(number) for number in range(_SCALED_OVER))
                seen = np.concatenate([self._teacher.predict(batch.crops).features for batch in batches])
                mean = seen.mean(axis=0)
                # One spread for all: by its own, a feature that is hardly ever active would count most.
                self._scale = mean, (seen - mean).std()
            return self._scale


class SoftenedBatches:
    """The batches of a source with a share of a teacher in their targets.

    It knows what cannot be seen (soft targets: Hinton, Vinyals and Dean 2015, arXiv:1503.02531).

    Args:
        source: makes batches of crops of the teacher's size.
        teacher: sees the crops.
        share: of the targets, 0 to 1; where none is known, the teacher's chance is taken.
    """

    def __init__(self, source: BatchSource, teacher: Teacher, share: float) -> None:
        self._source, self._teacher, self._share = source, teacher, share
        self.teacher_features, self.hint_channels = source.teacher_features, source.hint_channels

    def batch(self, number: int) -> Batch:
        """Make batch `number`."""
        batch = self._source.batch(number)
        chances = 1 / (1 + np.exp(-self._teacher.predict(batch.crops).logits))
        mixed = batch.logits + self._share * (chances - batch.logits)
        return replace(batch, logits=np.where(batch.logits == UNKNOWN, chances, mixed).astype(np.float32))


class HintedBatches:
    """The batches of a source with hints of a teacher for layers of a network, centred and scaled over the first few.

    Args:
        source: makes batches of crops of the teacher's size.
        teacher: sees the crops.
        layers: of the network that learns.
        cells: along a side of the map of each of them.
        size: side of its crops in pixels.

    Raises:
        SettingsError: the teacher has no map for a layer.
    """

    def __init__(
        self,
        source: BatchSource,
        teacher: Teacher,
        layers: Mapping[str, HintedLayer],
        cells: Mapping[str, int],
        size: int,
    ) -> None:
        self._source, self._teacher, self._layers, self._cells = source, teacher, layers, cells
        if not teacher.map_channels:
            raise SettingsError("this teacher gives no hints: it has no maps of few channels; leave hint_weight at 0")
        # The map whose cells are about as large.
        self._sides = {
            name: min(teacher.map_channels, key=lambda side: abs(math.log(side * layer.step / size)))
            for name, layer in self._layers.items()
        }
        self._size, self.teacher_features = size, source.teacher_features
        self.hint_channels: Mapping[str, int] = {name: teacher.map_channels[side] for name, side in self._sides.items()}
        self._scales: dict[str, tuple[np.ndarray, np.float32]] | None = None
        self._scaling = threading.Lock()

    def batch(self, number: int) -> Batch:
        """Make batch `number`."""
        batch = self._source.batch(number)
        scales = self._hint_scales()
        seen = self._teacher.predict(batch.crops)
        hints = {name: (self._hint(seen, name) - mean) / spread for name, (mean, spread) in scales.items()}
        return replace(batch, hints=hints)

    def _hint_scales(self) -> dict[str, tuple[np.ndarray, np.float32]]:
        with self._scaling:
            if self._scales is None:
                self._scales = {}
                crops = [self._source.batch(number).crops for number in range(_SCALED_OVER)]
                seen = [self._teacher.predict(each) for each in crops]
                for name in self._layers:
                    values = np.concatenate([self._hint(each, name) for each in seen])
                    mean = values.mean(axis=(0, 1, 2))
                    self._scales[name] = mean, (values - mean).std()
            return self._scales

    def _hint(self, seen: TeacherOutput, name: str) -> np.ndarray:
        return _at_cells(seen.maps[self._sides[name]], self._layers[name], self._cells[name], self._size)


def _at_cells(maps: np.ndarray, layer: HintedLayer, cells: int, size: int) -> np.ndarray:
    """Read maps of whole crops where the cells of a layer are, between the cells of the maps."""
    side = maps.shape[1]
    centres = layer.first_centre + layer.step * np.arange(cells)
    places = np.clip((centres + 0.5) / size * side - 0.5, 0, side - 1)
    before = np.minimum(places.astype(int), side - 2)
    after_share = (places - before).astype(np.float32)
    for axis in (1, 2):
        share = after_share.reshape([-1 if each == axis else 1 for each in range(4)])
        maps = maps.take(before, axis) * (1 - share) + maps.take(before + 1, axis) * share
    return maps


class ShrunkBatches:
    """The batches of a source for a network that takes crops as large or smaller, and has as many cells or fewer.

    Args:
        source: makes the batches.
        size: side of the crops in pixels.
        cells: along a side of the masks.
    """

    def __init__(self, source: BatchSource, size: int, cells: int) -> None:
        self._source, self._size, self._cells = source, size, cells
        self.teacher_features, self.hint_channels = source.teacher_features, source.hint_channels

    def batch(self, number: int) -> Batch:
        """Make batch `number`."""
        batch = self._source.batch(number)
        return replace(batch, crops=_shrunk(batch.crops, self._size), masks=_shrunk(batch.masks, self._cells))


def _shrunk(pictures: np.ndarray, side: int) -> np.ndarray:
    return np.stack([cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pictures])
