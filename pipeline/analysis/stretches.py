"""What a track says as a whole and in parts: a forgery of a few seconds must not drown in the rest of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logit, stdtrit

from classifiers.calibration import Calibration, Scores
from pipeline.results.parts import Observation, Segment, Track, logits_of

MIN_QUALITY = 0.15
"""A track, or a stretch of one, of faces that are worse than this on average is too little evidence."""

# Steps that a track is looked at in, and steps of a part.
_STEPS = 32
_WINDOW = 8
# Standard deviations within a part that are taken off its mean: more than five standard errors of independent steps,
# since neighbouring frames err alike.
_DOUBT = 2.0

# Of long tracks: how long a step lasts, unless frames are further apart, and a part. A part has no fewer steps than
# _FEWEST, and no more than _WINDOW.
_STEP_S = 0.5
_PART_S = 4.0
_FEWEST = 4
# From so many parts side by side on, a part must stand out from the others. Fewer are not many more than parts that are
# shares, and what is usual among them could not be told.
_MANY = 8
# The chance that any part of an honest track, however long, stands out, by Student's t; for normal spread it would be
# far less, but faces that turn or blur stray further.
_CHANCE = 0.001
_FREEDOM = 30
_NORMAL_QUARTILES = 1.349  # from the lower to the upper, in standard deviations


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a track: from its first observation to the end of its last, and its scores."""

    start_s: float
    end_s: float
    scores: Scores


def stretches(observations: Sequence[Observation], calibration: Calibration) -> list[Stretch]:
    """Score the whole of a track, which comes first, and its parts in order of time.

    Mean logits are scored, weighted by quality and by how long a frame is held. Observations are first joined into
    steps: frames that follow closely say the same thing again, and must not count as more evidence. There are parts
    that are a share of the track, and in a long track parts of some seconds. Observations of a closer look are no part
    of the whole, whose score they would pull to where they are.
    """
    steps = _Steps.of_shares(observations)
    parts = [*_shares(steps, calibration), *_seconds(observations, calibration)]
    planned = [o for o in observations if not o.refinement]
    whole = _Steps.of_shares(planned) if 0 < len(planned) < len(observations) else steps
    return [whole.together(calibration), *sorted(parts, key=lambda part: part.start_s)]


