"""Trained networks as files that other programs run, and the proof that they say the same there."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from classifiers.architectures import LABELS, load
from classifiers.atomic_file import write_whole
from classifiers.calibration import UNCALIBRATED, Thresholds
from classifiers.extras import install_command
from classifiers.model_spec import MANIFEST, ModelError, ModelFile, ModelSpec
from classifiers.stored_network import load_network

if TYPE_CHECKING:
    import keras
    import openvino
    import tensorflow

MAX_DIFFERENCE = 1e-3
"""By how much a logit in float32 may differ from that of Keras."""

_INPUT, _OUTPUT = "crop", "logits"
_OPENVINO_BACKENDS = ("tensorflow", "torch")
_ONNX_OPSET = 18
_PARITY_CROPS = 4

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Maps float32 (n, size, size, 3) RGB crops, 0 to 255, to float32 (n, 2) logits."""


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """A model in another format.

    Attributes:
        files: by format, as in `ModelSpec.files`; a SavedModel is a folder.
        difference: the largest difference of a logit from that of Keras.
    """

    files: dict[str, Path]
    difference: float

    @property
    def agrees(self) -> bool:
        """Whether the logits are those of Keras; such that are no numbers are not."""
        return self.difference <= MAX_DIFFERENCE


def export_model(model: ModelSpec, file_format: str, folder: Path) -> ExportedModel:
    """Write a model in another format, and compare what both say of crops that look a little like faces.

    If they agree, the folder becomes one to scan with: it also gets the Keras file, the model card and a manifest of
    all that has been exported to it.

    Args:
        model: what to export.
        file_format: one of `FORMATS`.
        folder: gets the files, named as the model is; made if it is not there.

    Raises:
        ValueError: no such format.
        ModelError: the model is in this format already or cannot be read, Keras runs on a backend that cannot export
            to the format, a package for it is missing, or the folder cannot be written to or holds other weights of a
            model of this name.
    """
    if file_format not in FORMATS:
        raise ValueError(f"no format is called {file_format!r}; there are {', '.join(FORMATS)}")
    if file_format in model.source_files:
        raise ModelError(f"model {model.name!r} is a {file_format} file already: {model.files[file_format].file}")
    contents = {kind: model.read(kind) for kind in model.source_files}
    entries = _entries(folder / MANIFEST.name)
    before = entries.get(model.name, {})
    earlier = before.get("files", {})
    if earlier and next(earlier[kind]["sha256"] for kind in ("compact", "keras") if kind in earlier) != model.sha256:
        raise ModelError(
            f"{folder} already holds other weights of a model called {model.name!r}; choose another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, content in contents.items():
            (folder / model.files[kind].file).write_bytes(content)
        network = _compiled(load_network(model))
        files, run = FORMATS[file_format](network, folder / model.name)
        exported = ExportedModel(files, _difference(network, run))
        if exported.agrees:
            if not (folder / model.card).exists() and (model.folder / model.card).is_file():
                shutil.copyfile(model.folder / model.card, folder / model.card)
            written = {kind: asdict(ModelFile.of(path)) for kind, path in files.items() if path.is_file()}
            sources = {kind: asdict(file) for kind, file in model.source_files.items()}
            kept = sources | earlier | written
            entry = {**replace(model, agreement=None).to_json(), "files": kept}
            # Only of int8 files that lie here, and only in scores of this calibration, is known how they agree.
            if "agreement" in before and before["calibration"]["id"] == model.calibration.id:
                entry["agreement"] = before["agreement"]
            entries[model.name] = entry
            manifest = json.dumps({"models": list(entries.values())}, indent=1)
            write_whole(folder / MANIFEST.name, manifest + "\n")
    except OSError as error:
        raise ModelError(f"cannot write to {folder}: {error.strerror or error}") from error
    return exported


def _entries(manifest: Path) -> dict[str, dict[str, Any]]:
    """Read the entries of a manifest by the names of their models; none if there is no manifest yet."""
    if not manifest.is_file():
        return {}
    try:
        models = json.loads(manifest.read_text(encoding="utf-8"))["models"]
        return {entry["name"]: entry for entry in models}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{manifest} is not a manifest of models ({error!r}); choose another folder") from error


def _difference(network: keras.Model, run: Run) -> float:
    crops = _face_like_crops(network.input_shape[1])
    # One by one as well: a graph that only takes one number of crops must not pass.
    found = [run(crops), np.concatenate([run(crop[None]) for crop in crops])]
    return float(np.abs(np.subtract(found, network.predict_on_batch(crops))).max())


def save_network(
    network: keras.Model,
    folder: Path,
    *,
    crop_template: tuple[tuple[float, float], ...],
    crop_cut_size: int,
    card: str,
) -> ModelSpec:
    """Write a trained network as a Keras file and, where the backend can, an OpenVINO graph.

    Args:
        network: float32, as `classifiers.architectures.build` gives it; the model is called as its architecture is.
        folder: gets the files.
        crop_template: where the five landmarks lay in the crops that it was trained on, in units of their side.
        crop_cut_size: side in pixels at which those crops were cut.
        card: file name of the model card.

    Returns:
        The model. It is not calibrated: its scores are the sigmoids of the logits, fake from 0.5 on.
    """
    import keras

    name, graph_file = network.name, folder / f"{network.name}.xml"
    paths = {"keras": folder / f"{name}.keras"}
    network.save(paths["keras"])
    if keras.backend.backend() in _OPENVINO_BACKENDS:
        weights_file = export_openvino(paths["keras"], graph_file)
        paths |= {"openvino_graph": graph_file, "openvino_weights": weights_file}
    return ModelSpec(
        name=name,
        architecture=name,
        labels=LABELS,
        crop_size=network.input_shape[1],
        crop_template=crop_template,
        crop_cut_size=crop_cut_size,
        files={kind: ModelFile.of(path) for kind, path in paths.items()},
        calibration=UNCALIBRATED,
        thresholds=Thresholds(0.5, 0.5, "none: the model is not calibrated"),
        card=card,
        folder=folder,
    )


def export_openvino(keras_file: Path, graph_file: Path) -> Path:
    """Convert a Keras file to an OpenVINO graph of float32 weights.

    Args:
        keras_file: a network as `classifiers.architectures.build` makes it.
        graph_file: the `.xml` to write; the weights go beside it into a `.bin`.

    Returns:
        The `.bin` file.

    Raises:
        ModelError: the file cannot be read, or Keras runs on JAX.
    """
    save_openvino(_load(keras_file), graph_file)
    return graph_file.with_suffix(".bin")


def _load(keras_file: Path) -> keras.Model:
    try:
        return _compiled(load(keras_file))
    except ValueError as error:
        raise ModelError(str(error)) from error


def _compiled(network: keras.Model) -> keras.Model:
    network.compile(jit_compile=False)
    return network


def _require_backend(file_format: str, *names: str) -> str:
    import keras

    backend = keras.backend.backend()
    if backend not in names:
        raise ModelError(
            f"exporting to {file_format} needs Keras on {' or '.join(names)}, not on {backend}; set KERAS_BACKEND, "
            "as a Keras file is the same on every backend"
        )
    return backend


def _openvino(network: keras.Model, path: Path) -> tuple[dict[str, Path], Run]:
    import openvino as ov

    graph_file, weights_file = path.with_name(f"{path.name}.xml"), path.with_name(f"{path.name}.bin")
    save_openvino(network, graph_file)
    compiled = ov.Core().compile_model(graph_file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    files = {"openvino_graph": graph_file, "openvino_weights": weights_file}
    return files, lambda crops: compiled(crops)[0]


def save_openvino(network: keras.Model, graph_file: Path) -> None:
    """Write a network of one square RGB input as an OpenVINO graph of float32 weights.

    Args:
        network: float32, built on TensorFlow or PyTorch.
        graph_file: the `.xml` to write; the weights go beside it into a `.bin`.

    Raises:
        ModelError: Keras runs on another backend.
    """
    import openvino as ov

    size = network.input_shape[1]
    if _require_backend("OpenVINO", *_OPENVINO_BACKENDS) == "torch":
        graph = _openvino_of_torch(network)
    else:
        graph = _openvino_of_tensorflow(network, size)
    graph.reshape([-1, size, size, 3])
    graph.inputs[0].get_tensor().set_names({_INPUT})
    graph.outputs[0].get_tensor().set_names({_OUTPUT})
    ov.save_model(graph, graph_file, compress_to_fp16=False)


def _openvino_of_tensorflow(network: keras.Model, size: int) -> openvino.Model:
    import openvino as ov
    import tensorflow as tf
    from openvino.frontend.tensorflow import utils

    if sys.version_info >= (3, 13):
        # Its own deletes a name that `exec` no longer binds in a function (PEP 667), and fails; it asks for no more.
        utils.get_environment_setup = lambda framework: {"tensorflow": tf.__version__}
    return ov.convert_model(_tensorflow_function(network), input=[(_INPUT, [-1, size, size, 3])])


def _openvino_of_torch(network: keras.Model) -> openvino.Model:
    import openvino as ov
    import torch

    # Two crops: a number of one would be taken for a constant.
    example = torch.zeros((2, *network.input_shape[1:]))
    network.eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        return ov.convert_model(torch.jit.trace(network, example), example_input=example)


def _tensorflow_function(network: keras.Model) -> tensorflow.types.experimental.PolymorphicFunction:
    return _traced(network, lambda crop: network(crop, training=False))


def _constant_tensorflow_function(network: keras.Model) -> tensorflow.types.experimental.PolymorphicFunction:
    """As `_tensorflow_function`, but with the weights as constants of the graph."""
    parts = (network.trainable_variables, network.non_trainable_variables)
    weights = [[variable.numpy() for variable in part] for part in parts]
    return _traced(network, lambda crop: network.stateless_call(*weights, crop, training=False)[0])


def _traced(
    network: keras.Model, classify: Callable[[tensorflow.Tensor], tensorflow.Tensor]
) -> tensorflow.types.experimental.PolymorphicFunction:
    import tensorflow as tf

    signature = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32, name=_INPUT)
    return tf.function(lambda crop: {_OUTPUT: classify(crop)}, input_signature=[signature])


def _onnx(network: keras.Model, path: Path) -> tuple[dict[str, Path], Run]:
    _require_backend("ONNX", "tensorflow")
    try:
        import onnxruntime
        import tf2onnx
    except ImportError as error:
        raise ModelError(f"exporting to ONNX needs `{install_command('onnx')}`") from error
    function = _tensorflow_function(network)
    model, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=_ONNX_OPSET)
    for tensor in (*model.graph.input, *model.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    file = path.with_name(f"{path.name}.onnx")
    file.write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return {"onnx": file}, lambda crops: session.run([_OUTPUT], {_INPUT: crops})[0]


def _saved_model(network: keras.Model, path: Path) -> tuple[dict[str, Path], Run]:
    _require_backend("SavedModel", "tensorflow")
    import tensorflow as tf

    folder = path.with_name(f"{path.name}_saved_model")
    _save_tensorflow(network, folder)
    # Kept whole: its functions do not keep alive what they belong to.
    loaded = tf.saved_model.load(folder)
    return {"saved_model": folder}, lambda crops: loaded.signatures["serving_default"](tf.constant(crops))[
        _OUTPUT
    ].numpy()


def _save_tensorflow(network: keras.Model, folder: Path) -> None:
    import tensorflow as tf

    holder = tf.Module()
    holder.network = network
    holder.classify = _tensorflow_function(network)
    tf.saved_model.save(holder, folder, signatures=holder.classify)


def _tflite(network: keras.Model, path: Path) -> tuple[dict[str, Path], Run]:
    _require_backend("TFLite", "tensorflow")
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ModelError(f"exporting to TFLite needs `{install_command('tflite')}`") from error
    import tensorflow as tf

    function = _constant_tensorflow_function(network).get_concrete_function()
    content = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    file = path.with_name(f"{path.name}.tflite")
    file.write_bytes(content)
    interpreter = Interpreter(model_content=content)

    def run(crops: NDArray[np.float32]) -> NDArray[np.float32]:
        position = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(position, crops.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(position, crops)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    return {"tflite": file}, run


def _keras(network: keras.Model, path: Path) -> tuple[dict[str, Path], Run]:
    file = path.with_name(f"{path.name}.keras")
    network.save(file)
    return {"keras": file}, _load(file).predict_on_batch


FORMATS: dict[str, Callable[[keras.Model, Path], tuple[dict[str, Path], Run]]] = {
    "openvino": _openvino,
    "onnx": _onnx,
    "saved_model": _saved_model,
    "tflite": _tflite,
    "keras": _keras,
}
"""Name to what writes the format: it gives the files, and a function that runs what it wrote."""


def _face_like_crops(size: int) -> NDArray[np.float32]:
    """Draw ovals of skin with eyes and a mouth, shaded and noisy: float32 (n, size, size, 3) RGB, 0 to 255."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    oval = np.hypot(x / 0.7, y / 0.9) < 1
    eyes = np.hypot((np.abs(x) - 0.3) / 0.14, (y + 0.15) / 0.08) < 1
    mouth = np.hypot(x / 0.3, (y - 0.5) / 0.07) < 1
    crops = np.empty((_PARITY_CROPS, size, size, 3))
    for crop in crops:
        skin = np.array([224, 172, 140]) * rng.uniform(0.4, 1.1)
        crop[:] = rng.uniform(0, 255, 3)
        crop[oval], crop[mouth], crop[eyes] = skin, skin * (0.8, 0.5, 0.5), skin * 0.3
        light = 1 + 0.3 * (rng.uniform(-1, 1) * x + rng.uniform(-1, 1) * y)
        crop *= light[..., None]
        crop += rng.normal(0, 6, crop.shape)
    return crops.clip(0, 255).astype(np.float32)
