"""Networks that turn a face crop into two logits.

Every architecture takes RGB crops as numbers from 0 to 255, does its own preprocessing as its first layers, and ends
in the same head, so nothing outside the network has to know how a crop is normalised.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.architectures.architecture import Architecture, StartWeights
from classifiers.architectures.hinted_layer import HintedLayer

if TYPE_CHECKING:
    import keras

LABELS = ("manipulated", "generated")
"""What the two logits mean: a real face that was altered, and a face that was drawn whole."""

ARCHITECTURES: Mapping[str, str] = {
    "capsnet": "classifiers.architectures.capsnet:CAPSNET",
    "cnn": "classifiers.architectures.cnn:CNN",
    "dinov2_small": "classifiers.architectures.dinov2_small:DINOV2_SMALL",
    "efficientnet_lite2": "classifiers.architectures.efficientnet_lite2:EFFICIENTNET_LITE2",
    "efficientnet_v2_b0": "classifiers.architectures.efficientnet_v2_b0:EFFICIENTNET_V2_B0",
    "inception_resnet_v2": "classifiers.architectures.inception_resnet_v2:INCEPTION_RESNET_V2",
    "mesoinception": "classifiers.architectures.mesoinception:MESOINCEPTION",
    "mesonet": "classifiers.architectures.mesonet:MESONET",
    "mobilenet_efficientnet": "classifiers.architectures.mobilenet_efficientnet:MOBILENET_EFFICIENTNET",
    "mobilenet_efficientnet_dinov2": (
        "classifiers.architectures.mobilenet_efficientnet_dinov2:MOBILENET_EFFICIENTNET_DINOV2"
    ),
    "mobilenet_v2": "classifiers.architectures.mobilenet_v2:MOBILENET_V2",
    "resnet50": "classifiers.architectures.resnet50:RESNET50",
    "vgg16": "classifiers.architectures.vgg16:VGG16",
    "xception": "classifiers.architectures.xception:XCEPTION",
}
"""Every architecture: its name, and its module and `Architecture`, whose docstring says how to add one."""

# By this name of its first layer a saved classifier is told from a published network, many of which share its name.
_INPUT = "crop"

_DAMAGE = (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading a file of weights raises where it is none, or half of one."""

# Of running means and variances. Keras takes 0.99, with which they still lag behind after a few hundred steps.
_STATISTICS_MOMENTUM = 0.9


def build(name: str, *, input_size: int | None = None, weights: StartWeights = None) -> keras.Model:
    """Build a network.

    Args:
        name: one of `ARCHITECTURES`.
        input_size: side of the square input in pixels; None for the architecture's usual one.
        weights: None for random ones, "imagenet" to let Keras fetch those of all but the head, a `.keras` or
            `.weights.h5` file of a network that this function built, or any other file that the architecture reads
            (those of `keras.applications` read the files that Keras fetches).

    Returns:
        A functional model from float (batch, size, size, 3), RGB, 0 to 255, to float32 (batch, 2) logits in the
        order of `LABELS`. The last feature map is the output of its layer "features"; the layers after it are the
        head, and the last one is called "logits".

    Raises:
        ValueError: no such architecture, a crop too small for it, or weights that it cannot start from.
    """
    size = checked_size(name, input_size)
    if weights is None or weights == "imagenet":
        return _assemble(name, size, weights)
    file = Path(weights)
    if not file.is_file():
        raise ValueError(f"there is no file of weights {file}")
    if not _holds_classifier(file):
        return _assemble(name, size, file)
    network = _assemble(name, size, None)
    _load_weights(network, file)
    return network


def find_architecture(name: str) -> Architecture:
    """Look an architecture up by name.

    Raises:
        ValueError: no such architecture.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"no architecture is called {name!r}; there are {', '.join(sorted(ARCHITECTURES))}")
    module, _, architecture = ARCHITECTURES[name].partition(":")
    return getattr(importlib.import_module(module), architecture)


def hinted_layers(name: str) -> Mapping[str, HintedLayer]:
    """Give the layers of an architecture that can learn from hints; none if it has no such layers."""
    return find_architecture(name).hinted_layers


def checked_size(name: str, input_size: int | None) -> int:
    """Give the side of the input in pixels, None being the usual one of the architecture.

    Raises:
        ValueError: no such architecture, or a crop that it does not take.
    """
    architecture = find_architecture(name)
    size = architecture.input_size if input_size is None else input_size
    if size < architecture.smallest_size:
        raise ValueError(f"{name} takes crops of at least {architecture.smallest_size} pixels, not {size}")
    if size % architecture.size_step:
        step = architecture.size_step
        raise ValueError(f"{name} takes crops whose side is a multiple of {step} pixels, not {size}")
    return size


def load(keras_file: str | Path) -> keras.Model:
    """Read a network that `build` built and that was saved as a `.keras` file.

    Only its name, its input size and its weights are read. The layers are built anew, in float32: what a layer was
    configured like means nothing to an older Keras, and a file can bring no code of its own.

    Raises:
        ValueError: the file is damaged, or holds something else.
    """
    name, input_name, size = _saved_form(Path(keras_file))
    if name not in ARCHITECTURES or input_name != _INPUT:
        raise ValueError(f"{keras_file} holds a network called {name!r}, which is none of the architectures")
    with in_float32():
        return build(name, input_size=size, weights=keras_file)


def _assemble(name: str, size: int, weights: StartWeights) -> keras.Model:
    import keras

    architecture = find_architecture(name)
    inputs = keras.Input((size, size, 3), name=_INPUT)
    try:
        mapped = architecture.features(inputs, weights)
    except Exception as error:
        if isinstance(weights, Path) and isinstance(error, _DAMAGE):
            raise ValueError(f"{weights} is damaged, or does not hold weights of {name}") from error
        # Keras raises the bare class here, with a few lines of text.
        if weights == "imagenet" and "URL fetch failure" in str(error):
            message = f"the ImageNet weights of {name} cannot be fetched; give a file of them instead"
            raise ValueError(message) from error
        raise
    features = keras.layers.Identity(name="features")(mapped)
    network = keras.Model(inputs, architecture.head(features, len(LABELS)), name=name)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = _STATISTICS_MOMENTUM
    return network


def _holds_classifier(file: Path) -> bool:
    """Tell a whole classifier from the weights of a published network without head."""
    if file.suffix == ".keras":
        return _saved_form(file)[1] == _INPUT
    return file.name.endswith(".weights.h5")


def _saved_form(keras_file: Path) -> tuple[str, str, int | None]:
    """Read the name of a network in a `.keras` file, and the name and the side of its input."""
    try:
        with zipfile.ZipFile(keras_file) as archive:
            network = json.loads(archive.read("config.json"))["config"]
        first = network["layers"][0]["config"]
        return network["name"], first["name"], first["batch_shape"][1]
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, IndexError, TypeError) as error:
        raise ValueError(f"{keras_file} is not a network that Keras saved") from error


def _load_weights(network: keras.Model, file: Path) -> None:
    if file.suffix == ".keras" and (name := _saved_form(file)[0]) != network.name:
        raise ValueError(f"{file} holds weights of {name}, not of {network.name}")
    try:
        network.load_weights(file)
    except _DAMAGE as error:
        raise ValueError(f"{file} is damaged, or does not hold weights of {network.name}") from error


@contextlib.contextmanager
def in_float32() -> Iterator[None]:
    """Build within this with full precision, whatever a training in the same process has chosen."""
    import keras

    chosen = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(chosen)
