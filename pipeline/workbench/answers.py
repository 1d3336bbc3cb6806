"""What one model says of labelled data, and the scores that come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifiers import ModelSpec
from classifiers.evaluation.predictions import Predictions, Unscored, joined
from classifiers.evaluation.scored import LEVELS, Level, Scored, score_clips, score_crops, scored
from pipeline.analysis.aggregate import DEFAULT_POOLING
from pipeline.workbench.labelled import LabelledScan, crop_scorer, deciding_faces


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The logits that one model gives of the faces of a data set.

    Attributes:
        crops: of its face crops; None where it has none.
        scans: of its videos and pictures.
    """

    crops: Predictions | None
    scans: Sequence[LabelledScan]

    def scores(self, spec: ModelSpec, pooling: str = DEFAULT_POOLING) -> list[Scored]:
        """Score all there is, one table a level: files, clips and stills, and frames.

        Args:
            spec: says how logits become scores.
            pooling: how the faces of a video become one score.
        """
        tables = [table for table in (self.video_scores(spec, pooling),) if table]
        if self.crops:
            tables += score_crops(self.crops, spec.calibration)
        pictures = self._scored_scans("image")
        if pictures:
            tables.append(_score_files("image", pictures, spec, DEFAULT_POOLING))
        frames = [
            (scan.sample, score)
            for scan in self._scored_scans("video")
            for score in scan.frame_scores(spec.calibration)
        ]
        if frames:
            tables.append(scored("frame", [sample for sample, _ in frames], [score for _, score in frames]))
        return merged(tables)

    def video_scores(self, spec: ModelSpec, pooling: str) -> Scored | None:
        """Score the clips that there are crops of, and the videos; None where there are none."""
        tables = []
        if self.crops:
            table, _ = _score_clips(self.crops, spec, pooling)
            tables += [table] if table else []
        videos = self._scored_scans("video")
        if videos:
            tables.append(_score_files("video", videos, spec, pooling))
        return next(iter(merged(tables)), None)

    def unscored(self, spec: ModelSpec) -> list[tuple[Level, Unscored]]:
        """Give what has no score, and the level at which it lacks one."""
        found: list[tuple[Level, Unscored]] = []
        if self.crops:
            found += [("frame" if item.sample.clip else "image", item) for item in self.crops.unscored]
            found += [("video", item) for item in _score_clips(self.crops, spec, DEFAULT_POOLING)[1]]
        return [*found, *((scan.kind, scan.unscored) for scan in self.scans if scan.verdict.status != "ok")]

    def deciding_faces(self, spec: ModelSpec) -> Predictions:
        """Give what calibrations are fitted to: the face crops, and the person in each file that decides its score."""
        found = [self.crops] if self.crops else []
        return joined([*found, deciding_faces(self.scans, spec)])

    def _scored_scans(self, kind: Level) -> list[LabelledScan]:
        return [scan for scan in self.scans if scan.verdict.status == "ok" and scan.kind == kind]


def merged(tables: Sequence[Scored]) -> list[Scored]:
    """Join the tables of each level, such as those of face crops and of scanned files, the weightiest level first."""
    found = []
    for level in LEVELS:
        same = [table for table in tables if table.level == level]
        if same:
            samples = [sample for table in same for sample in table.samples]
            found.append(Scored(level, samples, np.concatenate([table.scores for table in same])))
    return found


def _score_clips(predictions: Predictions, spec: ModelSpec, pooling: str) -> tuple[Scored | None, list[Unscored]]:
    return score_clips(predictions, crop_scorer(pooling, spec.calibration, spec.thresholds))


def _score_files(level: Level, scans: Sequence[LabelledScan], spec: ModelSpec, pooling: str) -> Scored:
    found = [scan.evidence(spec.calibration, spec.thresholds, pooling).scores for scan in scans]
    # A scan whose status is "ok" has evidence enough by every pooling.
    return scored(level, [scan.sample for scan in scans], [scores for scores in found if scores is not None])
