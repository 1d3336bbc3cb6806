"""Batches that also say what a trained network sees in their crops.

A network that also learns to predict the features of another needs fewer steps and fewer faces, above all one that
starts from random weights: Romero et al., FitNets: Hints for thin deep nets, ICLR 2015, arXiv:1412.6550.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import replace

import cv2
import numpy as np
import openvino as ov

from classifiers.model_spec import ModelError, ModelSpec
from classifiers.training.batch import Batch, BatchSource

_FILES = ("openvino_graph", "openvino_weights")
_AFTER_DENSE = {"Result", "Add", "Convert", "Reshape", "Identity"}
_CROPS_TOGETHER = 8
_SCALED_OVER = 8


class Teacher:
    """Gives the features that a trained model decides by: what its last layer reads.

    Args:
        model: has OpenVINO files, and ends in a dense layer.
        threads: how many may ask at a time.

    Attributes:
        size: side in pixels of the crops that it takes.
        template: where the landmarks lie in them.
        sha256: of its weights.
        width: number of features.

    Raises:
        ModelError: a file is missing or damaged, or the network ends in something else.
    """

    def __init__(self, model: ModelSpec, threads: int) -> None:
        if not model.files.keys() >= set(_FILES):
            raise ModelError(f"model {model.name!r} cannot be a teacher before `facewitness export --format openvino`")
        core = ov.Core()
        weights = ov.Tensor(np.frombuffer(model.read(_FILES[1]), np.uint8))
        graph = core.read_model(model.read(_FILES[0]), weights)
        graph.reshape([-1, model.crop_size, model.crop_size, 3])
        node = graph.outputs[0].get_node()
        # Between the dense layer and the output there are its bias and changes of form.
        while node.get_type_name() != "MatMul":
            if node.get_type_name() not in _AFTER_DENSE:
                raise ModelError(f"model {model.name!r} cannot be a teacher: it does not end in a dense layer")
            node = node.input_value(0).get_node()
        converted = ov.preprocess.PrePostProcessor(ov.Model([node.input_value(0)], graph.get_parameters()))
        converted.input().tensor().set_element_type(ov.Type.u8)
        settings = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": threads, "INFERENCE_NUM_THREADS": threads}
        self._network = core.compile_model(converted.build(), "CPU", settings)
        # Not one a thread: TensorFlow's loaders are threads that Python forgets after every call.
        self._requests: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
        for _ in range(threads):
            self._requests.put(self._network.create_infer_request())
        self.size, self.template, self.sha256 = model.crop_size, model.crop_template, model.files[_FILES[1]].sha256
        self.width = self._network.outputs[0].get_partial_shape()[1].get_length()

    def features(self, crops: np.ndarray) -> np.ndarray:
        """Map uint8 (n, size, size, 3) RGB crops to float32 (n, width)."""
        parts = [crops[start : start + _CROPS_TOGETHER] for start in range(0, len(crops), _CROPS_TOGETHER)]
        request = self._requests.get()
        try:
            return np.concatenate([request.infer([part])[0] for part in parts])
        finally:
            self._requests.put(request)


class TaughtBatches:
    """The batches of a source with the features of a teacher, centred and scaled over the first few batches.

    Args:
        source: makes batches of crops of the teacher's size.
        teacher: sees the crops.
    """

    def __init__(self, source: BatchSource, teacher: Teacher) -> None:
        self._source, self._teacher = source, teacher
        self.teacher_features = teacher.width
        self._scale: tuple[np.ndarray, np.float32] | None = None
        self._scaling = threading.Lock()

    def batch(self, number: int) -> Batch:
        """Make batch `number`."""
        batch = self._source.batch(number)
        mean, spread = self._mean_and_spread()
        return replace(batch, teacher=(self._teacher.features(batch.crops) - mean) / spread)

    def _mean_and_spread(self) -> tuple[np.ndarray, np.float32]:
        # Not before a batch is asked for: where all of them are kept, none ever is.
        with self._scaling:
            if self._scale is None:
                batches = (self._source.batch(number) for number in range(_SCALED_OVER))
                seen = np.concatenate([self._teacher.features(batch.crops) for batch in batches])
                mean = seen.mean(axis=0)
                # One spread for all: by its own, a feature that is hardly ever active would count most.
                self._scale = mean, (seen - mean).std()
            return self._scale


class ShrunkBatches:
    """The batches of a source for a network that takes crops as large or smaller, and has as many cells or fewer.

    Args:
        source: makes the batches.
        size: side of the crops in pixels.
        cells: along a side of the masks.
    """

    def __init__(self, source: BatchSource, size: int, cells: int) -> None:
        self._source, self._size, self._cells = source, size, cells
        self.teacher_features = source.teacher_features

    def batch(self, number: int) -> Batch:
        """Make batch `number`."""
        batch = self._source.batch(number)
        return replace(batch, crops=_shrunk(batch.crops, self._size), masks=_shrunk(batch.masks, self._cells))


def _shrunk(pictures: np.ndarray, side: int) -> np.ndarray:
    return np.stack([cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pictures])
