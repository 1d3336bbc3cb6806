"""The names that the package offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

import classifiers


def test_every_name_is_there_and_listed():
    for name in classifiers.__all__:
        assert getattr(classifiers, name) is not None
    assert set(classifiers.__all__) <= set(dir(classifiers))


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="module 'classifiers' has no attribute 'find_modle'"):
        _ = classifiers.find_modle
    with pytest.raises(ImportError):
        from classifiers import find_modle  # noqa: F401 - it fails


def test_importing_the_package_is_light():
    """The command line reads the settings of a training run for its help."""
    code = (
        "import sys, classifiers.training.config;"
        "print(sorted({'cv2', 'keras', 'numpy', 'openvino', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
