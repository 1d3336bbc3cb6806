"""From the logits of many crops to the score of a person and of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from classifiers.calibration import Calibration, Scores, Thresholds
from pipeline.results.parts import Observation, Segment, Track, TrackEvidence, logits_of

MIN_OBSERVATIONS = 3
"""Fewer sampled frames with a face are too little evidence, unless the file has no more frames."""

MIN_QUALITY = 0.15
"""A track, or a stretch of one, of faces that are worse than this on average is too little evidence."""

DEFAULT_POOLING = "track_max"

# Steps that a track is looked at in, and steps of a part.
_STEPS = 32
_WINDOW = 8
# Standard deviations within a part that are taken off its mean: more than five standard errors of independent steps,
# since neighbouring frames err alike.
_DOUBT = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a file says.

    Attributes:
        tracks: every track, in order of appearance.
        scores: of the file, or None where no track is supported.
        segments: where the evidence is strong, in order of time.
    """

    tracks: list[TrackEvidence]
    scores: Scores | None
    segments: list[Segment]


Pooling = Callable[[Sequence[TrackEvidence], Calibration], Scores]


def weigh(
    tracks: Sequence[Track],
    sampled_frames: int,
    calibration: Calibration,
    thresholds: Thresholds,
    pooling: str = DEFAULT_POOLING,
) -> Evidence:
    """Weigh all observations of a file.

    Args:
        tracks: every observation has its logits.
        sampled_frames: number of frames that were looked at.
        calibration: how logits become scores.
        thresholds: a stretch that scores like a likely fake is strong evidence.
        pooling: how tracks become one score, one of `POOLINGS`.
    """
    needed = min(MIN_OBSERVATIONS, sampled_frames)
    evidence, segments = [], []
    for track in tracks:
        stretches = _stretches(track.observations, calibration)
        quality = float(np.mean([o.quality for o in track.observations]))
        item = TrackEvidence(
            track=_scored(track, calibration),
            # The worst stretch counts, or a forgery of a few seconds would drown in the rest.
            scores=max((s.scores for s in stretches), key=lambda scores: scores.fake),
            supported=len(track.observations) >= needed and quality >= MIN_QUALITY,
        )
        evidence.append(item)
        if item.supported:
            segments += _segments(item, stretches, thresholds.likely_fake)
    supported = [item for item in evidence if item.supported]
    scores = POOLINGS[pooling](supported, calibration) if supported else None
    return Evidence(evidence, scores, sorted(segments, key=lambda s: (s.start_s, s.track)))


