"""Scores that are chances, and thresholds for a wanted rate of false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classifiers import ModelSpec, find_model
from classifiers.calibration import METHODS
from classifiers.errors import SettingsError
from classifiers.evaluation.calibration_fitting import calibrate as fit
from classifiers.evaluation.metrics import balanced_weights, brier_score, expected_calibration_error
from classifiers.evaluation.predictions import Predictions, Unscored, joined
from classifiers.model_folder import other_models, write_model
from pipeline.workbench.labelled import deciding_faces
from pipeline.workbench.measuring import LabelledData, MeasuringSettings, open_labelled, predict_crops, scan_files
from pipeline.workbench.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """How far scores are from chances, both classes weighing alike.

    Attributes:
        ece: expected calibration error.
        brier: Brier score.
    """

    ece: float
    brier: float


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedModel:
    """A model with a new calibration.

    Attributes:
        before: the model as it was.
        after: the same weights with the new calibration and thresholds.
        manifest: by which scanning and every other function find the model.
        clips: number of clips and stills that were fitted.
        error_before: on these.
        error_after: on these.
        unscored: inputs that gave no score and were left out.
    """

    before: ModelSpec
    after: ModelSpec
    manifest: Path
    clips: int
    error_before: CalibrationError
    error_after: CalibrationError
    unscored: Sequence[Unscored]


def calibrate(
    dataset: str | Path,
    output: str | Path | None = None,
    *,
    model: str | None = None,
    method: str = "platt",
    fpr: float = 0.05,
    layout: str = "auto",
    split: str | None = None,
    split_by: Sequence[str] = (),
    engine: str = "auto",
    precision: str = "f32",
    device: str = "auto",
    detector: str = "mtcnn",
    frames: int = 32,
    workers: int | None = None,
    max_unreadable: float = 0.01,
    progress: Progress = silent,
) -> CalibratedModel:
    """Fit how the logits of a model become scores, and its thresholds, as `facewitness calibrate` does.

    A score is then the chance of a forgery if half of all clips were forged.

    Example:
        >>> from pipeline import workbench
        >>> calibrated = workbench.calibrate("faces", "calibrated", split="all", fpr=0.2)
        >>> calibrated.clips
        10
        >>> calibrated.after.calibration.id == calibrated.before.calibration.id
        False
        >>> calibrated.manifest.name
        'manifest.json'

    Args:
        dataset: folder or index file of a data set that the model was not trained on.
        output: folder that gets the files of the model and a manifest; None for an added model, which stays where it
            is.
        model: name of a shipped or added model or manifest of another; None for the default.
        method: "platt", "temperature" or "isotonic", see `classifiers.calibration.METHODS`.
        fpr: share of the real clips that may be called likely fake.
        layout: one of `classifiers.datasets.LAYOUTS`, or "auto".
        split: part of the data set, or "all"; None for "val", which is split off where the data set lacks it.
        split_by: make the splits anew, so that no two share one of these attributes.
        engine: "auto" or one of `classifiers.ENGINES`.
        precision: of the arithmetic; other formats are near enough to share what is fitted on "f32".
        device: what the engine computes on, or "auto" for the CPU.
        detector: one of `extractors.DETECTORS`.
        frames: number of frames of each video to look at.
        workers: number of processes that scan; None for as many as cores and memory allow.
        max_unreadable: share of the face crops that may be unreadable.
        progress: shows how far it has come.

    Returns:
        The calibrated model, which is on disk.

    Raises:
        DataError: the data set cannot be used, or lacks real or forged clips that have a score.
        SettingsError: a setting that makes no sense, or a folder that holds other weights of the model's name.
        ModelError: the model cannot be found or loaded.
        DetectorUnavailableError: the detector lacks a file.
        OSError: the folder cannot be written to.
    """
    settings = MeasuringSettings(engine, precision, device, detector, frames, workers, max_unreadable)
    folder = calibration_folder(model, Path(output) if output is not None else None)
    check_calibration(model, folder, method, fpr)
    data = open_labelled(dataset, part="val", layout=layout, split=split, split_by=split_by)
    return calibrate_model(data, model, folder, settings, method=method, fpr=fpr, progress=progress)


def calibration_folder(model: str | None, output: Path | None) -> Path:
    """Give the folder that a calibrated model goes to: the one that is named, or that of an added model.

    Raises:
        SettingsError: none is named, and the model was not added.
        ModelError: the model cannot be found or loaded.
    """
    if output is not None:
        return output
    spec = find_model(model)
    if spec.origin is None:
        raise SettingsError(
            f"model {spec.name!r} belongs to this project; name a folder for the calibrated one with -o"
        )
    return spec.folder


def check_calibration(model: str | None, output: Path, method: str, fpr: float) -> None:
    """Make sure that a model can be calibrated, and written to a folder.

    Raises:
        SettingsError: a setting that makes no sense, or a folder that holds other weights of the model's name.
        ModelError: the model cannot be found or loaded.
    """
    if not 0 < fpr < 1:
        raise SettingsError(f"--fpr is a share between 0 and 1, such as 0.05, not {fpr:g}")
    if method not in METHODS:
        raise SettingsError(f"no calibration method is called {method!r}; there are {', '.join(METHODS)}")
    other_models(find_model(model), output)


def calibrate_model(
    data: LabelledData,
    model: str | None,
    output: Path,
    settings: MeasuringSettings,
    *,
    method: str,
    fpr: float,
    progress: Progress = silent,
) -> CalibratedModel:
    """Calibrate a model on data that have been read; see `calibrate`."""
    spec = find_model(model)
    others = other_models(spec, output)
    # That it cannot be written to shows before anything is scanned.
    output.mkdir(parents=True, exist_ok=True)
    predictions = _predict(spec, model, data, settings, progress)
    calibrated = fit(spec, predictions, method, fpr)
    manifest = write_model(calibrated, others, output)
    return CalibratedModel(
        before=spec,
        after=calibrated,
        manifest=manifest,
        clips=len(predictions.groups()),
        error_before=_error(spec, predictions),
        error_after=_error(calibrated, predictions),
        unscored=predictions.unscored,
    )


def _predict(
    spec: ModelSpec, model: str | None, data: LabelledData, settings: MeasuringSettings, progress: Progress
) -> Predictions:
    """Take the logits of face crops, and of the person in each video or picture that decides its score."""
    crops, files = data.crops, data.files
    found = []
    if crops:
        found.append(predict_crops(settings.create_engine(spec), spec, crops, settings.max_unreadable, progress))
    if files:
        found.append(deciding_faces(scan_files(model, files, data.path, settings, None, progress), spec))
    return joined(found)


def _error(spec: ModelSpec, predictions: Predictions) -> CalibrationError:
    """Measure how far scores are from chances, on the clips that were fitted."""
    clips = predictions.groups()
    labels = np.array([predictions.samples[rows[0]].fake for rows in clips], bool)
    logits = np.array([predictions.logits[rows].mean(axis=0) for rows in clips])
    weights = balanced_weights(labels)
    scores = np.array([spec.calibration.scores(*row).fake for row in logits.tolist()])
    return CalibrationError(expected_calibration_error(labels, scores, weights), brier_score(labels, scores, weights))
