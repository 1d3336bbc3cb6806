"""Train the small default classifier on shards of face crops.

    python scripts/train_default.py --faces DIR --start BACKBONE --out runs/mobilenet_v2

`facewitness train` does the training; what is particular here is which sources are held out.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

from classifiers.datasets import Sample, face_shards
from classifiers.training.config import TrainingConfig
from classifiers.training.run import train_model
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


def default_samples(faces: Path) -> list[Sample]:
    """Give the training and the validation samples; no source is in both."""
    samples = [s for name in ("real", "generated", "video_faces") for s in face_shards.samples(faces / f"{name}.csv")]
    return [
        replace(s, split="val" if s.split == "val" or s.source in MOVED_TO_VALIDATION else "train")
        for s in samples
        if s.source not in LEFT_OUT
    ]


def main() -> None:
    """Run the training that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="folder of face shards and their index CSVs")
    parser.add_argument("--generators", default="", help="what scripts/train_generators.py wrote; none if not given")
    parser.add_argument("--start", required=True, help="a backbone (.npz, .keras) or weights of an earlier run")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; a run found there is resumed")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--round-steps", type=int, default=250)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    config = TrainingConfig(
        architecture="mobilenet_v2",
        recipe="self_blending",
        precision="mixed_bfloat16",
        start=arguments.start,
        generators=arguments.generators,
        steps=arguments.steps,
        round_steps=arguments.round_steps,
        learning_rate=arguments.learning_rate,
        seed=arguments.seed,
    )
    geometry = CropGeometry(224)
    align = partial(align_face, geometry=geometry)
    train_model(config, default_samples(arguments.faces), align, geometry.size, geometry.template, arguments.out)


if __name__ == "__main__":
    main()