def _scored(track: Track, calibration: Calibration) -> Track:
    """Give the same track with the score of each face."""
    rows = zip(track.observations, logits_of(track.observations), strict=True)
    scored = [replace(o, score=calibration.scores(*row).fake) for o, row in rows]
    return replace(track, observations=scored)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Part of a track: the times of its first and last observation, and its scores."""

    start_s: float
    end_s: float
    scores: Scores


def _stretches(observations: Sequence[Observation], calibration: Calibration) -> list[_Stretch]:
    """Score the whole of a track, which comes first, and its parts.

    Mean logits weighted by quality are scored. Those of a part are lowered by a multiple of the spread that parts
    usually have, because the maximum over many parts of an honest video is high by chance. Observations are first
    joined into at most `_STEPS` steps: frames that follow closely say the same thing again, and must not count as
    more evidence. Those of a closer look are no part of the whole, whose score they would pull to where they are.
    """
    planned = [o for o in observations if not o.refinement]
    if 0 < len(planned) < len(observations):
        return _stretches(planned, calibration)[:1] + _stretches(_as_planned(observations), calibration)[1:]
    groups = np.array_split(np.arange(len(observations)), min(len(observations), _STEPS))
    logits = logits_of(observations).astype(np.float64)
    quality = np.array([max(o.quality, 1e-3) for o in observations])
    steps = np.stack([np.average(logits[g], axis=0, weights=quality[g]) for g in groups])
    weights = np.array([quality[g].sum() for g in groups])
    mean_quality = np.array([quality[g].mean() for g in groups])

    def stretch(first: int, last: int, doubt: np.ndarray | float) -> _Stretch:
        part = slice(first, last + 1)
        scores = calibration.scores(*(np.average(steps[part], axis=0, weights=weights[part]) - doubt))
        return _Stretch(observations[groups[first][0]].time_s, observations[groups[last][-1]].time_s, scores)

    found = [stretch(0, len(groups) - 1, 0.0)]
    if len(groups) >= 2 * _WINDOW:
        windows = np.lib.stride_tricks.sliding_window_view(steps, _WINDOW, axis=0)
        # The calmer parts: those on the border of a forgery spread widely because of it.
        doubt = _DOUBT * np.quantile(windows.std(axis=2), 0.25, axis=0)
        for first in range(len(windows)):
            if mean_quality[first : first + _WINDOW].mean() >= MIN_QUALITY:
                found.append(stretch(first, first + _WINDOW - 1, doubt))
    return found


def _as_planned(observations: Sequence[Observation]) -> list[Observation]:
    return [replace(observation, refinement=False) for observation in observations]


def _segments(item: TrackEvidence, stretches: Sequence[_Stretch], strong_score: float) -> list[Segment]:
    """Join the strong parts of a track, or take all of it if it is strong only as a whole.

    Each begins and ends with an observation that is strong by itself: a part that is strong through one half of it
    would reach too far.
    """
    whole, *parts = stretches
    strong = [part for part in parts if part.scores.fake >= strong_score]
    if not strong and whole.scores.fake >= strong_score:
        strong = [whole]
    joined: list[_Stretch] = []
    for part in strong:
        if joined and part.start_s <= joined[-1].end_s:
            before = joined.pop()
            stronger = max(before.scores, part.scores, key=lambda scores: scores.fake)
            joined.append(_Stretch(before.start_s, part.end_s, stronger))
        else:
            joined.append(part)
    segments = []
    for part in joined:
        times = [
            o.time_s
            for o in item.track.observations
            if part.start_s <= o.time_s <= part.end_s and o.score is not None and o.score >= strong_score
        ]
        # None is strong where two outputs, each raised in another frame, make the mean higher than either.
        first, last = (times[0], times[-1]) if times else (part.start_s, part.end_s)
        segments.append(Segment(item.track.id, first, last, part.scores.fake))
    return segments


def _track_max(tracks: Sequence[TrackEvidence], calibration: Calibration) -> Scores:
    """The most suspicious person decides, so that real bystanders do not hide a fake."""
    return max((item.scores for item in tracks), key=lambda scores: scores.fake)


def _all_logits(tracks: Sequence[TrackEvidence]) -> np.ndarray:
    return logits_of([o for item in tracks for o in item.track.observations]).astype(np.float64)


def _score_table(tracks: Sequence[TrackEvidence], calibration: Calibration) -> np.ndarray:
    """Scores of all faces in all frames: (faces, 3), fake, manipulated, generated."""
    return np.array([astuple(calibration.scores(*logits)) for logits in _all_logits(tracks)])


def _mean(tracks: Sequence[TrackEvidence], calibration: Calibration) -> Scores:
    """Mean of the scores of all faces in all frames."""
    return Scores(*_score_table(tracks, calibration).mean(axis=0).tolist())


def _logit_mean(tracks: Sequence[TrackEvidence], calibration: Calibration) -> Scores:
    """Score of the mean logits of all faces in all frames."""
    return calibration.scores(*_all_logits(tracks).mean(axis=0))


def _top_k(tracks: Sequence[TrackEvidence], calibration: Calibration) -> Scores:
    """Score of the mean of the highest quarter of the logits, each output for itself."""
    logits = np.sort(_all_logits(tracks), axis=0)
    return calibration.scores(*logits[-max(1, len(logits) // 4) :].mean(axis=0))


def _confident(tracks: Sequence[TrackEvidence], calibration: Calibration) -> Scores:
    """Mean of the clearly fake faces if they are many, else of the clearly real ones, else of all.

    The rule of the winner of the Deepfake Detection Challenge (Seferbekov 2020).
    """
    table = _score_table(tracks, calibration)
    fakes, reals = table[table[:, 0] > 0.8], table[table[:, 0] < 0.2]
    if len(fakes) > len(table) / 2.5 and len(fakes) > 11:
        table = fakes
    elif len(reals) > 0.9 * len(table):
        table = reals
    return Scores(*table.mean(axis=0).tolist())


def _frame_max(tracks: Sequence[TrackEvidence], calibration: Calibration) -> Scores:
    """Mean over the frames of the scores of the most suspicious face in each."""
    times = np.array([o.time_s for item in tracks for o in item.track.observations])
    table = _score_table(tracks, calibration)
    frames = [table[times == time_s] for time_s in np.unique(times)]
    return Scores(*np.mean([faces[faces[:, 0].argmax()] for faces in frames], axis=0).tolist())


POOLINGS: dict[str, Pooling] = {
    "track_max": _track_max,
    "mean": _mean,
    "logit_mean": _logit_mean,
    "top_k": _top_k,
    "confident": _confident,
    "frame_max": _frame_max,
}
"""Ways to make one score of many tracks, by the names of the field."""
