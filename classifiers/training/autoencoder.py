"""Small autoencoders that learn to reconstruct real faces; `resynthesis.py` says what for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from classifiers.export import save_openvino

_WIDTHS = (16, 32, 48, 80)
"""Channels after 1, 2, 3, 4 halvings of the crop."""

_COARSE = 16
"""Pixels of the crop along a cell of its coarse picture."""


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

    def convolve(x: keras.KerasTensor, filters: int, strides: int = 1) -> keras.KerasTensor:
        x = layers.Conv2D(filters, 3, strides=strides, padding="same")(x)
        return layers.LeakyReLU(0.2)(x)

    side = side or plan.side
    crop = keras.Input((side, side, 3), name="crop")
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
    return keras.Model(crop, layers.Add(dtype="float32", name="reconstruction")([coarse, details]), name=plan.name)


def reconstruction_loss(texture: float) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """Give a loss of reconstructed crops: colour, edges and, apart from where it lies, the amount of fine texture.

    Args:
        texture: weight of the last.
    """

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


def train_autoencoder(
    plan: Autoencoder,
    faces: npt.NDArray[np.uint8],
    checkpoints: Sequence[int],
    folder: Path,
    seed: int,
    batch_size: int = 12,
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


def _window(face: npt.NDArray[np.uint8], side: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    top, left = rng.integers(face.shape[0] - side + 1, size=2)
    window = face[top : top + side, left : left + side]
    return (window[:, ::-1] if rng.random() < 0.5 else window).astype(np.float32)


def _enlarge(x: keras.KerasTensor, decoder: str, filters: int) -> keras.KerasTensor:
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
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    model = build_autoencoder(plan)
    keras.config.set_dtype_policy(policy)
    model.set_weights(trained.get_weights())
    save_openvino(model, graph_file)
