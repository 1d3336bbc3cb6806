"""`facewitness calibrate`: scores that are chances, and thresholds for a wanted rate of false alarms."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.labelled_data import add_measuring_options, chosen_samples, predict_crops, scan_files
from pipeline.cli.logs import set_up_logging

if TYPE_CHECKING:
    from classifiers import ModelSpec
    from classifiers.datasets import Sample
    from classifiers.evaluation.predictions import Predictions
    from pipeline.workbench.labelled import LabelledScan

_DESCRIPTION = """\
Fit how the logits of a model become scores, and the thresholds of the verdicts, on data that it was not trained on.

A score is then the chance of a forgery if half of all clips were forged. platt fits a line for each output,
temperature a factor, isotonic any rising line (it wants hundreds of clips). DIR gets the files of the model and a new
manifest.json, which every other command takes as --model.

exit status: 0 calibrated, 1 nothing could be written, 2 wrong usage or unusable data"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "calibrate",
        help="fit scores and thresholds of a model",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_measuring_options(parser, "val")
    parser.add_argument("--model", metavar="NAME|FILE", help="classifier; see `facewitness models`")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the new model")
    parser.add_argument("--method", choices=("platt", "temperature", "isotonic"), default="platt")
    parser.add_argument(
        "--fpr", type=float, default=0.05, metavar="SHARE", help="real clips that may be called likely fake (0.05)"
    )
    # Other formats are near enough to share what is fitted on this one.
    parser.set_defaults(run=run, precision="f32")


def run(options: argparse.Namespace) -> int:
    """Calibrate, write the model and say what changed."""
    from classifiers import ModelError, find_model
    from classifiers.errors import ClassifierError
    from classifiers.evaluation.calibration_fitting import calibrate
    from extractors import DetectorUnavailableError
    from pipeline.results.writers import WriteError

    set_up_logging(options.debug, "classifiers")
    try:
        # Everything that can be wrong is looked at before anything is scanned.
        if not 0 < options.fpr < 1:
            raise ValueError(f"--fpr is a share between 0 and 1, such as 0.05, not {options.fpr:g}")
        spec = find_model(options.model)
        others = _others(spec, options.output)
        samples = chosen_samples(options, "val")
        options.output.mkdir(parents=True, exist_ok=True)
        predictions = _predict(spec, samples, options)
        calibrated = calibrate(spec, predictions, options.method, options.fpr)
        manifest = _write(calibrated, others, options.output)
    except (ClassifierError, ModelError, DetectorUnavailableError, ValueError) as error:
        print(f"facewitness calibrate: {error}", file=sys.stderr)
        return 2
    except (WriteError, OSError) as error:
        print(f"facewitness calibrate: {error}", file=sys.stderr)
        return 1
    print(_report(spec, calibrated, predictions))
    print(f"\nUse it with --model {manifest}")
    return 0


def _predict(spec: ModelSpec, samples: Sequence[Sample], options: argparse.Namespace) -> Predictions:
    """Take the logits of face crops, and of the person in each video or picture that decides its score."""
    import numpy as np

    from classifiers import create_engine
    from classifiers.evaluation.predictions import Predictions

    crops = [sample for sample in samples if sample.landmarks is not None]
    files = [sample for sample in samples if sample.landmarks is None]
    found = []
    if crops:
        engine = create_engine(options.engine, spec, None, options.precision, options.device)
        found.append(predict_crops(engine, spec, crops, options))
    if files:
        found.append(_deciding_faces(scan_files(options.model, files, options, None), spec))
    return Predictions(
        [sample for one in found for sample in one.samples],
        np.concatenate([one.logits for one in found]),
        [item for one in found for item in one.unscored],
    )


def _deciding_faces(scans: Iterable[LabelledScan], spec: ModelSpec) -> Predictions:
    import numpy as np

    from classifiers.evaluation.predictions import Predictions, Unscored
    from pipeline.analysis.aggregate import DEFAULT_POOLING

    samples, logits, unscored = [], [np.empty((0, 2), np.float32)], []
    for scan in scans:
        if scan.status != "ok":
            unscored.append(Unscored(scan.sample, scan.status, scan.message))
            continue
        evidence = scan.evidence(spec.calibration, spec.thresholds, DEFAULT_POOLING)
        deciding = max((item for item in evidence.tracks if item.supported), key=lambda item: item.scores.fake)
        samples += [scan.sample] * len(deciding.track.observations)
        logits += [observation.logits[None] for observation in deciding.track.observations]
    return Predictions(samples, np.concatenate(logits), unscored)


def _others(spec: ModelSpec, folder: Path) -> list[ModelSpec]:
    """Give the other models of the folder that a model is to be written to.

    Raises:
        DataError: the folder is the model's own, or holds other weights of that name or no manifest that can be read.
    """
    from classifiers.datasets import DataError
    from classifiers.model_spec import MANIFEST, read_manifest

    if folder.resolve() == spec.folder.resolve():
        raise DataError(f"{folder} is the folder of the model itself; name another one")
    manifest = folder / MANIFEST.name
    if not manifest.exists():
        return []
    try:
        models = read_manifest(manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{manifest} is not a manifest of models ({error!r}); choose another folder") from error
    if spec.name in models and models[spec.name].sha256 != spec.sha256:
        raise DataError(f"{folder} already holds other weights of a model called {spec.name!r}; choose another folder")
    return [model for name, model in models.items() if name != spec.name]


def _write(spec: ModelSpec, others: Sequence[ModelSpec], folder: Path) -> Path:
    """Copy the files of a model, and write a manifest of it and others beside them."""
    from dataclasses import replace

    from classifiers.model_spec import MANIFEST, write_manifest

    contents = {file.file: spec.read(file_format) for file_format, file in spec.files.items()}
    card = spec.folder / spec.card
    if spec.card and card.is_file():
        contents[spec.card] = card.read_bytes()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    write_manifest(folder / MANIFEST.name, [replace(spec, folder=folder), *others])
    return folder / MANIFEST.name


def _report(before: ModelSpec, after: ModelSpec, predictions: Predictions) -> str:
    """Say how far scores were from chances before and after, on the clips that were fitted."""
    import numpy as np

    from classifiers.evaluation.metrics import balanced_weights, brier_score, expected_calibration_error

    clips = predictions.groups()
    labels = np.array([predictions.samples[rows[0]].fake for rows in clips], bool)
    logits = np.array([predictions.logits[rows].mean(axis=0) for rows in clips])
    weights = balanced_weights(labels)
    lines = [
        f"on the {len(labels)} clips or stills that were fitted, both classes weighing alike:",
        f"{'':<8}{'ECE':>8}{'Brier':>8}",
    ]
    for title, spec in (("before", before), ("after", after)):
        scores = np.array([spec.calibration.scores(*row).fake for row in logits.tolist()])
        ece = expected_calibration_error(labels, scores, weights)
        lines.append(f"{title:<8}{ece:>8.3f}{brier_score(labels, scores, weights):>8.3f}")
    if predictions.unscored:
        lines.append(f"{len(predictions.unscored)} inputs gave no score and were left out")
    lines += ["", f"fitted on {after.calibration.fitted_on}", after.thresholds.operating_point]
    lines.append(f"likely_fake from {after.thresholds.likely_fake}, likely_real to {after.thresholds.likely_real}")
    return "\n".join(lines)
