"""Draws where the model looked, onto the faces that it saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from classifiers import ModelSpec
from pipeline.results.parts import Observation, TrackEvidence

if TYPE_CHECKING:
    from classifiers.explain import HeatMapper


def heat_output(person: TrackEvidence) -> str:
    """Name the output that the heat maps of a person explain: the kind of forgery that scores higher."""
    return "generated" if person.scores.generated > person.scores.manipulated else "manipulated"


def heat_maps(
    persons: Sequence[TrackEvidence], crops: Mapping[Observation, npt.NDArray[np.uint8]], spec: ModelSpec
) -> dict[Observation, npt.NDArray[np.uint8]]:
    """Draw where the model looked.

    Args:
        persons: whose faces they are.
        crops: some of their faces as the model sees them, RGB uint8 (size, size, 3).
        spec: the model.

    Returns:
        Each crop under its map, RGB uint8 of the same size.

    Raises:
        ModelError: the model cannot be explained, or not so that it helps.
    """
    from classifiers.explain import calibrated_maps, overlay

    spec.check_heat_maps()
    if not crops:
        return {}
    output = {seen: spec.labels.index(heat_output(person)) for person in persons for seen in person.track.observations}
    maps = calibrated_maps(_mapper(spec).heat(np.stack(list(crops.values()))), spec.calibration)
    return {seen: overlay(crop, cells[output[seen]]) for (seen, crop), cells in zip(crops.items(), maps, strict=True)}


_mappers: dict[str, HeatMapper] = {}


def _mapper(spec: ModelSpec) -> HeatMapper:
    """Load a model once for the files of a whole folder, and keep no more than one."""
    from classifiers.explain import HeatMapper

    if spec.sha256 not in _mappers:
        _mappers.clear()
        _mappers[spec.sha256] = HeatMapper(spec)
    return _mappers[spec.sha256]
