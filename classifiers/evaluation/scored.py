"""Scores of face crops, pictures and videos beside what is true of them, and the parts that are worth a look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np
import numpy.typing as npt

from classifiers.calibration import Calibration, Scores
from classifiers.datasets import Sample
from classifiers.evaluation.predictions import Predictions, Unscored

Level = Literal["frame", "image", "video"]
LEVELS: tuple[Level, ...] = ("video", "image", "frame")
"""What one score is for: a whole video or clip, a still picture, or one frame of a video; the weightiest first."""

ScoreClip = Callable[[Sequence[Sample], npt.NDArray[np.float32]], Scores | None]
"""Makes one score of a clip's crops and their (n, 2) logits; None where they are too little evidence."""

MOST_SOURCES = 30
"""Sources that are parts of their own, the largest ones. Of DFDC every original is a source: thousands of rows that
nobody reads, each bootstrapped."""

_SOURCES_NEEDED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The scores of one level.

    Attributes:
        level: what one score is for.
        samples: of each score.
        scores: float64 (n, 3): fake, manipulated, generated.
    """

    level: Level
    samples: Sequence[Sample]
    scores: npt.NDArray[np.float64]

    @property
    def labels(self) -> npt.NDArray[np.bool_]:
        """Bool (n,), true = fake."""
        return np.array([sample.fake for sample in self.samples], bool)


@dataclass(frozen=True, slots=True, eq=False)
class Subset:
    """Some rows of a table.

    Attributes:
        name: such as "all", "family:faceswap" or "source:news".
        rows: which.
        against: in words, what stands for the class that the part itself lacks; "" where it lacks none.
    """

    name: str
    rows: npt.NDArray[np.intp]
    against: str = ""


def score_crops(predictions: Predictions, calibration: Calibration) -> list[Scored]:
    """Score every crop by itself: frames of clips, and stills; a level without crops is left out."""
    in_clip = np.array([bool(sample.clip) for sample in predictions.samples], bool)
    levels: tuple[tuple[Level, list[int]], ...] = (
        ("image", np.flatnonzero(~in_clip).tolist()),
        ("frame", np.flatnonzero(in_clip).tolist()),
    )
    tables = []
    for level, rows in levels:
        if rows:
            scores = [calibration.scores(*predictions.logits[row].tolist()) for row in rows]
            tables.append(scored(level, [predictions.samples[row] for row in rows], scores))
    return tables


def score_clips(predictions: Predictions, score_clip: ScoreClip) -> tuple[Scored | None, list[Unscored]]:
    """Score every clip by all of its crops.

    Returns:
        The scores, None where there are no clips, and the clips without one.
    """
    samples, scores, unscored = [], [], []
    for rows in predictions.groups():
        of_clip = [predictions.samples[row] for row in rows]
        if not of_clip[0].clip:
            continue
        found = score_clip(of_clip, predictions.logits[rows])
        if found is None:
            message = "its faces are too few, too small or too far turned"
            unscored.append(Unscored(of_clip[0], "insufficient_evidence", message))
        else:
            samples.append(of_clip[0])
            scores.append(found)
    return scored("video", samples, scores) if samples else None, unscored


def scored(level: Level, samples: Sequence[Sample], scores: Sequence[Scores]) -> Scored:
    """Put scores into a table."""
    rows = [(score.fake, score.manipulated, score.generated) for score in scores]
    return Scored(level, list(samples), np.array(rows, dtype=float).reshape(-1, 3))


def subsets(samples: Sequence[Sample], source_patterns: Sequence[str] = ()) -> list[Subset]:
    """Give everything, each family of forgeries against all reals, the sources that fit patterns, and each source.

    The reals of a source stand against its own fakes and the fakes against its own reals; where a source lacks one
    class, all samples of that class stand in. Of more than `MOST_SOURCES` sources those with most samples are taken.
    """
    fake = np.array([sample.fake for sample in samples], bool)
    found = [Subset("all", np.arange(len(samples)))]
    families = np.array([sample.family if sample.fake else "" for sample in samples], dtype=object)
    for family in sorted(set(families) - {""}):
        found.append(Subset(f"family:{family}", np.flatnonzero((families == family) | ~fake), "all reals"))
    if source_patterns:
        chosen = [any(fnmatchcase(sample.source, pattern) for pattern in source_patterns) for sample in samples]
        found.append(_completed(f"sources:{','.join(source_patterns)}", np.array(chosen, bool), fake))
    sources = np.array([sample.source for sample in samples], dtype=object)
    counts = Counter(sorted(source for source in sources if source))
    if len(counts) > 1:
        names = sorted(name for name, _ in counts.most_common(MOST_SOURCES))
        found += [_completed(f"source:{name}", sources == name, fake) for name in names]
    return [subset for subset in found if len(subset.rows)]


def _completed(name: str, chosen: np.ndarray, fake: np.ndarray) -> Subset:
    if not chosen.any():
        return Subset(name, np.empty(0, int))
    against = ""
    if not (chosen & fake).any():
        chosen, against = chosen | fake, "all fakes"
    elif not (chosen & ~fake).any():
        chosen, against = chosen | ~fake, "all reals"
    return Subset(name, np.flatnonzero(chosen), against)


def bootstrap_groups(samples: Sequence[Sample]) -> tuple[str, list[str]]:
    """Say which samples depend on each other.

    Samples of one source do, but where only one or two sources hold the fakes, or the reals, drawing among them
    would say nothing: then persons and clips are drawn.

    Returns:
        "source" or "clip", and the group of each sample.
    """
    sources = [{s.source for s in samples if s.fake == fake and s.source} for fake in (False, True)]
    by_source = all(len(found) >= _SOURCES_NEEDED for found in sources)
    own = [sample.person or sample.group for sample in samples]
    if not by_source:
        return "clip", own
    return "source", [sample.source or group for sample, group in zip(samples, own, strict=True)]
