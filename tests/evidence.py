"""Builds faces, tracks and verdicts as the stages would give them.

from tests.evidence import IDENTITY, face, track, verdict
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from classifiers.calibration import Calibration, Platt, Thresholds
from extractors import Face
from extractors.align import LANDMARK_TEMPLATE
from pipeline.analysis.aggregate import weigh
from pipeline.media import MediaInfo
from pipeline.media.holds import Hold
from pipeline.results.coverage import Coverage
from pipeline.results.parts import InputRecord, ModelIdentity, Observation, SamplingRecord, Status, Track, label_of
from pipeline.results.verdict import Verdict

UNCHANGED = Platt(1.0, 0.0)
IDENTITY = Calibration("identity", "nothing", UNCHANGED, UNCHANGED, UNCHANGED)
"""Scores are the sigmoids of the logits themselves."""

THRESHOLDS = Thresholds(0.7, 0.3, "made up for tests")
MODEL = ModelIdentity("test", "0" * 64, "openvino", "f32", "identity", "nothing", "mtcnn", "track_max", "CPU")


def face(left: float, top: float, size: float) -> Face:
    """A frontal, upright face in a square box."""
    landmarks = np.float32(LANDMARK_TEMPLATE) * size + np.float32([left, top])
    return Face(np.float32([left, top, size, size]), landmarks, 0.99)


def track(
    logits: Sequence[Sequence[float]],
    quality: float | Sequence[float] = 1.0,
    track_id: int = 1,
    step_s: float = 1.0,
    holds: Mapping[int, Hold] | None = None,
) -> Track:
    """One face in one place, from second 0 on and once a second unless said otherwise; `holds` by number."""
    rows = np.asarray(logits, np.float32).reshape(-1, 2)
    qualities = np.broadcast_to(quality, len(rows)).tolist()
    observations = [
        Observation(n, n * step_s, face(10, 10, 100), qualities[n], row, hold=(holds or {}).get(n))
        for n, row in enumerate(rows)
    ]
    return Track(track_id, observations)


def verdict(
    path: str | Path = "clip.mp4",
    status: Status = "ok",
    logits: Sequence[Sequence[Sequence[float]]] = (((2.0, -1.0),) * 20,),
    *,
    media: MediaInfo | None = None,
    warnings: Sequence[str] = (),
    message: str = "this is why there is no verdict",
    coverage: Coverage | None = None,
) -> Verdict:
    """The verdict on a file, with the logits of each of its tracks if there were faces to see."""
    tracks = [track(rows, track_id=number) for number, rows in enumerate(logits, start=1)]
    seen = status in ("ok", "insufficient_evidence")
    evidence = weigh(tracks if seen else [], 32, IDENTITY, THRESHOLDS)
    scores = evidence.scores if status == "ok" else None
    return Verdict(
        input=InputRecord.of(path, media),
        status=status,
        message=None if status == "ok" else message,
        label=label_of(scores.fake, THRESHOLDS) if scores else None,
        scores=scores,
        score_kind="calibrated",
        thresholds=THRESHOLDS,
        tracks=evidence.tracks,
        segments=evidence.segments if scores else [],
        model=MODEL,
        sampling=SamplingRecord("32 frames", 32),
        timing_s={"decode": 0.5, "total": 1.25},
        warnings=list(warnings),
        coverage=coverage,
    )
