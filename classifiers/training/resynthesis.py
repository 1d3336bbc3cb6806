"""Faces that small autoencoders make again, so that a detector also meets what a generator leaves inside a face.

A swapped or animated face was made by a decoder that enlarged a small code, then pasted back. A seam can be imitated
without one, the decoder's own traces can't: smooth skin, wrong fine texture, the grid of its enlarging layers. So a few
autoencoders of different decoders learn to reconstruct real faces, and resynthesise them for training.
Published networks for enlarging pictures can join them (`enlarging.py`).
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from classifiers.datasets import Landmarks, Picture
from classifiers.export import save_openvino
from classifiers.training.enlarging import Enlarger
from classifiers.training.self_blending import TEMPLATE, match_colour

if TYPE_CHECKING:
    import keras
    import openvino as ov

_TEMPLATE = (TEMPLATE - (0.50, 0.55)) * 1.2 + 0.5
"""Where the landmarks lie in a generator's crop, in units of its side: tighter than a classifier's."""

_WIDTHS = (16, 32, 48, 80)
"""Channels after 1, 2, 3, 4 halvings of the crop."""

_COARSE = 16
"""Pixels of the crop along a cell of its coarse picture."""

_AT_A_TIME = 2
"""Faces that each autoencoder can resynthesise at a time."""


@dataclass(frozen=True, slots=True)
class Autoencoder:
    """Plan of one autoencoder.

    Attributes:
        name: of its files.
        decoder: how it enlarges: "nearest", "bilinear", "transposed", "uneven" (a transposed convolution whose steps
            overlap unevenly) or "shuffle".
        side: of its crop in pixels.
        halvings: how often the crop's side is halved on the way to the code.
        code: channels of the code.
        texture: weight of the loss that wants as much fine texture as the face has, wherever it lies.
        noise: added to the code in training, so that it holds less.
    """

    name: str
    decoder: str
    side: int
    halvings: int
    code: int
    texture: float
    noise: float = 0.0


def build_autoencoder(plan: Autoencoder, side: int | None = None) -> keras.Model:
    """Build an untrained autoencoder from and to RGB crops, float (batch, side, side, 3), 0 to 255.

    Args:
        plan: what to build.
        side: of the crops; None for the plan's. The weights are the same for all sides.
    """
    from keras import Input, Model, layers

    def convolve(x: keras.KerasTensor, filters: int, strides: int = 1) -> keras.KerasTensor:
        x = layers.Conv2D(filters, 3, strides=strides, padding="same")(x)
        return layers.LeakyReLU(0.2)(x)

    side = side or plan.side
    crop = Input((side, side, 3), name="crop")
    widths = _WIDTHS[: plan.halvings]
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(crop)
    for width in widths:
        x = convolve(x, width, strides=2)
    x = layers.Conv2D(plan.code, 1, name="code")(x)
    if plan.noise:
        x = layers.GaussianNoise(plan.noise)(x)
    x = convolve(x, widths[-1])
    for width in (*reversed(widths[:-1]), _WIDTHS[0]):
        x = _enlarge(x, plan.decoder, width)
    details = layers.Conv2D(3, 3, padding="same", dtype="float32")(x)
    details = layers.Rescaling(127.5, dtype="float32")(details)
    # Light and colour pass by the decoder as a coarse picture, or most of a short training would go into them.
    coarse = layers.AveragePooling2D(_COARSE, dtype="float32")(crop)
    coarse = layers.UpSampling2D(_COARSE, interpolation="bilinear", dtype="float32")(coarse)
    return Model(crop, layers.Add(dtype="float32", name="reconstruction")([coarse, details]), name=plan.name)


def reconstruction_loss(texture: float) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """Give a loss of reconstructed crops: colour, edges and, apart from where it lies, the amount of fine texture.

    Args:
        texture: weight of the last.
    """
    from keras import ops

    def slopes(x: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        return x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]

    def amount(slope: keras.KerasTensor) -> keras.KerasTensor:
        return ops.average_pool(ops.abs(slope), 6, strides=3, padding="valid")

    def loss(target: keras.KerasTensor, found: keras.KerasTensor) -> keras.KerasTensor:
        target, found = target / 127.5, found / 127.5
        total = ops.mean(ops.abs(target - found))
        for wanted, got in zip(slopes(target), slopes(found), strict=True):
            total = total + ops.mean(ops.abs(wanted - got))
            total = total + texture * ops.mean(ops.abs(amount(wanted) - amount(got)))
        return total

    return loss


def cut_face(image: np.ndarray, landmarks: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut the crop that a generator takes.

    Args:
        image: RGB uint8 (height, width, 3).
        landmarks: (5, 2) in pixels of the image.
        side: of the crop in pixels.

    Returns:
        RGB uint8 (side, side, 3), and the (2, 3) similarity from pixels of the image to those of the crop.
    """
    source, target = (np.asarray(p, np.float64) @ (1, 1j) for p in (landmarks, _TEMPLATE * side - 0.5))
    centred = source - source.mean()
    factor = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred).real
    shift = target.mean() - factor * source.mean()
    matrix = np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])
    if abs(factor) < 0.75:
        # Bilinear warping skips pixels when it shrinks.
        image = cv2.GaussianBlur(image, (0, 0), 0.4 / abs(factor))
    return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), matrix


