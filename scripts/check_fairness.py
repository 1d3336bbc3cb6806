"""Compare how a model treats real faces of lighter and of darker skin.

    python scripts/check_fairness.py --model mobilenet_v2 DATASET [DATASET ...]

The data sets hold face crops with landmarks, of which the real ones are measured. Nobody's group is guessed: what is
measured is how light the skin looks in the picture, as the individual typology angle of the cheeks (Chardon, Cretois
and Hourseau 1991, doi:10.1111/j.1467-2494.1991.tb00561.x), which depends on the light as well as on the person.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from classifiers import ModelError, ModelSpec, create_engine, find_model
from classifiers.datasets import DataError, PictureReader, Sample, open_dataset
from classifiers.evaluation.metrics import wilson_interval
from classifiers.evaluation.predictions import predict
from extractors.align import LANDMARK_TEMPLATE, CropGeometry, align_face

GROUPS = {"light": 41.0, "intermediate": 10.0, "dark": -math.inf}
"""Name to the smallest typology angle in degrees; Del Bino and Bernerd 2013 halve each of them once more."""

_CHEEK = 0.035
_SKIN_SIZE = 128


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", type=Path, metavar="DATASET")
    parser.add_argument("--model", help="name or manifest of a model (the default one)")
    parser.add_argument("--split", help="part of the data sets (all)")
    arguments = parser.parse_args()
    try:
        samples = [s for dataset in arguments.datasets for s in open_dataset(dataset)]
        samples = [s for s in samples if not s.fake and arguments.split in (None, s.split)]
        if not samples:
            raise DataError(f"there are no real faces in the part {arguments.split!r}; leave --split out for all")
        model = find_model(arguments.model)
        angles, scores = _angles_and_scores(model, samples)
    except (DataError, ModelError) as error:
        sys.exit(f"check_fairness.py: {error}")
    thresholds = model.thresholds
    print(f"{model.name}: {thresholds}")
    print(f"{'skin':<14}{'real faces':>10}{'mean score':>12}  {'likely_fake':<24}{'likely_real':<24}")
    most = math.inf
    for name, least in GROUPS.items():
        chosen = scores[(angles >= least) & (angles < most)]
        most = least
        if not len(chosen):
            print(f"{name:<14}{0:>10}")
            continue
        shares = [_share(found) for found in (chosen >= thresholds.likely_fake, chosen <= thresholds.likely_real)]
        print(f"{name:<14}{len(chosen):>10}{chosen.mean():>12.3f}  {shares[0]:<24}{shares[1]:<24}")


def _angles_and_scores(model: ModelSpec, samples: Sequence[Sample]) -> tuple[np.ndarray, np.ndarray]:
    reader = PictureReader()
    align = partial(align_face, geometry=CropGeometry.of_model(model))
    predictions = predict(create_engine("auto", model, precision="auto"), samples, reader, align)
    skin = CropGeometry(_SKIN_SIZE)
    angles = [typology_angle(align_face(reader.read(s), s.landmarks, skin)) for s in predictions.samples]
    return np.array(angles), np.array([model.calibration.scores(*row).fake for row in predictions.logits.tolist()])


def typology_angle(crop: np.ndarray) -> float:
    """Measure the individual typology angle of the cheeks in degrees; light skin has a large one.

    Args:
        crop: RGB uint8 (size, size, 3), aligned by `LANDMARK_TEMPLATE`.
    """
    size = len(crop)
    lab = cv2.cvtColor(np.float32(crop) / 255, cv2.COLOR_RGB2LAB)
    (right_eye, left_eye, nose, *_), reach = LANDMARK_TEMPLATE, max(1, round(_CHEEK * size))
    cheeks = []
    for eye_x in (right_eye[0], left_eye[0]):
        x, y = round(eye_x * size), round(nose[1] * size)
        cheeks.append(lab[y - reach : y + reach + 1, x - reach : x + reach + 1].reshape(-1, 3))
    lightness, _, yellow = np.median(np.concatenate(cheeks), axis=0)
    return math.degrees(math.atan2(lightness - 50, yellow)) if yellow > 0 else math.copysign(90, lightness - 50)


def _share(found: np.ndarray) -> str:
    """Write a share with its 95% interval."""
    share = float(found.mean())
    low, high = wilson_interval(share, len(found))
    return f"{share:.1%} [{low:.1%}, {high:.1%}]"


if __name__ == "__main__":
    main()