def segments(track: Track, found: Sequence[Stretch], strong_score: float) -> Iterator[Segment]:
    """Join the strong parts of a track, or take all of it if it is strong only as a whole.

    Each begins and ends with an observation that is strong by itself: a part that is strong through one half of it
    would reach too far.

    Args:
        track: every observation has its score.
        found: the whole of it, and its parts in order of time.
        strong_score: from here up a score is strong.
    """
    whole, *parts = found
    strong = [part for part in parts if part.scores.fake >= strong_score]
    if not strong and whole.scores.fake >= strong_score:
        strong = [whole]
    joined: list[Stretch] = []
    for part in strong:
        if joined and part.start_s <= joined[-1].end_s:
            before = joined.pop()
            stronger = max(before.scores, part.scores, key=lambda scores: scores.fake)
            joined.append(Stretch(before.start_s, max(before.end_s, part.end_s), stronger))
        else:
            joined.append(part)
    for part in joined:
        seen = [
            o
            for o in track.observations
            if part.start_s <= o.time_s <= part.end_s and o.score is not None and o.score >= strong_score
        ]
        # None is strong where two outputs, each raised in another frame, make the mean higher than either.
        first, last = (seen[0].time_s, seen[-1].end_s) if seen else (part.start_s, part.end_s)
        yield Segment(track.id, first, last, part.scores.fake)


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """A track in steps, each of one or more observations that follow each other.

    Attributes:
        start_s: time of the first observation of each, float64 (steps,).
        end_s: where the last one of each ends, float64 (steps,).
        logits: mean logits, float64 (steps, 2).
        weights: what each counts for in a mean, float64 (steps,).
        quality: mean quality, float64 (steps,).
    """

    start_s: npt.NDArray[np.float64]
    end_s: npt.NDArray[np.float64]
    logits: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    quality: npt.NDArray[np.float64]

    @classmethod
    def of_shares(cls, observations: Sequence[Observation]) -> _Steps:
        """Cut into at most `_STEPS` steps of as many observations each."""
        groups = np.array_split(np.arange(len(observations)), min(len(observations), _STEPS))
        return cls._of(observations, np.array([group[0] for group in groups]))

    @classmethod
    def of_seconds(cls, observations: Sequence[Observation]) -> _Steps:
        """Cut into steps of `_STEP_S` seconds, or of one observation where these are further apart."""
        times_s = np.array([o.time_s for o in observations])
        number = np.floor((times_s - times_s[0]) / _STEP_S + 1e-6)
        return cls._of(observations, np.flatnonzero(np.diff(number, prepend=-1.0)))

    @classmethod
    def _of(cls, observations: Sequence[Observation], firsts: npt.NDArray[np.int64]) -> _Steps:
        """Join observations; `firsts` are the numbers of those that a step begins with."""
        quality = np.array([max(o.quality, 1e-3) for o in observations])
        shown = np.array([o.weight for o in observations])
        weights = np.add.reduceat(quality * shown, firsts)
        weighted = logits_of(observations).astype(np.float64) * (quality * shown)[:, None]
        return cls(
            start_s=np.array([observations[first].time_s for first in firsts]),
            end_s=np.array([observations[last].end_s for last in [*(firsts[1:] - 1), -1]]),
            logits=np.add.reduceat(weighted, firsts, axis=0) / weights[:, None],
            weights=weights,
            quality=weights / np.add.reduceat(shown, firsts),
        )

    def __len__(self) -> int:
        return len(self.weights)

    def together(self, calibration: Calibration) -> Stretch:
        """Score all steps together."""
        logits = np.average(self.logits, axis=0, weights=self.weights)
        return Stretch(float(self.start_s[0]), float(self.end_s[-1]), calibration.scores(*logits))

    def parts(self, count: int, calibration: Calibration) -> list[Stretch]:
        """Score all parts of `count` steps of good enough faces.

        Each is lowered by a multiple of the spread that parts usually have within, because the maximum over some parts
        of an honest video is high by chance.
        """
        logits, weights, quality = (
            np.lib.stride_tricks.sliding_window_view(values, count, axis=0)
            for values in (self.logits, self.weights, self.quality)
        )
        # The calmer parts: those on the border of a forgery spread widely because of it.
        doubt = _DOUBT * np.quantile(logits.std(axis=2), 0.25, axis=0)
        means = (logits * weights[:, None]).sum(axis=2) / weights.sum(axis=1)[:, None]
        return [
            Stretch(float(self.start_s[n]), float(self.end_s[n + count - 1]), calibration.scores(*(means[n] - doubt)))
            for n in np.flatnonzero(quality.mean(axis=1) >= MIN_QUALITY)
        ]


def _shares(steps: _Steps, calibration: Calibration) -> list[Stretch]:
    """Score the parts that are a quarter of a track."""
    return steps.parts(_WINDOW, calibration) if len(steps) >= 2 * _WINDOW else []


def _seconds(observations: Sequence[Observation], calibration: Calibration) -> list[Stretch]:
    """Score the parts of some seconds of a long track; of many, those that stand out.

    There are hundreds of them in minutes of video, and faces of honest ones look suspicious for seconds now and then:
    turned, blurred, half hidden. Only a part counts that differs from the rest of its track by more than the highest
    of so many parts would by chance; the more there are, the more that is. What is usual is told from the quartiles,
    which a forgery of less than a quarter of the track does not move far; longer ones fill a share of it.
    """
    if len(observations) <= _STEPS or len(steps := _Steps.of_seconds(observations)) <= _STEPS:
        return []
    count = int(np.clip(round(_PART_S / float(np.median(np.diff(steps.start_s)))), _FEWEST, _WINDOW))
    parts = steps.parts(count, calibration)
    if len(parts) < _MANY * count:
        return parts
    odds = np.array([_log_odds(part.scores.fake) for part in parts])
    lower, middle, upper = np.quantile(odds, [0.25, 0.5, 0.75])
    errors = stdtrit(_FREEDOM, 1 - _CHANCE / len(parts))
    usual = middle + errors * (upper - lower) / _NORMAL_QUARTILES
    return [part for part, own in zip(parts, odds, strict=True) if own > usual]


def _log_odds(chance: float) -> float:
    return float(logit(np.clip(chance, 1e-12, 1 - 1e-12)))
