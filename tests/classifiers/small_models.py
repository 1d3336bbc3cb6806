"""Models with random weights for small crops, whose logits differ from crop to crop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from classifiers import ModelSpec, find_model
from classifiers.architectures import build
from classifiers.model_spec import ModelFile
from tests.tiny_shards import FACE


def model_of(name: str, size: int, folder: Path) -> ModelSpec:
    """A model whose logits differ from crop to crop, as those of a trained one do."""
    import keras

    rng = np.random.default_rng(0)
    # Of some random weights all crops look alike to a capsule network.
    keras.utils.set_random_seed(1)
    network = build(name, input_size=size)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            weights = layer.get_weights()
            layer.set_weights([*weights[:-2], rng.normal(0, 0.1, weights[-2].shape), weights[-1] * 0.9])
    head = network.get_layer("logits")
    kernel, bias = head.get_weights()
    spread = network.predict_on_batch(crops_of(size).astype(np.float32)).std(axis=0)
    if name != "capsnet":
        head.set_weights([kernel * np.minimum(1 / spread, 1e4), bias])
    folder.mkdir(parents=True, exist_ok=True)
    network.save(file := folder / f"{name}.keras")
    return replace(
        find_model(),
        name=name,
        architecture=name,
        crop_size=size,
        files={"keras": ModelFile.of(file)},
        folder=folder,
    )


def crops_of(size: int) -> np.ndarray:
    """Five crops of a face and one of noise, uint8 RGB."""
    corners = [(0, 0), (20, 30), (50, 60), (70, 40), (100, 100)]
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    return np.stack([*(FACE[y : y + size, x : x + size] for y, x in corners), noise])
