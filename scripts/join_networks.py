"""Joins trained networks to one, whose logits are the mean of theirs.

    python scripts/join_networks.py --out joined.weights.h5
    python scripts/release_model.py --architecture mobilenet_efficientnet --compact --int8 --weights joined.weights.h5 \
        --faces DIR

The networks are the shipped ones, or others: `--network dinov2_small=run/manifest.json`. With `--architecture
mobilenet_efficientnet_dinov2` there are three, and `--share dinov2_small=0.5` lets one count more than a third.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from classifiers import ModelError, find_model
from classifiers.architectures import build, mobilenet_efficientnet, mobilenet_efficientnet_dinov2
from classifiers.stored_network import load_network

if TYPE_CHECKING:
    import keras

    from classifiers import ModelSpec

JOINED: Mapping[str, ModuleType] = {
    "mobilenet_efficientnet": mobilenet_efficientnet,
    "mobilenet_efficientnet_dinov2": mobilenet_efficientnet_dinov2,
}


def join(name: str, models: Mapping[str, ModelSpec], shares: Mapping[str, float] | None = None) -> keras.Model:
    """Join trained networks.

    Args:
        name: one of `JOINED`.
        models: by the name of their branch.
        shares: how much the logits of a branch count; those that are not named count alike and fill what is left of 1.

    Raises:
        ModelError: they are of other architectures, or take other crops than each other, or files are missing.
    """
    for branch, model in models.items():
        if model.architecture != branch:
            raise ModelError(f"model {model.name!r} is a {model.architecture}, not a {branch}")
    # Some see the crop as it is cut, others shrink it.
    if len({(model.crop_template, model.crop_cut_size) for model in models.values()}) > 1:
        raise ModelError("networks that take other crops than each other cannot be joined")
    shares = dict(shares or {})
    branches = JOINED[name].BRANCHES
    others = [branch for branch in branches if branch not in shares]
    shares |= dict.fromkeys(others, (1 - sum(shares.values())) / max(1, len(others)))
    network = build(name)
    kernels, biases = [], []
    for branch in branches:
        for layer in load_network(models[branch]).layers:
            if layer.name == "logits":
                kernel, bias = layer.get_weights()
                kernels.append(kernel * shares[branch])
                biases.append(bias * shares[branch])
            elif layer.weights:
                network.get_layer(f"{branch}_{layer.name}").set_weights(layer.get_weights())
    network.get_layer("logits").set_weights([np.concatenate(kernels), np.sum(biases, axis=0)])
    return network


def main() -> None:
    """Write the file that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", choices=JOINED, default="mobilenet_efficientnet")
    parser.add_argument("--network", action="append", default=[], metavar="BRANCH=MODEL", help="a name or a manifest")
    parser.add_argument("--share", action="append", default=[], metavar="BRANCH=NUMBER", help="alike, if not given")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.weights.h5")
    arguments = parser.parse_args()
    if not arguments.out.name.endswith(".weights.h5") or not arguments.out.parent.is_dir():
        raise SystemExit(f"{arguments.out} must end in .weights.h5, in a folder that exists")
    branches = JOINED[arguments.architecture].BRANCHES
    named = dict(text.split("=", 1) for text in arguments.network)
    shares = {branch: float(share) for branch, share in (text.split("=", 1) for text in arguments.share)}
    if unknown := sorted({*named, *shares} - {*branches}):
        raise SystemExit(f"{arguments.architecture} has no branch {', '.join(unknown)}")
    try:
        models = {branch: find_model(named.get(branch, branch)) for branch in branches}
        join(arguments.architecture, models, shares).save_weights(arguments.out)
    except ModelError as error:
        raise SystemExit(str(error)) from error
    print(arguments.out)


if __name__ == "__main__":
    main()
