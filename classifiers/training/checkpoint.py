"""The whole state of a training run in one file, replaced in one step, so that a run can die at any moment."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers.atomic_file import remove_parts, replacing
from classifiers.datasets import DataError
from classifiers.errors import SettingsError
from classifiers.training.journal import EpochFigures

if TYPE_CHECKING:
    import keras

CHECKPOINT = "checkpoint.npz"
"""Its name in the folder of a run."""


class Checkpoint:
    """Variables of network and optimiser, states of random generators among them, and the figures of the epochs so far.

    Args:
        file: where it is kept.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        remove_parts(file)

    def epochs(self) -> list[EpochFigures]:
        """Read the figures of the epochs that are behind the run; none where there is no checkpoint.

        Raises:
            DataError: the file is damaged.
        """
        if not self._file.exists():
            return []
        epochs: list[EpochFigures] = json.loads(str(self._read()["epochs"]))
        return epochs

    def save(self, variables: Sequence[np.ndarray], epochs: Sequence[EpochFigures]) -> None:
        """Write the state as it is after an epoch."""
        arrays: dict[str, Any] = {f"v{i}": variable for i, variable in enumerate(variables)}
        with replacing(self._file) as part:
            np.savez(part, epochs=np.array(json.dumps(list(epochs))), **arrays)

    def restore(self, trainer: keras.Model) -> None:
        """Give a compiled network and its optimiser the state that was saved.

        Raises:
            DataError: the file is damaged.
            SettingsError: it is of another network.
        """
        variables = state(trainer)
        arrays = self._read()
        # The first array is that of the figures.
        saved = [arrays[f"v{i}"] for i in range(len(arrays) - 1)]
        if [v.shape for v in saved] != [tuple(v.shape) for v in variables]:
            raise SettingsError(f"the checkpoint {self._file} is of another network; take another folder for this run")
        for variable, value in zip(variables, saved, strict=True):
            variable.assign(value)

    def _read(self) -> dict[str, np.ndarray]:
        try:
            with np.load(self._file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"the checkpoint {self._file} is damaged; remove it to begin the run anew") from error


def state(trainer: keras.Model) -> list[keras.Variable]:
    """List every variable that decides how training goes on."""
    return [*trainer.variables, *trainer.optimizer.variables]
