"""What is made of a scan whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from classifiers import find_model
from classifiers.calibration import Scores
from classifiers.datasets import Sample
from extractors import Face
from pipeline.analysis.aggregate import DEFAULT_POOLING
from pipeline.results.parts import InputRecord, Observation, SamplingRecord, Track, TrackEvidence
from pipeline.results.verdict import Verdict
from pipeline.workbench.labelled import LabelledScan

MODEL = find_model()
SCORES = Scores(0.5, 0.5, 0.5)


def observation(number: int, nose: float, logit: float) -> Observation:
    """A face whose nose is at this part of the way between the eyes."""
    landmarks = np.float32([[40, 50], [80, 50], [40 + 40 * nose, 70], [45, 90], [75, 90]])
    face = Face(np.float32([10, 10, 100, 100]), landmarks, 1.0)
    return Observation(number, number / 2, face, 0.5, np.float32([logit, -9]))


def scan(*observations: Observation) -> LabelledScan:
    verdict = Verdict(
        input=InputRecord("clip.mp4"),
        status="ok",
        message=None,
        label="inconclusive",
        scores=SCORES,
        score_kind="calibrated",
        thresholds=MODEL.thresholds,
        tracks=[TrackEvidence(Track(1, list(observations)), SCORES, supported=True)],
        segments=[],
        model=None,
        sampling=SamplingRecord("8 frames", 8),
    )
    return LabelledScan(Sample(Path("clip.mp4"), False), verdict)


def weighed(found: LabelledScan, aside: bool) -> float | None:
    weigh = found.turned_away_evidence if aside else found.evidence
    scores = weigh(MODEL.calibration, MODEL.thresholds, DEFAULT_POOLING).scores
    return scores and scores.fake


def test_only_faces_that_look_aside_count_as_such():
    frontal = [observation(number, 0.5, -3) for number in range(4)]
    averted = [observation(number, nose, 3) for number, nose in enumerate((0.1, 0.95, 0.0, 0.9), 4)]
    both = scan(*frontal, *averted)
    assert weighed(both, aside=True) == weighed(scan(*averted), aside=False)
    assert weighed(both, aside=True) > weighed(scan(*frontal), aside=False)
    assert weighed(scan(*frontal), aside=True) is None
    # Two frames of eight are too few to judge a clip by.
    assert weighed(scan(*frontal, *averted[:2]), aside=True) is None
