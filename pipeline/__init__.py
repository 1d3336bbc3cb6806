"""Facewitness: from a media file to a verdict about the faces in it.

    from pipeline import scan
    verdict = scan("clip.mp4")
    print(verdict.status, verdict.label, verdict.score)

A `Scanner` loads the networks once for many files. `pipeline.workbench` trains, evaluates, calibrates and compares
detectors.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pipeline.results import notebook
from pipeline.version import __version__

if TYPE_CHECKING:
    from pipeline import workbench
    from pipeline.analysis.scan import Scanner, scan
    from pipeline.results.verdict import Verdict

__all__ = ["Scanner", "Verdict", "__version__", "scan", "workbench"]

_MODULES = {"Scanner": "analysis.scan", "scan": "analysis.scan", "Verdict": "results.verdict"}


def __getattr__(name: str) -> object:
    # The command line must be able to print its help before numpy and OpenVINO are loaded.
    if name == "workbench":
        return import_module("pipeline.workbench")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"pipeline.{_MODULES[name]}"), name)


def _html_view(verdict: Verdict) -> str:
    """Draw a verdict for a notebook; what draws is loaded when one is shown, not when one is made."""
    from pipeline.evidence.notebook_view import to_html

    return to_html(verdict)


notebook.html_view = _html_view
