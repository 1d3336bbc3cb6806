"""Converts the weights inside the installed `mtcnn` package into `extractors/weights/mtcnn.npz`.

The package keeps each of its three networks as an lz4-compressed pickle: a list of arrays in the order of the
Keras layers. Here every array gets a name (`pnet/conv1/kernel`), and reading needs neither pickle nor Keras.

    python scripts/convert_mtcnn_weights.py [OUTPUT.npz]
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import io
from pathlib import Path

import joblib
import numpy as np

LAYERS = {
    "pnet": "conv1 prelu1 conv2 prelu2 conv3 prelu3 box face",
    "rnet": "conv1 prelu1 conv2 prelu2 conv3 prelu3 dense4 prelu4 box face",
    "onet": "conv1 prelu1 conv2 prelu2 conv3 prelu3 conv4 prelu4 dense5 prelu5 box landmarks face",
}


def array_names(network: str) -> list[str]:
    """The names of a network's arrays, in the order in which Keras lists them."""
    return [
        f"{network}/{layer}/{part}"
        for layer in LAYERS[network].split()
        for part in (("slope",) if layer.startswith("prelu") else ("kernel", "bias"))
    ]


def read_package_weights() -> dict[str, np.ndarray]:
    """Read the float32 arrays of all three networks from the installed `mtcnn` package."""
    # Located without an import, which would start TensorFlow.
    package = importlib.util.find_spec("mtcnn")
    if package is None:
        raise SystemExit("The mtcnn package is not installed: pip install mtcnn==1.0.0")
    folder = Path(package.submodule_search_locations[0]) / "assets" / "weights"
    weights = {}
    for network in LAYERS:
        arrays = joblib.load(folder / f"{network}.lz4")
        weights |= dict(zip(array_names(network), arrays, strict=True))
    return {name: np.asarray(array, np.float32) for name, array in weights.items()}


def main() -> None:
    """Write the file and print its SHA-256, which `extractors/mtcnn/networks.py` pins."""
    default = Path(__file__).resolve().parents[1] / "extractors" / "weights" / "mtcnn.npz"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, nargs="?", default=default)
    output = parser.parse_args().output

    content = io.BytesIO()
    np.savez(content, **read_package_weights())
    output.write_bytes(content.getvalue())
    print(f"{hashlib.sha256(content.getvalue()).hexdigest()}  {output}")


if __name__ == "__main__":
    main()
