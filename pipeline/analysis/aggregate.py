"""From the logits of many crops to the score of a person and of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from classifiers.calibration import Calibration, Scores, Thresholds
from pipeline.analysis.stretches import MIN_QUALITY, segments, stretches
from pipeline.results.parts import Observation, Segment, Track, TrackEvidence, logits_of

MIN_OBSERVATIONS = 3
"""Fewer sampled frames with a face are too little evidence, unless the file has no more frames."""

DEFAULT_POOLING = "track_max"


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
    evidence: list[TrackEvidence] = []
    strong: list[Segment] = []
    for track in tracks:
        found = stretches(track.observations, calibration)
        item = TrackEvidence(
            track=_scored(track, calibration),
            # The worst stretch counts, or a forgery of a few seconds would drown in the rest.
            scores=max((s.scores for s in found), key=lambda scores: scores.fake),
            supported=track.weight >= needed and mean_quality(track) >= MIN_QUALITY,
        )
        evidence.append(item)
        if item.supported:
            strong += segments(item.track, found, thresholds.likely_fake)
    supported = [item for item in evidence if item.supported]
    scores = POOLINGS[pooling](supported, calibration) if supported else None
    return Evidence(evidence, scores, sorted(strong, key=lambda s: (s.start_s, s.track)))


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
"""Ways to make one score of many tracks, by the names of the field; each counts a face as often as its weight says."""
