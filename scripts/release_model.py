r"""Make a trained run into a shipped model: Keras file, OpenVINO graphs in f32 and int8, calibration, manifest entry.

    python scripts/release_model.py --weights runs/mobilenet_v2/best.weights.h5 --faces DIR
    python scripts/release_model.py --architecture vgg16 --input-size 128 --cut-size 224 --compact --weights FILE \
        --faces DIR

With --compact the weights are rounded to 8 bits and kept once for both formats, as befits a large network. A graph that
computes in int8 needs weights of its own, so there is one only with --int8. Calibration and thresholds are fitted on
the validation sources only. The model card is written by hand; whether heat maps show what was altered is measured by
tests/classifiers/test_explain.py. An earlier release stays as it is until all of the new one is made, and then goes.
Afterwards scripts/share_weights.py stores what several files hold only once.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from train_default import default_samples

from classifiers import Engine, create_engine
from classifiers.architectures import build
from classifiers.calibration import Thresholds
from classifiers.compact import make_compact, round_kernels
from classifiers.datasets import GENERATED_FAMILIES, AlignFace, PictureReader, Sample
from classifiers.evaluation.calibration_fitting import (
    balanced_kind_weights,
    choose_thresholds,
    fit_calibration,
    kind_weights,
    with_calibration,
)
from classifiers.evaluation.metrics import expected_calibration_error, roc_auc
from classifiers.export import save_network
from classifiers.file_parts import make_whole
from classifiers.model_spec import MANIFEST, WEIGHTS_FOLDER, ModelSpec, read_manifest, write_manifest
from classifiers.quantize import RANGE_CROPS, quantize_model
from classifiers.training.blended_batches import BlendedBatches, Mixture
from classifiers.training.validation import BlendedValidation
from extractors.align import CropGeometry, align_face

FITTED_ON = (
    "held-out sources, which also chose among the rounds of the last training run: {real_video} real clips, "
    "{real_still} real portraits, {swap} face swaps, {drawn} animated portraits and {blend} self-blended faces, each "
    "as it is, degraded or restyled; a forgery is taken to be as likely as none, and each kind as likely as the others"
)
OPERATING_POINT = (
    "likely_fake: reached by at most 5% of held-out real video clips; likely_real: at most 10% of held-out fakes are "
    "at or below it, each kind weighing alike (face swaps {swap:.0%}, animated portraits {drawn:.0%}, self-blended "
    "{blend:.0%})"
)
MEASURED_ON = "held-out sources: real, forged and self-blended faces, as they are, degraded or restyled"
REAL = ("real_video", "real_still")
MANIPULATED = ("swap", "blend")
GENERATED = ("drawn",)
CROSS_FITS = 20


def main() -> None:
    """Release the weights that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--architecture", default="mobilenet_v2")
    parser.add_argument("--input-size", type=int, help="side of the crop in pixels (the architecture's usual one)")
    parser.add_argument("--cut-size", type=int, help="side at which crops are cut before they shrink")
    parser.add_argument("--compact", action="store_true", help="keep the weights once, in 8 bits")
    parser.add_argument("--int8", action="store_true", help="with --compact: a graph that computes in int8 as well")
    parser.add_argument(
        "--in-f32", nargs="+", default=[], metavar="LAYER", help="of that graph; searched for if not given"
    )
    parser.add_argument("--no-heat-maps", action="store_true", help="they would not show what was altered")
    parser.add_argument("--folder", type=Path, default=WEIGHTS_FOLDER, help="gets the files and the manifest")
    arguments = parser.parse_args()

    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".release-", dir=arguments.folder) as scratch:
        spec = _make(arguments, Path(scratch))
        manifest = arguments.folder / MANIFEST.name
        models = read_manifest(manifest) if manifest.exists() else {}
        before = _files(models.values())
        # Those that repeat what is now replaced would be lost.
        for file in before:
            make_whole(arguments.folder / file)
        for file in _files([spec]):
            (spec.folder / file).replace(arguments.folder / file)
        # Who was the default remains it.
        models[spec.name] = replace(spec, folder=arguments.folder)
        write_manifest(manifest, models.values())
    for file in before - _files(models.values()):
        (arguments.folder / file).unlink(missing_ok=True)
    print(spec.agreement or "no int8 graph")


def _files(models: Iterable[ModelSpec]) -> set[str]:
    return {file.file for model in models for file in model.files.values()}


def _make(arguments: argparse.Namespace, folder: Path) -> ModelSpec:
    """Write the files of the model and a manifest of it alone into a folder."""
    name = arguments.architecture
    network = build(name, input_size=arguments.input_size, weights=arguments.weights)
    if arguments.compact:
        round_kernels(network)
    geometry = CropGeometry(network.input_shape[1], cut_size=arguments.cut_size or 0)
    spec = save_network(
        network, folder, crop_template=geometry.template, crop_cut_size=geometry.cut_size, card=f"{name}.md"
    )
    spec = replace(spec, heat_maps=not arguments.no_heat_maps)
    samples, align = default_samples(arguments.faces), partial(align_face, geometry=geometry)
    validation = BlendedValidation(PictureReader(), [s for s in samples if s.split == "val"], align)
    spec = calibrate(spec, validation)
    if arguments.int8 or not arguments.compact:
        spec = _quantized(spec, validation, [s for s in samples if s.split == "train"], align, arguments.in_f32)
    return make_compact(spec, network) if arguments.compact else spec


