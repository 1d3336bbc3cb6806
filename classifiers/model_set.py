"""Several models that judge every face together: one verdict of each, and a joint one.

The joint log odds of a crop are a weighted sum of the calibrated log odds of each model, for both outputs. Weights that
were fitted on clips whose truth is known are logistic stacking (Wolpert 1992); without them it is the mean over the
calibrated models, which takes no side between them but is no chance itself.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifiers.atomic_file import write_whole
from classifiers.calibration import (
    NEVER,
    UNCALIBRATED,
    UNDECIDED,
    Calibration,
    Calibrator,
    Platt,
    Thresholds,
)
from classifiers.model_spec import NO_MANIFEST, ModelError, ModelSpec, find_model


@dataclass(frozen=True, slots=True)
class ModelSet:
    """Models that judge the same faces.

    Attributes:
        name: what the user calls it.
        members: at least two, no two of one name.
        weights: for each member, those of its log odds for a manipulated and for a generated face.
        calibration: how the joint log odds become scores.
        thresholds: how these become verdicts.
    """

    name: str
    members: tuple[ModelSpec, ...]
    weights: tuple[tuple[float, float], ...]
    calibration: Calibration
    thresholds: Thresholds

    @classmethod
    def mean(cls, members: Sequence[ModelSpec]) -> ModelSet:
        """Join models by the mean of their calibrated log odds.

        Those that are not calibrated take no part, unless none is, and an output that a model lacks takes none either.
        Where one model alone takes part, the joint score is its own.

        Raises:
            ModelError: two have one name.
        """
        names = [member.name for member in members]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ModelError(f"model {twice!r} is named twice; one verdict of each is enough")
        heard = [member for member in members if member.calibration.is_fitted] or list(members)
        speaks = np.array([_outputs(member) if member in heard else (False, False) for member in members], float)
        weights = speaks / np.maximum(speaks.sum(axis=0), 1)
        calibration = Calibration(
            heard[0].calibration.id if len(heard) == 1 else UNCALIBRATED.id,
            heard[0].calibration.fitted_on if len(heard) == 1 else _mean_of(heard),
            UNCALIBRATED.manipulated if speaks[:, 0].any() else NEVER,
            UNCALIBRATED.generated if speaks[:, 1].any() else NEVER,
            _mean_line([member.calibration.joint for member in heard]),
        )
        limits = heard[0].thresholds if len(heard) == 1 else _mean_limits(heard)
        return cls(" + ".join(names), tuple(members), _rows(weights), calibration, limits)

    @property
    def sha256(self) -> str:
        """Identity of all weights: of the networks, of their calibrations and of the sum."""
        parts = [[member.sha256, member.calibration.id] for member in self.members]
        return hashlib.sha256(json.dumps([parts, self.weights]).encode()).hexdigest()

    def joint_logits(self, logits: NDArray[np.floating]) -> NDArray[np.float32]:
        """Join what each model says of one crop.

        Args:
            logits: (members, 2), as the networks give them.

        Returns:
            float32 (2,): log odds of a manipulated and of a generated face.
        """
        joint = np.multiply(self.weights, self.log_odds(logits)).sum(axis=0)
        return np.asarray(joint, np.float32)

    def log_odds(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Give the calibrated log odds of each model for one crop, float64 (members, 2), of logits of that shape."""
        found = [
            (member.calibration.manipulated.logit(float(row[0])), member.calibration.generated.logit(float(row[1])))
            for member, row in zip(self.members, logits, strict=True)
        ]
        return np.array(found)

    def to_json(self) -> dict[str, object]:
        """Write this as a file that `read_set` reads; members are told by name, weights and calibration."""
        return {
            "set": self.name,
            "members": [
                {
                    "model": _reference(member),
                    "weights_sha256": member.sha256,
                    "calibration_id": member.calibration.id,
                    "weights": list(row),
                }
                for member, row in zip(self.members, self.weights, strict=True)
            ],
            "calibration": asdict(self.calibration),
            "thresholds": self.thresholds.to_json(),
        }


def find_models(names_or_files: Sequence[str]) -> ModelSpec | ModelSet:
    """Look up the models that are to judge together.

    Args:
        names_or_files: none for the default model, one as `find_model` takes it, a file that `write_set` wrote, or
            several models.

    Raises:
        ModelError: one cannot be found, two have one name, or a set has changed since it was fitted.
    """
    if len(names_or_files) > 1:
        return ModelSet.mean([find_model(each) for each in names_or_files])
    only = names_or_files[0] if names_or_files else None
    document = _set_document(only) if only and only.endswith(".json") else None
    return find_model(only) if document is None else _read_set(document, str(only))


def write_set(path: Path, models: ModelSet) -> None:
    """Write a set as a file that `find_models` takes.

    Raises:
        OSError: it cannot be written.
    """
    write_whole(path, json.dumps(models.to_json(), indent=1) + "\n")


def _mean_of(members: Sequence[ModelSpec]) -> str:
    return f"nothing: the mean of the log odds of {' and '.join(member.name for member in members)}"


def _mean_line(calibrators: Sequence[Calibrator]) -> Calibrator:
    """Give the one calibrator there is, or the mean of the lines that several are over all."""
    if len(calibrators) == 1:
        return calibrators[0]
    slope = sum(each.slope for each in calibrators) / len(calibrators)
    return Platt(slope, sum(each.logit(0.0) for each in calibrators) / len(calibrators))


def _outputs(model: ModelSpec) -> tuple[bool, bool]:
    return model.calibration.manipulated != NEVER, model.calibration.generated != NEVER


def _rows(weights: NDArray[np.floating]) -> tuple[tuple[float, float], ...]:
    return tuple((float(first), float(second)) for first, second in weights)


def _mean_limits(members: Sequence[ModelSpec]) -> Thresholds:
    limits = [(member.thresholds.likely_fake, member.thresholds.likely_real) for member in members]
    if not all(0 < limit < 1 for pair in limits for limit in pair):
        return UNDECIDED
    log_odds = np.mean([[math.log(limit / (1 - limit)) for limit in pair] for pair in limits], axis=0)
    fake, real = (round(1 / (1 + math.exp(-value)), 4) for value in log_odds.tolist())
    return Thresholds(fake, real, "none of their own: the means of the limits of the models; calibrate them together")


def _reference(model: ModelSpec) -> str:
    """Say how a model is found again: by its name, or by its manifest."""
    try:
        if find_model(model.name) == model:
            return model.name
    except ModelError:
        pass
    return str((model.folder / "manifest.json").resolve())


def _set_document(file: str) -> dict[str, Any] | None:
    """Read a file if it is one of a set; None if it is something else."""
    try:
        document = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and "set" in document else None


def _read_set(document: dict[str, Any], file: str) -> ModelSet:
    try:
        entries = document["members"]
        members = [(find_model(str(entry["model"])), entry) for entry in entries]
        for member, entry in members:
            if (member.sha256, member.calibration.id) != (entry["weights_sha256"], entry["calibration_id"]):
                raise ModelError(f"model {member.name!r} has changed since {file} was fitted; calibrate them again")
        if len(members) < 2:
            raise ValueError("a set has at least two models")
        return ModelSet(
            name=str(document["set"]),
            members=tuple(member for member, _ in members),
            weights=_rows(np.array([entry["weights"] for entry in entries], float).reshape(len(entries), 2)),
            calibration=Calibration.from_json(document["calibration"]),
            thresholds=Thresholds.from_json(document["thresholds"]),
        )
    except NO_MANIFEST as error:
        raise ModelError(f"{file} is not a set of models ({error!r})") from error
