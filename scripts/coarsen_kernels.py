r"""Stores kernels of a compact model in fewer levels than 8 bits have, so that they are packed smaller.

    python scripts/coarsen_kernels.py --model inception_resnet_v2 --faces DIR --largest 64

A number still takes a byte where the files lie, but a wheel or an archive packs it into little more than its entropy.
Each kernel is rounded one input after the other, and what an input loses is made up for by those after it, as far as
they say the same of the crops that are looked at (GPTQ; Frantar et al., ICLR 2023, arXiv:2210.17323; after Hassibi
and Stork, NIPS 1992). So the sums that a layer computes hardly change, though its kernels do. Normalisation, biases
and the head stay as they are. The crops of held-out sources say how far scores moved. Either none may move by more than
`--most`, or nothing is written; or, with `--calibrate`, calibration and thresholds are fitted anew.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import openvino as ov
from release_model import calibrate, training_crops
from scipy import linalg
from train_default import default_samples

from classifiers import ModelSpec, create_engine
from classifiers.datasets import PictureReader
from classifiers.model_spec import MANIFEST, WEIGHTS_FOLDER, ModelFile, read_manifest, write_manifest
from classifiers.quantize import scores_of
from classifiers.training.validation import BlendedValidation
from extractors.align import CropGeometry, align_face

_BITS_8 = 127
_LAYERS = {"Convolution", "MatMul"}
# A dense layer sees one token: a cell of a map that is one wide.
_DENSE = {"strides": (1, 1), "pads_begin": (0, 0), "pads_end": (0, 0)}
# Only kernels of so many numbers are worth it.
_MANY = 100_000
# Of the places of a map, so many at most are looked at: neighbours say much the same.
_PLACES = 40
_BATCH = 16
_COLUMNS = 128
_DAMPING = 0.01


@dataclass(frozen=True)
class Kernel:
    """One of a graph's kernels of 8-bit integers.

    Attributes:
        integers: int8 (outputs, inputs, height, width), both 1 in a dense layer.
        offset: bytes before the integers in the file of weights.
        scale_offset: bytes before the float32 scales, one an output, by which they are multiplied.
        source: name of the node whose output it sees, and the number of that output.
        strides: by which the kernel moves.
        pads: cells of zeros before and after, of height and width.
    """

    integers: np.ndarray
    offset: int
    scale_offset: int
    source: tuple[str, int]
    strides: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]

    @property
    def window(self) -> tuple[object, ...]:
        """What it sees; kernels that see the same have the same moments."""
        return self.source, self.integers.shape[2:], self.strides, self.pads


def read_graph(model: ModelSpec) -> ov.Model:
    """Read the float32 graph of a model."""
    weights = ov.Tensor(np.frombuffer(model.read("openvino_weights"), np.uint8))
    return ov.Core().read_model(model.read("openvino_graph"), weights)


def kernels_of(model: ModelSpec) -> list[Kernel]:
    """Find the large kernels of a compact model that lie in residual branches and are kept as integers.

    What such a branch gets wrong is one term of a sum, and a small one where branches are scaled down as in
    InceptionResNetV2: there the other kernels, a fifth of the numbers, account for nearly all that scores move.
    """
    layers = ElementTree.fromstring(model.read("openvino_graph")).iterfind("layers/layer[@type='Const']")
    offsets = {layer.get("name"): int(layer.find("data").get("offset")) for layer in layers}
    found, graph = [], read_graph(model)
    branches = _residual_branches(graph)
    for node in graph.get_ordered_ops():
        if node.get_type_name() not in _LAYERS or node.get_friendly_name() not in branches:
            continue
        if node.input_value(1).get_node().get_type_name() != "Multiply" or np.prod(node.input_value(1).shape) < _MANY:
            continue
        convert, scale = (port.get_node() for port in node.input_value(1).get_node().input_values())
        integers, port = convert.input_value(0).get_node(), node.input_value(0)
        given = _DENSE if node.get_type_name() == "MatMul" else node.get_attributes()
        numbers = np.array(integers.data)
        found.append(
            Kernel(
                numbers.reshape(*numbers.shape, *(1,) * (4 - numbers.ndim)),
                offsets[integers.get_friendly_name()],
                offsets[scale.get_friendly_name()],
                (port.get_node().get_friendly_name(), port.get_index()),
                tuple(given["strides"]),
                tuple(zip(given["pads_begin"], given["pads_end"], strict=True)),
            )
        )
    return found


def _residual_branches(graph: ov.Model) -> set[str]:
    """Name the nodes between a map and what is added to that map."""
    found: set[str] = set()
    for node in graph.get_ordered_ops():
        if node.get_type_name() == "Add":
            one, other = (port.get_node() for port in node.input_values())
            for trunk, branch in ((one, other), (other, one)):
                between = _before(branch, trunk.get_friendly_name())
                # Reached only if the branch was made of the trunk.
                if trunk.get_friendly_name() in between:
                    found |= between - {trunk.get_friendly_name()}
    return found


def _before(node: ov.Node, end: str) -> set[str]:
    """Name a node and all that its values come from, but for what comes before one node."""
    found, ahead = {node.get_friendly_name()}, [node]
    while ahead:
        last = ahead.pop()
        if last.get_friendly_name() != end:
            before = [port.get_node() for port in last.input_values()]
            ahead += [each for each in before if each.get_friendly_name() not in found]
            found |= {each.get_friendly_name() for each in before}
    return found


def input_moments(model: ModelSpec, kernels: list[Kernel], crops: np.ndarray) -> dict[tuple[object, ...], np.ndarray]:
    """Measure the second moments of what kernels see.

    Args:
        model: is run in float32.
        kernels: of its graph.
        crops: uint8 (n, size, size, 3) RGB.

    Returns:
        By `Kernel.window`: float64 (inputs, inputs), where the inputs are all cells of a kernel for one output.
    """
    graph = read_graph(model)
    nodes = {node.get_friendly_name(): node for node in graph.get_ops()}
    places = {source: 0 for source in dict.fromkeys(kernel.source for kernel in kernels)}
    for name, number in places:
        places[name, number] = len(graph.outputs)
        graph.add_outputs(nodes[name].output(number))
    settings = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1}
    network = ov.Core().compile_model(graph, "CPU", settings)
    rng = np.random.default_rng(0)
    moments: dict[tuple[object, ...], np.ndarray] = {}
    for start in range(0, len(crops), _BATCH):
        maps = network(crops[start : start + _BATCH].astype(np.float32))
        for kernel in {kernel.window: kernel for kernel in kernels}.values():
            seen, weight = _seen(maps[places[kernel.source]], kernel, rng)
            moments[kernel.window] = moments.get(kernel.window, 0) + weight * (seen.T @ seen).astype(np.float64)
    return moments


def _seen(values: np.ndarray, kernel: Kernel, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Give what a kernel sees at some places, float32 (n, inputs), and how many places each stands for.

    Args:
        values: float32 (n, channels, height, width), or (n, tokens, channels).
    """
    if values.ndim == 3:
        values = values.transpose(0, 2, 1)[..., None]
    padded = np.pad(values, ((0, 0), (0, 0), *kernel.pads))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.integers.shape[2:], axis=(2, 3))
    windows = windows[:, :, :: kernel.strides[0], :: kernel.strides[1]]
    height, width = windows.shape[2:4]
    chosen = rng.permutation(height * width)[:_PLACES]
    seen = windows[:, :, chosen // width, chosen % width].transpose(0, 2, 1, 3, 4)
    return seen.reshape(-1, kernel.integers[0].size), height * width / len(chosen)


def coarser(integers: np.ndarray, moments: np.ndarray, largest: int) -> np.ndarray:
    """Round a kernel to fewer levels, so that its sums change little.

    Args:
        integers: int8 (outputs, ...) of -127 to 127.
        moments: float64 (inputs, inputs) second moments of what it sees.
        largest: the largest integer of the new scale.

    Returns:
        int8 of the same shape, to be multiplied by scales that are 127 / largest times as large.
    """
    # Where the input is strongest first: what follows can make up for it.
    order = np.argsort(-np.diag(moments), kind="stable")
    damped = moments[np.ix_(order, order)]
    damped[np.diag_indices_from(damped)] += _DAMPING * np.mean(np.diag(moments)) + 1e-12
    inverse = linalg.cho_solve(linalg.cho_factor(damped), np.eye(len(damped)))
    upper = linalg.cholesky(inverse).astype(np.float32)
    left = integers.reshape(len(integers), -1)[:, order] * np.float32(largest / _BITS_8)
    found = np.empty_like(left)
    for start in range(0, len(order), _COLUMNS):
        end = min(start + _COLUMNS, len(order))
        errors = np.empty((len(left), end - start), np.float32)
        for column in range(start, end):
            found[:, column] = np.clip(np.rint(left[:, column]), -largest, largest)
            error = (left[:, column] - found[:, column]) / upper[column, column]
            left[:, column + 1 : end] -= np.outer(error, upper[column, column + 1 : end])
            errors[:, column - start] = error
        left[:, end:] -= errors @ upper[start:end, end:]
    result = np.empty_like(found, np.int8)
    result[:, order] = found
    return result.reshape(integers.shape)


def all_coarser(kernels: list[Kernel], moments: dict[tuple[object, ...], np.ndarray], largest: int) -> list[np.ndarray]:
    """Round kernels as `coarser` does, those that see the same at once."""
    found: list[np.ndarray] = [kernel.integers for kernel in kernels]
    for window, seen in moments.items():
        numbers = [number for number, kernel in enumerate(kernels) if kernel.window == window]
        together = coarser(np.concatenate([found[number] for number in numbers]), seen, largest)
        ends = np.cumsum([len(found[number]) for number in numbers])[:-1]
        for number, integers in zip(numbers, np.split(together, ends), strict=True):
            found[number] = integers
    return found


def with_kernels(
    model: ModelSpec, kernels: list[Kernel], found: list[np.ndarray], largest: int, folder: Path
) -> ModelSpec:
    """Write the compact files of a model anew, with other integers and scales in the places of the earlier ones.

    Args:
        model: compact.
        kernels: those that change.
        found: the new integers of each.
        largest: the largest integer of their scale.
        folder: gets the files, and has the graph already.
    """
    earlier, factor = model.read("compact_weights"), np.float32(_BITS_8 / largest)
    weights = bytearray(earlier)
    for kernel, integers in zip(kernels, found, strict=True):
        scales = np.frombuffer(earlier, np.float32, len(integers), kernel.scale_offset) * factor
        for offset, array in ((kernel.offset, integers), (kernel.scale_offset, scales)):
            weights[offset : offset + array.nbytes] = array.tobytes()
    sha256 = hashlib.sha256(weights).hexdigest()
    with np.load(io.BytesIO(model.read("compact"))) as stored:
        arrays = dict(stored)
    places = json.loads(bytes(arrays["places"])) | {"weights_sha256": sha256}
    changed = {kernel.offset for kernel in kernels}
    for number, place in places["kernels"].items():
        if place["offset"] in changed:
            arrays[number] = arrays[number] * factor
    arrays["places"] = np.frombuffer(json.dumps(places).encode(), np.uint8)
    shared = ModelFile(f"{model.name}.weights.bin", sha256)
    (folder / shared.file).write_bytes(weights)
    description = folder / model.files["compact"].file
    np.savez(description, **arrays)
    files = {
        "compact": ModelFile(description.name, hashlib.sha256(description.read_bytes()).hexdigest()),
        "compact_weights": shared,
        "openvino_weights": shared,
    }
    return replace(model, folder=folder, files=model.files | files)


def main() -> None:
    """Write the files of the model anew, and say what that changed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a compact one of the manifest")
    parser.add_argument("--faces", type=Path, required=True, help="folder of face shards and their index CSVs")
    parser.add_argument("--largest", type=int, required=True, help="the largest integer, below 127")
    parser.add_argument("--crops", type=int, default=1200, help="of training sources, to look at (1200)")
    parser.add_argument("--most", type=float, default=0.005, help="by which a score may move (0.005)")
    parser.add_argument("--calibrate", action="store_true", help="let scores move, and fit their calibration anew")
    parser.add_argument("--folder", type=Path, default=WEIGHTS_FOLDER, help="of the files and the manifest")
    arguments = parser.parse_args()

    models = read_manifest(arguments.folder / MANIFEST.name)
    model = models[arguments.model]
    samples, align = default_samples(arguments.faces), partial(align_face, geometry=CropGeometry.of_model(model))
    crops = training_crops([sample for sample in samples if sample.split == "train"], align, arguments.crops)
    kernels = kernels_of(model)
    found = all_coarser(kernels, input_moments(model, kernels, crops), arguments.largest)
    validation = BlendedValidation(PictureReader(), [sample for sample in samples if sample.split == "val"], align)
    held_out = np.concatenate([validation.clean, validation.degraded, validation.targets, validation.blends])
    with tempfile.TemporaryDirectory(prefix=".coarser-", dir=arguments.folder) as scratch:
        graph = model.files["openvino_graph"].file
        Path(scratch, graph).write_bytes(model.read("openvino_graph"))
        made = with_kernels(model, kernels, found, arguments.largest, Path(scratch))
        before, after = (
            scores_of(model.calibration, create_engine("openvino", each).predict(held_out)) for each in (model, made)
        )
        moved = np.abs(after - before)
        print(
            f"{len(moved)} scores: mean {moved.mean():.4f}, 99% {np.quantile(moved, 0.99):.4f}, most {moved.max():.4f}"
        )
        if arguments.calibrate:
            made = calibrate(made, validation)
        elif not moved.max() <= arguments.most:
            raise SystemExit(f"a score moved by more than {arguments.most}; nothing was written")
        for file in made.files.values():
            if Path(scratch, file.file).exists():
                Path(scratch, file.file).replace(arguments.folder / file.file)
    models[model.name] = replace(made, folder=arguments.folder)
    write_manifest(arguments.folder / MANIFEST.name, models.values())


if __name__ == "__main__":
    main()
