r"""Compare networks on the sources that none is trained on: what decides which weights are shipped.

    python scripts/compare_held_out.py --faces DIR mobilenet_efficientnet \
        mobilenet_v2=runs/b/best.weights.h5+efficientnet_lite2=runs/t/best.weights.h5

A network is a shipped model, the manifest of one, or ARCHITECTURE=WEIGHTS with the crop of the shipped model of that
architecture; with + between two of them it is the mean of their logits. Weights of a run are taken as trained, those of
a compact model as rounded. All is computed in f32, and calibrated on the clips that are measured, as
scripts/release_model.py does; rounds of training were chosen by these sources, too, so figures flatter.

The areas under the ROC curve are of the scores of clips and stills: self-blended faces, face swaps, drawn faces, the
mean of these three kinds, and the swapped clips of DeepFakeDetection, which nothing is calibrated on, against all real
clips as they are. Intervals are of the difference from the first network, by bootstraps over scenes where the index
knows them, else over clips and stills.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

import numpy as np
from release_model import GENERATED, MANIPULATED, REAL, held_out_kind, score_clips
from train_default import default_samples

from classifiers import ModelError, ModelSpec, create_engine, find_model
from classifiers.architectures import build
from classifiers.datasets import DataError, PictureReader
from classifiers.evaluation.calibration_fitting import fit_calibration
from classifiers.evaluation.metrics import Interval, bootstrap_intervals, roc_auc
from classifiers.export import save_network
from classifiers.training.validation import BlendedValidation
from extractors.align import CropGeometry, align_face

KINDS = {"self-blended": "blend", "swaps": "swap", "drawn": "drawn"}
"""What the columns are called, and what the kinds are."""

APART = "DeepFakeDetection"
"""An origin that no calibration is fitted on; its kinds begin with its name."""

Clip = tuple[str, str, str]
"""Kind, variant, and the clip or still itself."""

Logits = Mapping[Clip, np.ndarray]
"""Float (2,), the mean over the crops of a clip."""


class HeldOut:
    """The crops of the held-out sources, of each size once.

    Args:
        faces: folder of face shards and their index CSVs.

    Attributes:
        scenes: by clip or still, what it shows alike with others; itself where that is not known.

    Raises:
        DataError: the index lacks what is compared.
    """

    def __init__(self, faces: Path) -> None:
        self._known = [s for s in default_samples(faces) if s.split == "val"]
        self._apart = [s for s in default_samples(faces, ["video_swaps"]) if s.split == "val" and s.origin == APART]
        if not self._apart:
            raise DataError(f"{faces}/video_swaps.csv has no held-out face of {APART}")
        self.scenes = {sample.group: sample.scene or sample.group for sample in (*self._known, *self._apart)}
        self._crops = cache(self._cut)

    def _cut(self, geometry: CropGeometry) -> tuple[BlendedValidation, np.ndarray]:
        align, reader = partial(align_face, geometry=geometry), PictureReader()
        apart = [align(reader.read(sample), sample.known_landmarks) for sample in self._apart]
        return BlendedValidation(reader, self._known, align), np.stack(apart)

    def logits(self, model: ModelSpec) -> Logits:
        """Let a model classify all crops."""
        engine = create_engine("openvino", model, precision="f32")
        validation, crops = self._crops(CropGeometry.of_model(model))
        rows: dict[Clip, list[np.ndarray]] = {}
        for sample, row in zip(self._apart, engine.predict(crops), strict=True):
            rows.setdefault((f"{APART} {held_out_kind(sample)}", "clean", sample.group), []).append(row)
        return score_clips(engine, validation) | {clip: np.mean(found, axis=0) for clip, found in rows.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", metavar="NETWORK")
    parser.add_argument("--faces", type=Path, required=True, help="folder of face shards and their index CSVs")
    parser.add_argument("--draws", type=int, default=2000, help="number of bootstraps (%(default)s)")
    arguments = parser.parse_args()
    names = list(dict.fromkeys(arguments.networks))
    try:
        held_out = HeldOut(arguments.faces)
        logits = cache(partial(_logits, held_out))
        joined = [_mean([logits(part) for part in name.split("+")]) for name in names]
    except (DataError, ModelError) as error:
        sys.exit(f"compare_held_out.py: {error}")
    print(_table(names, joined, held_out.scenes, arguments.draws))


def _logits(held_out: HeldOut, network: str) -> Logits:
    architecture, given, weights = network.partition("=")
    model = find_model(architecture)
    if not given:
        return held_out.logits(model)
    with tempfile.TemporaryDirectory() as folder:
        try:
            trained = build(architecture, input_size=model.crop_size, weights=Path(weights))
        except (OSError, ValueError) as error:
            raise ModelError(str(error)) from error
        crop = {"crop_template": model.crop_template, "crop_cut_size": model.crop_cut_size}
        return held_out.logits(save_network(trained, Path(folder), **crop, card=model.card))


def _mean(parts: list[Logits]) -> Logits:
    return {clip: np.mean([part[clip] for part in parts], axis=0) for clip in parts[0]}


def _table(names: list[str], logits: list[Logits], scenes: Mapping[str, str], draws: int) -> str:
    clips = list(logits[0])
    kinds = np.array([kind for kind, _, _ in clips])
    clean = np.array([variant == "clean" for _, variant, _ in clips])
    scores = np.stack([_scores(np.stack(list(found.values())), kinds) for found in logits], axis=1)

    comparisons = _comparisons(kinds, clean)

    def areas_and_differences(_: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        areas = [_areas(comparisons, rows[:, 0], column) for column in scores.T]
        return {
            f"{number} {name}{what}": value - before
            for number, found in enumerate(areas)
            for name, value in found.items()
            for what, before in (("", 0.0), (" more", areas[0][name]))
        }

    fake = ~np.isin(kinds, (*REAL, *(f"{APART} {kind}" for kind in REAL)))
    groups = [scenes[group] for *_, group in clips]
    found = bootstrap_intervals(areas_and_differences, fake, np.arange(len(clips))[:, None], groups, draws=draws)
    columns = [*KINDS, "three kinds", APART, "all four"]
    lines = [", ".join(_counts(clips, scenes)), " | ".join(["network", *columns])]
    for number, name in enumerate(names):
        lines.append(" | ".join([name, *(f"{found[f'{number} {column}'].value:.4f}" for column in columns)]))
        if number:
            lines.append(" | ".join(["  more", *(_signed(found[f"{number} {column} more"]) for column in columns)]))
    return "\n".join(lines)


def _counts(clips: list[Clip], scenes: Mapping[str, str]) -> list[str]:
    counts = []
    for kind in sorted({kind for kind, _, _ in clips}):
        groups = {group for k, _, group in clips if k == kind}
        of_scenes = len({scenes[group] for group in groups})
        counts.append(f"{len(groups)} {kind}" + (f" of {of_scenes} scenes" if of_scenes < len(groups) else ""))
    return counts


def _signed(difference: Interval) -> str:
    return f"{difference.value:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]"


def _scores(logits: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    known = np.isin(kinds, (*REAL, *MANIPULATED, *GENERATED))
    calibration = fit_calibration(logits[known], kinds[known], REAL, MANIPULATED, GENERATED)
    return np.array([calibration.scores(*row).fake for row in logits])


def _comparisons(kinds: np.ndarray, clean: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Say by column which rows are compared, bool (n,), and which of these are forged."""
    compared = {name: (np.isin(kinds, (*REAL, kind)), kinds == kind) for name, kind in KINDS.items()}
    swapped = kinds == f"{APART} swap"
    return compared | {APART: (swapped | (clean & np.isin(kinds, ("real_video", f"{APART} real_video"))), swapped)}


def _areas(
    comparisons: Mapping[str, tuple[np.ndarray, np.ndarray]], rows: np.ndarray, scores: np.ndarray
) -> dict[str, float]:
    areas = {}
    for name, (compared, forged) in comparisons.items():
        chosen = rows[compared[rows]]
        areas[name] = roc_auc(forged[chosen], scores[chosen])
    of_kinds = [areas[name] for name in KINDS]
    return areas | {"three kinds": float(np.mean(of_kinds)), "all four": float(np.mean([*of_kinds, areas[APART]]))}


if __name__ == "__main__":
    main()
