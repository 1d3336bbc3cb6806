"""Train a classifier to ship on shards of face crops.

    python scripts/train_default.py --faces DIR --start BACKBONE --precision mixed_bfloat16 --out runs/mobilenet_v2

On Linux a step on a CPU takes about a fifth less time where freed memory is kept: MALLOC_MMAP_MAX_=0
MALLOC_TRIM_THRESHOLD_=1000000000000 MALLOC_TOP_PAD_=268435456 MALLOC_ARENA_MAX=1 in the environment.

`facewitness train` does the training; what is particular here is which sources are held out.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from classifiers.datasets import Sample, face_shards
from classifiers.training.config import TrainingConfig
from classifiers.training.run import train_model
from extractors.align import LANDMARK_TEMPLATE, aligner

# The validation split has few face swaps: two more whole sources, with their originals, complete it.
MOVED_TO_VALIDATION = {
    "HiFiFace(re-impl.)",
    "HiFiFace source/target",
    "FaceShifter(re-impl.)",
    "FaceShifter source/target",
}
# Generators of which other clips are on the other side of the split.
LEFT_OUT = {"edtalk_page", "styletalk"}
# Their `scene` counts files: what it pairs are pictures of strangers.
NO_TWINS = {"real_and_fake_face", "ReSwapper examples"}

GROUPS = ("real", "generated", "video_faces")
"""Of face shards: those that chose among all weights so far."""


def default_samples(faces: Path, more: Sequence[str] = ()) -> list[Sample]:
    """Give the training and the validation samples, of more groups of shards too; no source is in both.

    Scenes that pair strangers are left out.
    """
    samples = [s for name in (*GROUPS, *more) for s in face_shards.samples(faces / f"{name}.csv")]
    return [
        replace(
            s,
            split="val" if s.split == "val" or s.source in MOVED_TO_VALIDATION else "train",
            scene="" if s.origin in NO_TWINS else s.scene,
        )
        for s in samples
        if s.source not in LEFT_OUT
    ]


def main() -> None:
    """Run the training that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="folder of face shards and their index CSVs")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; a run found there is resumed")
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file of settings; options replace its values")
    parser.add_argument("--more", metavar="GROUPS", default="", help="further groups, such as dfdc_twins,video_swaps")
    settings = [setting for setting in fields(TrainingConfig) if setting.name != "recipe"]
    for setting in settings:
        parser.add_argument(
            f"--{setting.name.replace('_', '-')}",
            type=type(setting.default),
            help=f"{setting.metadata['help']} ({setting.default})",
        )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    given = {setting.name: getattr(arguments, setting.name) for setting in settings}
    given = {name: value for name, value in given.items() if value is not None}
    config = TrainingConfig.load(arguments.config, given | {"recipe": "self_blending"})
    more = [name for name in arguments.more.split(",") if name]
    train_model(config, default_samples(arguments.faces, more), aligner, LANDMARK_TEMPLATE, arguments.out)


if __name__ == "__main__":
    main()