@dataclass(frozen=True, slots=True, eq=False)
class Resynthesis:
    """A picture whose face went through a generator's crop, made again by the generator or not.

    Attributes:
        image: RGB uint8, with the face that the generator made.
        resampled: RGB uint8, with the face as it was, after the same crop and about as soft. It is no forgery.
    """

    image: Picture
    resampled: Picture


class _Network(Protocol):
    """Makes RGB uint8 crops (side, side, 3) of a face again; fit for several threads."""

    def side(self, rng: np.random.Generator) -> int: ...

    def resynthesise(self, crop: Picture) -> Picture: ...


class FaceGenerators:
    """Networks that resynthesise faces; fit for several threads.

    Args:
        folder: holds an `.xml` and a `.bin` of each autoencoder, to be run by OpenVINO, and a `.param` and a `.bin` of
            each network for enlarging pictures, to be run by ncnn.

    Raises:
        FileNotFoundError: the folder holds none.
        DataError: a network for enlarging does something else.
    """

    def __init__(self, folder: Path) -> None:
        graphs, plans = sorted(folder.glob("*.xml")), sorted(folder.glob("*.param"))
        self.names = [path.stem for path in (*graphs, *plans)]
        if not self.names:
            raise FileNotFoundError(f"no face generator lies in {folder}")
        self._networks: list[_Network] = [_TrainedAutoencoder(graph) for graph in graphs]
        self._networks += [Enlarger(plan) for plan in plans]

    def resynthesise(self, image: Picture, landmarks: Landmarks, rng: np.random.Generator) -> Resynthesis:
        """Let one of the generators make a face again.

        Args:
            image: RGB uint8 (height, width, 3).
            landmarks: (5, 2) in pixels of the image.
            rng: chooses the generator and what is done to its output.
        """
        network = self._networks[rng.integers(len(self._networks))]
        crop, matrix = cut_face(image, landmarks, network.side(rng))
        made = network.resynthesise(crop)
        if rng.random() < 0.5:
            made = match_colour(made, crop, np.ones(crop.shape[:2], bool))
        if rng.random() < 0.35:
            # What restoring nets and users' sharpening do to a soft face.
            amount = rng.uniform(0.3, 1.2)
            sharper = cv2.addWeighted(made, 1 + amount, cv2.GaussianBlur(made, (0, 0), 1.2), -amount, 0)
            made = np.asarray(sharper, np.uint8)
        soft = cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.3, 1.0)) if rng.random() < 0.6 else crop
        way = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(2)]
        return Resynthesis(*(_paste(face, matrix, image, way) for face in (made, soft)))


