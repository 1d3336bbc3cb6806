r"""Compare networks on the sources that none is trained on: what decides which weights are shipped.

    python scripts/compare_held_out.py --faces DIR mobilenet_efficientnet \
        mobilenet_v2=runs/b/best.weights.h5+efficientnet_lite2=runs/t/best.weights.h5

A network is a shipped model, the manifest of one, or ARCHITECTURE=WEIGHTS, and with + between two of them the mean of
their logits. Each is computed in f32 and calibrated on all of these sources, as scripts/release_model.py does. The
areas under the ROC curve are of the scores of clips and stills: self-blended faces, face swaps, drawn faces, the mean
of these three kinds, and the swapped clips of DeepFakeDetection, which nothing is calibrated on, against all real
clips as they are. Intervals are of the difference from the first network, by bootstraps over clips and stills.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import cache, partial
from pathlib import Path

import numpy as np
from release_model import GENERATED, MANIPULATED, REAL, score_clips
from train_default import default_samples

from classifiers import ModelError, ModelSpec, create_engine, find_model
from classifiers.architectures import build
from classifiers.datasets import DataError, PictureReader
from classifiers.evaluation.calibration_fitting import fit_calibration
from classifiers.evaluation.metrics import bootstrap_intervals, roc_auc
from classifiers.export import save_network
from classifiers.training.validation import BlendedValidation
from extractors.align import CropGeometry, align_face

KINDS = {"self-blended": "blend", "swaps": "swap", "drawn": "drawn"}
"""What the columns are called, and what the kinds are."""
UNSEEN = "DeepFakeDetection"
"""An origin that no network is trained and no calibration fitted on."""
DRAWS = 300

Clip = tuple[str, str, str]
"""Kind, variant, and the clip or still itself."""


class HeldOut:
    """The crops of the held-out sources, of each size once.

    Args:
        faces: folder of face shards and their index CSVs.
    """

    def __init__(self, faces: Path) -> None:
        known = [s for s in default_samples(faces) if s.split == "val"]
        unseen = [s for s in default_samples(faces, ["video_swaps"]) if s.split == "val" and s.origin == UNSEEN]
        self._samples = {"": known, UNSEEN: unseen}
        self.crops = cache(self._crops)

    def _crops(self, geometry: CropGeometry) -> dict[str, BlendedValidation]:
        align, reader = partial(align_face, geometry=geometry), PictureReader()
        return {name: BlendedValidation(reader, samples, align) for name, samples in self._samples.items()}

    def logits(self, model: ModelSpec) -> dict[Clip, np.ndarray]:
        """Give the mean logits (2,) of each clip and variant; the kinds of the unseen origin begin with its name."""
        engine, crops = create_engine("openvino", model, precision="f32"), self.crops(CropGeometry.of_model(model))
        return {
            (origin + kind, variant, group): logits
            for origin, validation in crops.items()
            for (kind, variant, group), logits in score_clips(engine, validation).items()
            if not origin or variant == "clean"
        }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", metavar="NETWORK")
    parser.add_argument("--faces", type=Path, required=True, help="folder of face shards and their index CSVs")
    arguments = parser.parse_args()
    names = list(dict.fromkeys(arguments.networks))
    try:
        held_out = HeldOut(arguments.faces)
        logits = cache(partial(_logits, held_out))
        joined = [_mean([logits(part) for part in name.split("+")]) for name in names]
    except (DataError, ModelError, OSError, ValueError) as error:
        sys.exit(f"compare_held_out.py: {error}")
    print(_table(names, joined))


def _logits(held_out: HeldOut, network: str) -> dict[Clip, np.ndarray]:
    architecture, given, weights = network.partition("=")
    if not given:
        return held_out.logits(find_model(network))
    with tempfile.TemporaryDirectory() as folder:
        template = CropGeometry(1).template
        built = build(architecture, weights=Path(weights))
        return held_out.logits(save_network(built, Path(folder), crop_template=template, crop_cut_size=0, card=""))


def _mean(parts: list[dict[Clip, np.ndarray]]) -> dict[Clip, np.ndarray]:
    return {clip: np.mean([part[clip] for part in parts], axis=0) for clip in parts[0]}


def _table(names: list[str], logits: list[dict[Clip, np.ndarray]]) -> str:
    clips = list(logits[0])
    kinds = np.array([kind for kind, _, _ in clips])
    clean = np.array([variant == "clean" for _, variant, _ in clips])
    scores = np.stack([_scores(np.stack(list(found.values())), kinds) for found in logits], axis=1)

    def figures(_: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        chosen = rows[:, 0].astype(int)
        columns = [_areas(kinds[chosen], clean[chosen], column) for column in scores[chosen].T]
        found = {f"{number} {name}": value for number, areas in enumerate(columns) for name, value in areas.items()}
        differences = {
            f"{number} {name} more": value - columns[0][name]
            for number, areas in enumerate(columns)
            for name, value in areas.items()
        }
        return found | differences

    fake = ~np.isin(kinds, (*REAL, *(UNSEEN + kind for kind in REAL)))
    rows = np.arange(len(clips))[:, None]
    found = bootstrap_intervals(figures, fake, rows, [group for *_, group in clips], draws=DRAWS)
    lines = [
        f"{sum(k == kind for k, v, _ in clips if v in ('clean', 'blended'))} {kind}" for kind in sorted(set(kinds))
    ]
    header = [*KINDS, "three kinds", UNSEEN, "all four"]
    lines = [", ".join(lines), " | ".join(["network", *header])]
    for number, name in enumerate(names):
        lines.append(" | ".join([name, *(f"{found[f'{number} {column}'].value:.4f}" for column in header)]))
        if number:
            lines.append(" | ".join(["  more", *(str(found[f"{number} {column} more"]) for column in header)]))
    return "\n".join(lines)


def _scores(logits: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    known = np.isin(kinds, (*REAL, *MANIPULATED, *GENERATED))
    calibration = fit_calibration(logits[known], kinds[known], REAL, MANIPULATED, GENERATED)
    return np.array([calibration.scores(*row).fake for row in logits])


def _areas(kinds: np.ndarray, clean: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    areas = {}
    for name, kind in KINDS.items():
        chosen = np.isin(kinds, (*REAL, kind))
        areas[name] = roc_auc(kinds[chosen] == kind, scores[chosen])
    areas["three kinds"] = float(np.mean(list(areas.values())))
    swapped = kinds == f"{UNSEEN}swap"
    chosen = swapped | (clean & np.isin(kinds, ("real_video", f"{UNSEEN}real_video")))
    areas[UNSEEN] = roc_auc(swapped[chosen], scores[chosen])
    areas["all four"] = float(np.mean([areas[name] for name in (*KINDS, UNSEEN)]))
    return areas


if __name__ == "__main__":
    main()
