"""Facewitness: from a media file to a verdict about the faces in it.

from pipeline import Scanner
verdict = Scanner().scan("clip.mp4")
print(verdict.status, verdict.label, verdict.score)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.version import __version__

if TYPE_CHECKING:
    from pipeline.analysis.scan import Scanner
    from pipeline.results.verdict import Verdict

__all__ = ["Scanner", "Verdict", "__version__"]


def __getattr__(name: str) -> object:
    # The command line must be able to print its help before numpy and OpenVINO are loaded.
    if name == "Scanner":
        from pipeline.analysis.scan import Scanner

        return Scanner
    if name == "Verdict":
        from pipeline.results.verdict import Verdict

        return Verdict
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