class _TrainedAutoencoder:
    def __init__(self, graph_file: Path) -> None:
        import openvino as ov

        core = ov.Core()
        graph = core.read_model(graph_file)
        # Faces come one by one, and a graph of fixed shape runs faster.
        graph.reshape([1, *(int(str(side)) for side in list(graph.inputs[0].get_partial_shape())[1:])])
        # In float32, since newer processors would take bfloat16 and a batch would depend on the machine.
        settings = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": _AT_A_TIME, "INFERENCE_NUM_THREADS": 2}
        self._network = core.compile_model(graph, "CPU", settings)
        # Not one a thread: TensorFlow's loaders are threads that Python forgets after every call.
        self._requests: queue.SimpleQueue[ov.InferRequest] = queue.SimpleQueue()
        for _ in range(_AT_A_TIME):
            self._requests.put(self._network.create_infer_request())

    def side(self, rng: np.random.Generator) -> int:
        return int(self._network.inputs[0].shape[1])

    def resynthesise(self, crop: Picture) -> Picture:
        request = self._requests.get()
        try:
            output = request.infer([crop[None].astype(np.float32)])[0][0]
        finally:
            self._requests.put(request)
        return np.clip(np.rint(output), 0, 255).astype(np.uint8)


def train_autoencoder(
    plan: Autoencoder, faces: np.ndarray, checkpoints: Sequence[int], folder: Path, seed: int, batch_size: int = 12
) -> keras.Model:
    """Train an autoencoder and keep it as it was at several steps: early ones make softer faces.

    Args:
        plan: what to train.
        faces: uint8 (n, side, side, 3) RGB, cut by `cut_face`.
        checkpoints: steps after which to keep it; the last one ends the training.
        folder: gets `NAME-STEP.xml`, `.bin` and `.weights.h5`.
        seed: of every random choice.
        batch_size: crops in a batch.
    """
    import keras

    keras.utils.set_random_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    window = min(96, plan.side)
    model = build_autoencoder(plan, window)
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, checkpoints[-1], alpha=0.05)
    model.compile(keras.optimizers.Adam(schedule), loss=reconstruction_loss(plan.texture))
    rng = np.random.default_rng(seed)
    for step in range(1, checkpoints[-1] + 1):
        batch = np.stack([_window(faces[i], window, rng) for i in rng.integers(len(faces), size=batch_size)])
        model.train_on_batch(batch, batch)
        if step in checkpoints:
            model.save_weights(folder / f"{plan.name}-{step}.weights.h5")
            _export(plan, model, folder / f"{plan.name}-{step}.xml")
    return model


def _window(face: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    top, left = rng.integers(face.shape[0] - side + 1, size=2)
    window = face[top : top + side, left : left + side]
    return (window[:, ::-1] if rng.random() < 0.5 else window).astype(np.float32)


def _enlarge(x: keras.KerasTensor, decoder: str, filters: int) -> keras.KerasTensor:
    from keras import layers, ops

    if decoder in ("nearest", "bilinear"):
        x = layers.UpSampling2D(2, interpolation=decoder)(x)
        x = layers.Conv2D(filters, 3, padding="same")(x)
    elif decoder in ("transposed", "uneven"):
        x = layers.Conv2DTranspose(filters, 4 if decoder == "transposed" else 3, strides=2, padding="same")(x)
    elif decoder == "shuffle":
        x = layers.Conv2D(4 * filters, 3, padding="same")(x)
        _, height, width, _ = x.shape
        x = layers.Reshape((height, width, 2, 2, filters))(x)
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        x = layers.Reshape((2 * height, 2 * width, filters))(x)
    else:
        raise ValueError(f"no decoder is called {decoder!r}")
    return layers.LeakyReLU(0.2)(x)


def _export(plan: Autoencoder, trained: keras.Model, graph_file: Path) -> None:
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    model = build_autoencoder(plan)
    keras.config.set_dtype_policy(policy)
    model.set_weights(trained.get_weights())
    save_openvino(model, graph_file)


def _paste(face: np.ndarray, matrix: np.ndarray, image: np.ndarray, way: int) -> np.ndarray:
    size = image.shape[1::-1]
    back = cv2.warpAffine(face, matrix, size, flags=way | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT)
    # Beyond the crop nothing was made: the picture stays.
    known = cv2.warpAffine(np.full(face.shape[:2], 255, np.uint8), matrix, size, flags=way | cv2.WARP_INVERSE_MAP)
    return np.where((known == 255)[..., None], back, image)
