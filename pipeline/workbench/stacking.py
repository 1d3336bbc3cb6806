"""Several models as one judge, fitted on clips whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifiers.calibration import UNCALIBRATED
from classifiers.datasets import Sample
from classifiers.evaluation.calibration_fitting import calibrate
from classifiers.evaluation.predictions import Predictions, Unscored, in_common
from classifiers.evaluation.stacking import clip_log_odds, stacking_weights
from classifiers.model_set import ModelSet, find_models, write_set
from classifiers.model_spec import ModelError
from pipeline.analysis.aggregate import DEFAULT_POOLING
from pipeline.workbench.measuring import LabelledData, MeasuringSettings, predict_crops, scan_files
from pipeline.workbench.progress import Progress, silent

SET_FILE = "set.json"


@dataclass(frozen=True, slots=True, eq=False)
class StackedModels:
    """Models with the weights that were fitted for them.

    Attributes:
        models: them; `models.weights` says how much each counts.
        file: by which scanning finds them.
        clips: number of clips and stills that were fitted.
        unscored: inputs that gave no score and were left out.
    """

    models: ModelSet
    file: Path
    clips: int
    unscored: Sequence[Unscored]


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What several models say of crops: logits, float32 (crops, models, 2), and what gave none."""

    samples: Sequence[Sample]
    logits: npt.NDArray[np.float32]
    unscored: Sequence[Unscored]


def stack_models(
    data: LabelledData,
    names: Sequence[str],
    output: Path,
    settings: MeasuringSettings,
    *,
    method: str = "platt",
    fpr: float = 0.05,
    progress: Progress = silent,
) -> StackedModels:
    """Fit how much each of several models counts, and the calibration and limits of their joint score.

    Args:
        data: none of it was used to train or to calibrate one of the models.
        names: at least two, as `find_models` takes them.
        output: folder that gets `set.json`.
        settings: how the models are run.
        method: one of `classifiers.calibration.METHODS`.
        fpr: share of the real clips that may be called likely fake.
        progress: shows how far it has come.

    Raises:
        DataError: the data set lacks real or forged clips that have a score.
        ModelError: a model cannot be found or loaded, or there is only one.
        OSError: the folder cannot be written to.
    """
    models = find_models(names)
    if not isinstance(models, ModelSet):
        raise ModelError("a joint verdict takes at least two models; name each with --model")
    output.mkdir(parents=True, exist_ok=True)
    said = _said(models, names, data, settings, progress)
    log_odds = np.array([models.log_odds(rows) for rows in said.logits]).reshape(-1, len(models.members), 2)
    predictions = Predictions(said.samples, np.zeros((len(said.samples), 2), np.float32), said.unscored)
    weights = stacking_weights(*clip_log_odds(predictions, log_odds))
    unfitted = replace(models, weights=weights, calibration=UNCALIBRATED)
    joint = np.array([unfitted.joint_logits(rows) for rows in said.logits]).reshape(-1, 2)
    fitted = calibrate(unfitted, replace(predictions, logits=joint), method, fpr)
    write_set(output / SET_FILE, fitted)
    return StackedModels(fitted, output / SET_FILE, len(predictions.groups()), said.unscored)


def _said(
    models: ModelSet, names: Sequence[str], data: LabelledData, settings: MeasuringSettings, progress: Progress
) -> _Said:
    found = []
    if data.crops:
        found.append(_of_crops(models, data.crops, settings, progress))
    if data.files:
        found.append(_of_files(models, names, data, settings, progress))
    return _Said(
        [sample for each in found for sample in each.samples],
        np.concatenate([each.logits for each in found]),
        [item for each in found for item in each.unscored],
    )


def _of_crops(models: ModelSet, crops: Sequence[Sample], settings: MeasuringSettings, progress: Progress) -> _Said:
    each = [
        predict_crops(settings.create_engine(member), member, crops, settings.max_unreadable, progress)
        for member in models.members
    ]
    common = in_common(each)
    return _Said(common[0].samples, np.stack([one.logits for one in common], axis=1), common[0].unscored)


def _of_files(
    models: ModelSet, names: Sequence[str], data: LabelledData, settings: MeasuringSettings, progress: Progress
) -> _Said:
    samples: list[Sample] = []
    unscored: list[Unscored] = []
    logits: list[npt.NDArray[np.float32]] = [np.empty((0, len(models.members), 2), np.float32)]
    for scan in scan_files(tuple(names), data.files, data.path, settings, None, progress):
        if scan.verdict.status != "ok":
            unscored.append(scan.unscored)
            continue
        evidence = scan.evidence(models.calibration, models.thresholds, DEFAULT_POOLING)
        deciding = max((item for item in evidence.tracks if item.supported), key=lambda item: item.scores.fake)
        seen = [each.opinions for each in deciding.track.observations if each.opinions is not None]
        samples += [scan.sample] * len(seen)
        logits.append(np.stack(seen))
    return _Said(samples, np.concatenate(logits), unscored)
