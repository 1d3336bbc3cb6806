"""Train the small autoencoders that resynthesise faces for the training of a classifier.

    KERAS_BACKEND=torch python scripts/train_generators.py --faces DIR --out DIR

Those under `training` are for training batches, those under `validation` for held-out figures only: the decoder of
these is never met in training. All of them learn from the training split's real faces alone.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import keras
import numpy as np
from train_default import default_samples

from classifiers.datasets import PictureReader
from classifiers.training.autoencoder import Autoencoder, train_autoencoder
from classifiers.training.blended_batches import SourceBalanced
from classifiers.training.resynthesis import cut_face

PLANS = {
    "training": (
        Autoencoder("nearest", "nearest", side=128, halvings=3, code=32, texture=1.0),
        Autoencoder("transposed", "transposed", side=128, halvings=3, code=48, texture=1.0),
        Autoencoder("uneven", "uneven", side=96, halvings=2, code=8, texture=1.0),
        Autoencoder("bilinear", "bilinear", side=160, halvings=2, code=8, texture=0.0, noise=0.1),
    ),
    "validation": (Autoencoder("shuffle", "shuffle", side=128, halvings=3, code=32, texture=1.0),),
}

log = logging.getLogger("train_generators")


def main() -> None:
    """Run the training that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="folder of face shards and their index CSVs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="names of the autoencoders to train; all by default")
    parser.add_argument("--checkpoints", type=int, nargs="+", default=[250, 700], help="steps after which to keep one")
    parser.add_argument("--pictures", type=int, default=1600, help="faces that each autoencoder learns from")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    keras.config.set_dtype_policy("mixed_bfloat16")
    reader = PictureReader()
    real = [s for s in default_samples(arguments.faces) if s.split == "train" and not s.fake]
    draw = SourceBalanced(real)
    for use, plans in PLANS.items():
        for number, plan in enumerate(plans):
            if arguments.only and plan.name not in arguments.only:
                continue
            rng = np.random.default_rng((arguments.seed, number))
            chosen = (draw.draw(rng) for _ in range(arguments.pictures))
            faces = np.stack([cut_face(reader.read(s), s.landmarks, plan.side)[0] for s in chosen])
            started = time.monotonic()
            train_autoencoder(plan, faces, arguments.checkpoints, arguments.out / use, arguments.seed)
            log.info("%s: %.0f s", plan.name, time.monotonic() - started)


if __name__ == "__main__":
    main()
