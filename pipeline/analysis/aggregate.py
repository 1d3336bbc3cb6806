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
        item = TrackEvidence(
            track=_scored(track, calibration),
            # The worst stretch counts, or a forgery of a few seconds would drown in the rest.
            scores=max((s.scores for s in stretches), key=lambda scores: scores.fake),
            supported=track.weight >= needed and mean_quality(track) >= MIN_QUALITY,
        )
        evidence.append(item)
        if item.supported:
            segments += _segments(item, stretches, thresholds.likely_fake)
    supported = [item for item in evidence if item.supported]
    scores = POOLINGS[pooling](supported, calibration) if supported else None
    return Evidence(evidence, scores, sorted(segments, key=lambda s: (s.start_s, s.track)))


def mean_quality(track: Track) -> float:
    """Give the quality of the faces of a track, 0 to 1; a track of less than `MIN_QUALITY` does not count."""
    return float(np.average([o.quality for o in track.observations], weights=_weights(track.observations)))


def _weights(observations: Sequence[Observation]) -> np.ndarray:
    """How much each observation counts for the time that its frame is shown, float64 (n,)."""
    return np.array([o.weight for o in observations])


def _scored(track: Track, calibration: Calibration) -> Track:
    """Give the same track with the score of each face."""
    rows = zip(track.observations, logits_of(track.observations), strict=True)
    scored = [replace(o, score=calibration.scores(*row).fake) for o, row in rows]
    return replace(track, observations=scored)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Part of a track: from its first observation to the end of its last, and its scores."""

    start_s: float
    end_s: float
    scores: Scores


def _stretches(observations: Sequence[Observation], calibration: Calibration) -> list[_Stretch]:
    """Score the whole of a track, which comes first, and its parts.

    Mean logits weighted by quality, and by how long a frame is held, are scored. Those of a part are lowered by a
    multiple of the spread that parts usually have, because the maximum over many parts of an honest video is high by
    chance. Observations are first joined into at most `_STEPS` steps: frames that follow closely say the same thing
    again, and must not count as more evidence. Those of a closer look are no part of the whole, whose score they would
    pull to where they are.
    """
    planned = [o for o in observations if not o.refinement]
    if 0 < len(planned) < len(observations):
        return _stretches(planned, calibration)[:1] + _stretches(_as_planned(observations), calibration)[1:]
    groups = np.array_split(np.arange(len(observations)), min(len(observations), _STEPS))
    logits = logits_of(observations).astype(np.float64)
    quality, shown = np.array([max(o.quality, 1e-3) for o in observations]), _weights(observations)
    steps = np.stack([np.average(logits[g], axis=0, weights=(quality * shown)[g]) for g in groups])
    weights = np.array([(quality * shown)[g].sum() for g in groups])
    mean_quality = np.array([np.average(quality[g], weights=shown[g]) for g in groups])

    def stretch(first: int, last: int, doubt: np.ndarray | float) -> _Stretch:
        part = slice(first, last + 1)
        scores = calibration.scores(*(np.average(steps[part], axis=0, weights=weights[part]) - doubt))
        return _Stretch(observations[groups[first][0]].time_s, observations[groups[last][-1]].end_s, scores)

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
        seen = [
            o
            for o in item.track.observations
            if part.start_s <= o.time_s <= part.end_s and o.score is not None and o.score >= strong_score
        ]
        # None is strong where two outputs, each raised in another frame, make the mean higher than either.
        first, last = (seen[0].time_s, seen[-1].end_s) if seen else (part.start_s, part.end_s)
        segments.append(Segment(item.track.id, first, last, part.scores.fake))
    return segments


def _track_max(tracks: Sequence[TrackEvidence], calibration: Calibration) -> Scores:
    """The most suspicious person decides, so that real bystanders do not hide a fake."""
    return max((item.scores for item in tracks), key=lambda scores: scores.fake)


def _faces(tracks: Sequence[TrackEvidence]) -> list[Observation]:
    return [o for item in tracks for o in item.track.observations]


def _score_table(observations: Sequence[Observation], calibration: Calibration) -> np.ndarray:
    """Scores of faces: (faces, 3), fake, manipulated, generated."""
    logits = logits_of(observations).astype(np.float64)
    return np.array([astuple(calibration.scores(*row)) for row in logits])


def _mean(tracks: Sequence[TrackEvidence], calibration: Calibration) -> Scores:
    """Mean of the scores of all faces in all frames."""
    faces = _faces(tracks)
    return Scores(*np.average(_score_table(faces, calibration), axis=0, weights=_weights(faces)).tolist())


def _logit_mean(tracks: Sequence[TrackEvidence], calibration: Calibration) -> Scores:
    """Score of the mean logits of all faces in all frames."""
    faces = _faces(tracks)
    return calibration.scores(*np.average(logits_of(faces).astype(np.float64), axis=0, weights=_weights(faces)))


def _top_k(tracks: Sequence[TrackEvidence], calibration: Calibration) -> Scores:
    """Score of the mean of the highest quarter of the logits, each output for itself."""
    faces = _faces(tracks)
    weights = _weights(faces)
    quarter = max(1.0, weights.sum() // 4)

    def highest(logits: np.ndarray) -> float:
        order = np.argsort(-logits)
        before = np.cumsum(weights[order]) - weights[order]
        return float(np.average(logits[order], weights=np.clip(quarter - before, 0, weights[order])))

    return calibration.scores(*map(highest, logits_of(faces).astype(np.float64).T))


def _confident(tracks: Sequence[TrackEvidence], calibration: Calibration) -> Scores:
    """Mean of the clearly fake faces if they are many, else of the clearly real ones, else of all.

    The rule of the winner of the Deepfake Detection Challenge (Seferbekov 2020).
    """
    faces = _faces(tracks)
    table, weights = _score_table(faces, calibration), _weights(faces)
    fake, real = table[:, 0] > 0.8, table[:, 0] < 0.2
    if weights[fake].sum() > max(weights.sum() / 2.5, 11):
        kept = fake
    else:
        kept = real if weights[real].sum() > 0.9 * weights.sum() else np.ones(len(table), bool)
    return Scores(*np.average(table[kept], axis=0, weights=weights[kept]).tolist())


def _frame_max(tracks: Sequence[TrackEvidence], calibration: Calibration) -> Scores:
    """Mean over the frames of the scores of the most suspicious face in each."""
    faces = _faces(tracks)
    table, weights, times = _score_table(faces, calibration), _weights(faces), np.array([o.time_s for o in faces])
    frames = [np.flatnonzero(times == time_s) for time_s in np.unique(times)]
    highest = [frame[table[frame, 0].argmax()] for frame in frames]
    return Scores(*np.average(table[highest], axis=0, weights=weights[highest]).tolist())


POOLINGS: dict[str, Pooling] = {
    "track_max": _track_max,
    "mean": _mean,
    "logit_mean": _logit_mean,
    "top_k": _top_k,
    "confident": _confident,
    "frame_max": _frame_max,
}
"""Ways to make one score of many tracks, by the names of the field."""
