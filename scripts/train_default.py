"""Train the small default classifier on shards of face crops.

    python scripts/train_default.py --faces DIR --start BACKBONE --out runs/mobilenet_v2 --steps 3000

The shipped weights were trained with `KERAS_BACKEND=torch`, in bfloat16 on two CPU cores.
"""

from __future__ import annotations

import argparse
import logging
from functools import partial
from pathlib import Path

import keras
import numpy as np

from classifiers.architectures import build
from classifiers.datasets import FaceSample, FaceShards
from classifiers.training.fit import TrainingSettings, train
from classifiers.training.samples import BatchMaker, Mixture
from classifiers.training.validation import ValidationSet
from extractors.align import CropGeometry, align_face

# The validation split has few face swaps: two more whole sources, with their originals, complete it.
MOVED_TO_VALIDATION = {
    "HiFiFace(re-impl.)",
    "HiFiFace source/target",
    "FaceShifter(re-impl.)",
    "FaceShifter source/target",
}
# Generators of which other clips are on the other side of the split.
LEFT_OUT = {"edtalk_page", "styletalk"}


def split(shards: FaceShards) -> tuple[list[FaceSample], list[FaceSample]]:
    """Give the training and the validation samples; no source is in both."""
    samples = [s for name in ("real", "generated", "video_faces") for s in shards.index(name)]
    samples = [s for s in samples if s.source not in LEFT_OUT]
    held_out = [s.split == "val" or s.source in MOVED_TO_VALIDATION for s in samples]
    train_samples = [s for s, out in zip(samples, held_out, strict=True) if not out]
    validation_samples = [s for s, out in zip(samples, held_out, strict=True) if out]
    return train_samples, validation_samples


def main() -> None:
    """Run the training that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="folder of face shards and their index CSVs")
    parser.add_argument("--start", type=Path, required=True, help="a backbone (.npz, .keras) or a run's .weights.h5")
    parser.add_argument("--head", type=Path, help="a .keras file whose layer 'logits' starts the head")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; a run found there is resumed")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--round-steps", type=int, default=200)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.utils.set_random_seed(arguments.seed)
    geometry = CropGeometry(size=224)
    align = partial(align_face, geometry=geometry)
    shards = FaceShards(arguments.faces)
    training, validation = split(shards)
    goes_on = arguments.start.name.endswith(".weights.h5")
    classifier = build("mobilenet_v2", weights=None if goes_on else arguments.start)
    if goes_on:
        classifier.load_weights(arguments.start)
    if arguments.head:
        head = keras.models.load_model(arguments.head, compile=False, safe_mode=True).get_layer("logits")
        classifier.get_layer("logits").set_weights([np.asarray(w) for w in head.get_weights()])
    cells = classifier.get_layer("features").output.shape[1]
    validation_set = ValidationSet(shards, validation, align)
    train(
        classifier,
        BatchMaker(shards, training, align, Mixture(), cells, arguments.seed),
        TrainingSettings(
            steps=arguments.steps, round_steps=arguments.round_steps, learning_rate=arguments.learning_rate
        ),
        validation_set.figures,
        arguments.out,
    )


if __name__ == "__main__":
    main()
