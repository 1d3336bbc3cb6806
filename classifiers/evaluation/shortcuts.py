"""Which trivial property of the files alone tells real from fake.

A detector that is trained where all fakes are small PNG files and all reals are large JPEG files learns the file, not
the forgery. Each property that needs no look at the face is scored by the area under the ROC curve with which it alone
separates the classes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from classifiers.evaluation.metrics import bootstrap_interval, roc_auc
from classifiers.evaluation.picture_facts import Facts, Pixels

SHORTCUT_AUC = 0.7
"""From here on a property that says nothing of the face is a shortcut."""

_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Property:
    """A number that a sample has.

    Attributes:
        key: for programs.
        title: for people.
        unit: of the value, as it stands behind a number; "" for a pure number.
        value: gives it, nan where it is not known.
        trivial: whether it says nothing of the face, so that telling the classes apart by it is a shortcut.
    """

    key: str
    title: str
    unit: str
    value: Callable[[Facts], float]
    trivial: bool = True


def _of_pixels(value: Callable[[Pixels], float]) -> Callable[[Facts], float]:
    return lambda facts: value(facts.pixels) if facts.pixels else math.nan


PROPERTIES = (
    Property("width", "Width", "px", lambda facts: facts.width),
    Property("height", "Height", "px", lambda facts: facts.height),
    Property("bytes", "File size", "kB", lambda facts: facts.bytes / 1000),
    Property("bits_per_pixel", "Bits per pixel", "bit", lambda facts: facts.bits_per_pixel),
    Property("jpeg_quality", "JPEG quality", "of 100", lambda facts: facts.jpeg_quality),
    Property("brightness", "Brightness", "of 255", _of_pixels(lambda pixels: pixels.brightness)),
    Property("saturation", "Saturation", "%", _of_pixels(lambda pixels: 100 * pixels.saturation)),
    Property("sharpness", "Sharpness (Laplacian variance)", "", _of_pixels(lambda pixels: pixels.sharpness)),
    Property("eye_distance", "Distance between the eyes", "px", lambda facts: facts.eye_distance, trivial=False),
)
"""What is measured of every sample."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """How well one trivial property separates real from fake.

    Attributes:
        key: of the property, for programs.
        title: of the property, for people.
        unit: of the values.
        auc: 0.5 to 1.
        low: lower end of its 95% bootstrap interval over clips, or None where there are too few to tell.
        high: the upper end.
        higher: the class with the higher values, "real" or "fake"; "" where neither has.
        reals: number of real samples that have the property.
        fakes: number of fake samples that have it.
        real: median of the real ones; for a format its share of them in percent.
        fake: likewise of the fake ones.
    """

    key: str
    title: str
    unit: str
    auc: float
    low: float | None
    high: float | None
    higher: str
    reals: int
    fakes: int
    real: float
    fake: float

    @property
    def strong(self) -> bool:
        """Whether it separates the classes well enough to be learnt instead of the face."""
        return self.auc >= SHORTCUT_AUC

    @property
    def warn(self) -> bool:
        """Whether it does so by more than chance, as far as there are clips enough to tell."""
        return self.strong and self.low is not None and self.low > 0.5


def find_shortcuts(facts: Sequence[Facts]) -> list[Shortcut]:
    """Score each trivial property by how well it alone separates real from fake.

    A property is scored on the samples that have it, and left out where one class has none of them. That a file has a
    certain format counts as a property whose values are 0 and 100 percent.

    Returns:
        Worst first.
    """
    found = [_score(p.key, p.title, p.unit, facts, p.value, np.median) for p in PROPERTIES if p.trivial]
    formats = Counter(f.format for f in facts)
    # Of two formats the one is what the other is not.
    for name in formats if len(formats) > 2 else list(formats)[1:]:
        found.append(_score(f"format:{name}", f"Format {name}", "%", facts, _has_format(name), np.mean))
    return sorted((shortcut for shortcut in found if shortcut), key=lambda shortcut: -shortcut.auc)


def _has_format(name: str) -> Callable[[Facts], float]:
    return lambda facts: 100.0 * (facts.format == name)


def _score(
    key: str,
    title: str,
    unit: str,
    facts: Sequence[Facts],
    value: Callable[[Facts], float],
    typical: Callable[[np.ndarray], float],
) -> Shortcut | None:
    rows = [(value(f), f.sample.fake, f.sample.group) for f in facts]
    rows = [row for row in rows if math.isfinite(row[0])]
    values = np.array([row[0] for row in rows], dtype=float)
    labels = np.array([row[1] for row in rows], dtype=bool)
    fakes = int(labels.sum())
    if not 0 < fakes < len(rows):
        return None
    sign = 1.0 if roc_auc(labels, values) >= 0.5 else -1.0
    interval = bootstrap_interval(roc_auc, labels, sign * values, [row[2] for row in rows], draws=_DRAWS)
    return Shortcut(
        key=key,
        title=title,
        unit=unit,
        auc=interval.value,
        low=_or_none(interval.low),
        high=_or_none(interval.high),
        higher="" if interval.value == 0.5 else "fake" if sign > 0 else "real",
        reals=len(rows) - fakes,
        fakes=fakes,
        real=float(typical(values[~labels])),
        fake=float(typical(values[labels])),
    )


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
