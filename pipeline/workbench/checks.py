"""Settings of the workbench that make no sense, told before anything is done."""

from __future__ import annotations

from classifiers.engines import ENGINES, PRECISIONS
from classifiers.errors import SettingsError
from extractors import DETECTORS
from pipeline.media.sampling import SLACK, SamplingPlan


def check_detector(name: str) -> None:
    """Make sure that there is a detector of this name.

    Raises:
        SettingsError: there is none.
    """
    if name not in DETECTORS:
        raise SettingsError(f"Unknown face detector {name!r}; choose one of {', '.join(DETECTORS)}.")


def check_engine(name: str, precision: str) -> None:
    """Make sure that there is an engine of this name, and such a precision.

    Raises:
        SettingsError: there is none.
    """
    if name not in ("auto", *ENGINES):
        raise SettingsError(f"no engine is called {name!r}; there are auto, {', '.join(ENGINES)}")
    if precision not in ("auto", *PRECISIONS):
        raise SettingsError(f"no precision is called {precision!r}; there are auto, {', '.join(PRECISIONS)}")


def check_draws(bootstrap: int) -> None:
    """Make sure that a number of resamples is one.

    Raises:
        SettingsError: it is negative.
    """
    if bootstrap < 0:
        raise SettingsError(f"--bootstrap takes a number of resamples, not {bootstrap}")


def spread_of(frames: int) -> SamplingPlan:
    """Give the plan of a scan that looks at this many frames of each video.

    Raises:
        SettingsError: there cannot be so many.
    """
    try:
        return SamplingPlan.spread(frames, SLACK)
    except ValueError as error:
        raise SettingsError(str(error)) from error
