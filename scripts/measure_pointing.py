"""Measure whether heat maps point at what was blended, on the real faces of the sources that no network trains on.

    python scripts/measure_pointing.py --faces DIR [--model dinov2_small]

Each of these faces is blended with itself as for the validation of a training run, and not degraded after that.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from train_default import default_samples

from classifiers import ModelError, find_model
from classifiers.datasets import DataError, PictureReader
from classifiers.evaluation.metrics import wilson_interval
from classifiers.evaluation.pointing import play_pointing_game
from classifiers.explain import HeatMapper
from classifiers.training.self_blending import self_blend
from extractors.align import CropGeometry, align_face, warp_crop

_SEED = 20_000_003
_BLENDED = 0.1
"""A pixel counts as blended from this share of the other face on."""


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="folder of face shards and their index CSVs")
    parser.add_argument("--model", help="name or manifest of a model (the default one)")
    arguments = parser.parse_args()
    try:
        model = find_model(arguments.model)
        samples = [s for s in default_samples(arguments.faces) if s.split == "val" and not s.fake]
        geometry, reader = CropGeometry.of_model(model), PictureReader()
        crops, regions = [], []
        for number, sample in enumerate(samples):
            landmarks = sample.known_landmarks
            blend = self_blend(reader.read(sample), landmarks, np.random.default_rng((_SEED, number)))
            crops.append(align_face(blend.image, landmarks, geometry))
            regions.append(warp_crop(blend.mask, geometry.transform(landmarks), model.crop_size) > _BLENDED)
        maps = HeatMapper(model).heat(np.stack(crops)).maps[:, 0]
    except (DataError, ModelError) as error:
        sys.exit(f"measure_pointing.py: {error}")
    game = play_pointing_game(maps, np.stack(regions))
    low, high = wilson_interval(game.inside, len(maps))
    print(
        f"{model.name}: of {len(maps)} self-blended faces the strongest cell of `manipulated` lies in the blended "
        f"region in {game.inside:.1%} [{low:.1%}, {high:.1%}] (chance {game.chance_inside:.1%}), in it or a cell "
        f"from it in {game.near:.1%} (chance {game.chance_near:.1%})"
    )


if __name__ == "__main__":
    main()
