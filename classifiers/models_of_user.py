"""Where the models lie that a user added."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

VARIABLE = "FACEWITNESS_MODELS"
"""Environment variable that names another folder."""


def models_folder() -> Path:
    """Give the folder that has one folder for each added model; it need not be there."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else platformdirs.user_data_path("facewitness", appauthor=False) / "models"