def _quantized(
    spec: ModelSpec, validation: BlendedValidation, train: list[Sample], align: AlignFace, in_f32: list[str]
) -> ModelSpec:
    manifest = spec.folder / MANIFEST.name
    write_manifest(manifest, [spec])
    held_out = np.concatenate([validation.clean, validation.degraded, validation.targets, validation.blends])
    return quantize_model(manifest, spec.name, training_crops(train, align), held_out, MEASURED_ON, in_f32)


def training_crops(samples: list[Sample], align: AlignFace, count: int = RANGE_CROPS) -> np.ndarray:
    """Give at least so many crops as training made them: blended, forged and real, all degraded."""
    mixture = Mixture()
    batches = BlendedBatches(PictureReader(), samples, align, mixture, mask_cells=1, seed=77)
    return np.concatenate([batches.batch(i).crops for i in range(-(-count // mixture.batch_size))])


def calibrate(spec: ModelSpec, validation: BlendedValidation) -> ModelSpec:
    """Fit calibration and thresholds on held-out crops, and print what the scores then tell of each kind."""
    clips = score_clips(create_engine("openvino", spec), validation)
    kinds = np.array([kind for kind, _, _ in clips])
    logits = np.stack(list(clips.values()))
    fake = ~np.isin(kinds, REAL)
    crossed = _cross_fitted(logits, kinds, np.array([group for _, _, group in clips]))
    calibration = replace(
        fit_calibration(logits, kinds, REAL, MANIPULATED, GENERATED),
        fitted_on=FITTED_ON.format(**{kind: len({g for k, _, g in clips if k == kind}) for kind in set(kinds)}),
    )
    scores = np.array([calibration.scores(*row).fake for row in logits])
    likely_fake, likely_real = choose_thresholds(
        scores[kinds == "real_video"], scores[fake], kind_weights(kinds[fake]), fpr=0.05
    )
    # Thresholds were chosen among scores of four digits.
    missed = {kind: (scores[kinds == kind].round(4) <= likely_real).mean() for kind in MANIPULATED + GENERATED}
    thresholds = Thresholds(likely_fake, likely_real, OPERATING_POINT.format(**missed))
    print(f"{thresholds}\n{calibration.fitted_on}")
    for kind in sorted(set(kinds)):
        chosen = np.isin(kinds, (*REAL, kind))
        auc = "" if kind in REAL else f"AUC {roc_auc(fake[chosen], scores[chosen]):.3f}, "
        ece = "" if kind in REAL else f", cross-fitted ECE {_calibration_error(kinds[chosen], crossed[:, chosen]):.3f}"
        of_kind = scores[kinds == kind]
        shares = f"likely_fake {(of_kind >= likely_fake).mean():.2f}, likely_real {(of_kind <= likely_real).mean():.2f}"
        print(f"{kind:<11} {len(of_kind)}: {auc}{shares}{ece}")
    print(f"all: cross-fitted ECE {_calibration_error(kinds, crossed):.3f}")
    return with_calibration(spec, calibration, thresholds)


def _cross_fitted(logits: np.ndarray, kinds: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Scores (repeats, n) by calibrations that were each fitted on the other half of the clips."""
    rng = np.random.default_rng(0)
    names, clip = np.unique(clips, return_inverse=True)
    scores = np.zeros((CROSS_FITS, len(logits)))
    for row in scores:
        half = rng.integers(0, 2, len(names))[clip]
        for other in (0, 1):
            fitted = fit_calibration(logits[half == other], kinds[half == other], REAL, MANIPULATED, GENERATED)
            row[half != other] = [fitted.scores(*x).fake for x in logits[half != other]]
    return scores


def _calibration_error(kinds: np.ndarray, scores: np.ndarray) -> float:
    """Mean expected calibration error, real and forged weighing alike and so the kinds within each."""
    fake = ~np.isin(kinds, REAL)
    weights = balanced_kind_weights(kinds, fake)
    return float(np.mean([expected_calibration_error(fake, row, weights) for row in scores]))


def score_clips(engine: Engine, validation: BlendedValidation) -> dict[tuple[str, str, str], np.ndarray]:
    """Give the mean logits, float (2,), by kind, variant and clip.

    A blended or restyled twin of a clip is a variant of it.
    """
    rows: dict[tuple[str, str, str], list[np.ndarray]] = {}
    real = [sample for sample in validation.samples if not sample.fake]
    for variant, samples, crops in (
        ("clean", validation.samples, validation.clean),
        ("degraded", validation.samples, validation.degraded),
        ("restyled", real, validation.targets),
        ("blended", real, validation.blends),
    ):
        for sample, row in zip(samples, engine.predict(crops), strict=True):
            kind = "blend" if variant == "blended" else held_out_kind(sample)
            rows.setdefault((kind, variant, sample.group), []).append(row)
    return {clip: np.mean(found, axis=0) for clip, found in rows.items()}


def held_out_kind(sample: Sample) -> str:
    """Say of which kind of those that are calibrated a sample is."""
    if not sample.fake:
        return "real_video" if sample.clip else "real_still"
    return "drawn" if sample.family in GENERATED_FAMILIES else "swap"


if __name__ == "__main__":
    main()
