"""Keras and its backend, loaded without what TensorFlow writes about itself past Python's standard error."""

from __future__ import annotations

import os
import sys


def load_keras() -> None:
    """Import Keras while nothing reaches the file descriptor of standard error; errors are raised as ever."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import keras  # noqa: F401 - the import is the work
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
