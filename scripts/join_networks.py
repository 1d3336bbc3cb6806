"""Joins a trained MobileNetV2 and a trained EfficientNet-Lite2 to one network, whose logits are the mean of theirs.

    python scripts/join_networks.py --out joined.weights.h5
    python scripts/release_model.py --architecture mobilenet_efficientnet --compact --int8 --weights joined.weights.h5 \
        --faces DIR

The two are the shipped ones, or others that manifests name.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from classifiers import ModelError, find_model
from classifiers.architectures import build
from classifiers.architectures.mobilenet_efficientnet import BRANCHES
from classifiers.stored_network import load_network
from extractors.align import CropGeometry

if TYPE_CHECKING:
    import keras

    from classifiers import ModelSpec


def join(models: Mapping[str, ModelSpec]) -> keras.Model:
    """Join trained networks.

    Args:
        models: by the name of their branch.

    Raises:
        ModelError: they are of other architectures, or take other crops than each other, or files are missing.
    """
    for branch, model in models.items():
        if model.architecture != branch:
            raise ModelError(f"model {model.name!r} is a {model.architecture}, not a {branch}")
    if len({CropGeometry.of_model(model) for model in models.values()}) > 1:
        raise ModelError("networks that take other crops than each other cannot be joined")
    network = build("mobilenet_efficientnet", input_size=next(iter(models.values())).crop_size)
    heads = []
    for branch in BRANCHES:
        for layer in load_network(models[branch]).layers:
            if layer.name == "logits":
                heads.append(layer.get_weights())
            elif layer.weights:
                network.get_layer(f"{branch}_{layer.name}").set_weights(layer.get_weights())
    kernels, biases = zip(*heads, strict=True)
    network.get_layer("logits").set_weights([np.concatenate(kernels) / len(heads), np.mean(biases, axis=0)])
    return network


def main() -> None:
    """Write the file that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for branch in BRANCHES:
        parser.add_argument(f"--{branch}", default=branch, metavar="MODEL", help="name or manifest (the shipped one)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.weights.h5")
    arguments = parser.parse_args()
    if not arguments.out.name.endswith(".weights.h5") or not arguments.out.parent.is_dir():
        raise SystemExit(f"{arguments.out} must end in .weights.h5, in a folder that exists")
    try:
        join({branch: find_model(getattr(arguments, branch)) for branch in BRANCHES}).save_weights(arguments.out)
    except ModelError as error:
        raise SystemExit(str(error)) from error
    print(arguments.out)


if __name__ == "__main__":
    main()
