"""Adaptive sampling: a few frames first, and more only where those leave the verdict open.

The frames of a plan are dealt out in rounds, each of them spread over the whole video and between those of the rounds
before; those that are held, and so say most about the video, come first. After a round the verdict is settled if it
would stay the same when the mean logits of every track were as far off as so few frames let one fear. If a forgery is
still possible after the last round, the most suspicious stretch is looked at more closely (the refinement): frames that
are chosen for how they score can show a forgery, but not that there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from classifiers.calibration import Thresholds
from pipeline.analysis.aggregate import MIN_QUALITY, Evidence, mean_quality
from pipeline.results.parts import Label, Observation, Track, label_of, logits_of

FEWEST = 16
"""Plans of fewer frames are not cut into rounds."""

DOUBT = 2.5
"""Standard errors of the mean logit that a track may be off; 2 would do if neighbouring frames did not err alike."""

REFINEMENT_FRAMES = 12
"""Frames of a closer look."""

_STRIDE = 4

Judge = Callable[[float], Evidence | None]
"""Weighs what has been seen so far, with every track's logits moved by so many standard errors of their mean."""


def rounds(times_s: np.ndarray, held: np.ndarray, judge: Judge, thresholds: Thresholds) -> Iterator[np.ndarray]:
    """Say which frames to look at next, as long as the verdict is open.

    Args:
        times_s: presentation times of the plan's frames, float64 (frames,), ascending.
        held: which of them stay on screen for longer than the others stand for, bool (frames,).
        judge: asked before every round but the first.
        thresholds: where a score becomes a verdict.

    Yields:
        Presentation times, ascending; those of the last round need not be among the plan's.
    """
    if len(times_s) < FEWEST:
        yield times_s
        return
    others_s = times_s[~held]
    yield np.sort(np.append(others_s[_STRIDE // 2 :: _STRIDE], times_s[held]))
    for between in (others_s[::_STRIDE], others_s[1::2]):
        if _is_certain(judge, thresholds) and not _may_others_count(judge(0.0)):
            return
        yield between
    evidence = judge(0.0)
    if evidence and evidence.scores and _may_be_fake(judge, thresholds):
        yield _refinement(evidence, float(np.median(np.diff(times_s))))


def doubted(tracks: Sequence[Track], errors: float) -> list[Track]:
    """Copy tracks with all logits moved by a number of standard errors of their mean."""
    return [replace(track, observations=_moved(track, errors)) for track in tracks]


def _moved(track: Track, errors: float) -> list[Observation]:
    logits = logits_of(track.observations)
    # Of what is held all has been seen; only the rest may be another than it seems.
    sampled = logits[[not observation.hold for observation in track.observations]]
    # Where a single one is all there is, it is too little evidence.
    spread = sampled.std(axis=0, ddof=1) if len(sampled) > 1 else 0.0
    moved = logits + np.float32(errors * spread * np.sqrt(len(sampled)) / track.weight)
    return [replace(observation, logits=row) for observation, row in zip(track.observations, moved, strict=True)]


def _may_others_count(evidence: Evidence | None) -> bool:
    """Tell whether somebody was seen too seldom to count yet, who may be seen often enough in the other frames."""
    return evidence is not None and any(
        not item.supported and mean_quality(item.track) >= MIN_QUALITY for item in evidence.tracks
    )


def _is_certain(judge: Judge, thresholds: Thresholds) -> bool:
    """Tell whether the verdict is the same at both ends of what may be. No face, or too little of one, gives none."""
    low, high = _ends(judge, thresholds)
    return low is not None and low == high


def _may_be_fake(judge: Judge, thresholds: Thresholds) -> bool:
    """Tell whether the verdict is open, and one of its ends is a forgery."""
    low, high = _ends(judge, thresholds)
    return high == "likely_fake" != low


def _ends(judge: Judge, thresholds: Thresholds) -> tuple[Label | None, Label | None]:
    return _label(judge(-DOUBT), thresholds), _label(judge(DOUBT), thresholds)


def _label(evidence: Evidence | None, thresholds: Thresholds) -> Label | None:
    return label_of(evidence.scores.fake, thresholds) if evidence and evidence.scores else None


def _refinement(evidence: Evidence, step_s: float) -> np.ndarray:
    """Choose times within the quarter of the most suspicious track in which its faces score highest."""
    suspect = max((item for item in evidence.tracks if item.supported), key=lambda item: item.scores.fake)
    scores, observations = np.array([o.score for o in suspect.track.observations]), suspect.track.observations
    width = max(1, len(scores) // 4)
    first = int(np.convolve(scores, np.ones(width), mode="valid").argmax())
    start_s, end_s = observations[first].time_s, observations[first + width - 1].time_s
    reach_s = max(end_s - start_s, step_s) / 2
    return (start_s + end_s) / 2 + reach_s * np.linspace(-1, 1, REFINEMENT_FRAMES)
