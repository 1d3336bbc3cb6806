"""What a model says of worse copies of labelled videos, and of the videos where people look aside."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from classifiers import ModelSpec
from classifiers.calibration import Scores
from classifiers.datasets import Sample
from classifiers.evaluation.predictions import Unscored
from classifiers.evaluation.scored import Scored, scored
from pipeline.analysis.aggregate import DEFAULT_POOLING
from pipeline.media.types import MediaError
from pipeline.workbench.degraded_clips import CLIP_CHANGES, write_degraded
from pipeline.workbench.labelled import LabelledScan
from pipeline.workbench.measuring import MeasuringSettings, scan_files
from pipeline.workbench.progress import Progress

# Copies that lie on the disk at a time: those of a large data set would fill it.
_COPIES_TOGETHER = 32


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """The scores of changed videos.

    Attributes:
        change: what was changed, in words.
        table: the scores; None where no video has one.
        lost: the videos whose changed copies have no score.
    """

    change: str
    table: Scored | None
    lost: list[Unscored]


def robustness_of_videos(
    scans: Sequence[LabelledScan],
    model: str | None,
    spec: ModelSpec,
    settings: MeasuringSettings,
    progress: Progress,
) -> Iterator[Changed]:
    """Score worse copies of the videos, and the videos themselves where people look aside.

    Args:
        scans: of the data set; only videos that have a score are looked at.
        model: name or manifest of the model.
        spec: the same model.
        settings: how copies are scanned.
        progress: shows how far it has come.
    """
    videos = [scan for scan in scans if scan.kind == "video" and scan.verdict.status == "ok"]
    weighing = (spec.calibration, spec.thresholds, DEFAULT_POOLING)
    for change in CLIP_CHANGES:
        found: list[tuple[Sample, Scores]] = []
        lost = []
        for scan, worse in _worse_copies(videos, change, model, settings, progress):
            if isinstance(worse, Unscored):
                lost.append(worse)
            elif (scores := worse.evidence(*weighing).scores) is None:
                lost.append(Unscored(scan.sample, worse.verdict.status, worse.verdict.message or ""))
            else:
                found.append((scan.sample, scores))
        yield Changed(change, _table(found), lost)
    aside = [(scan.sample, scan.turned_away_evidence(*weighing).scores) for scan in videos]
    yield Changed("turned away", _table([(sample, scores) for sample, scores in aside if scores is not None]), [])


def _table(found: Sequence[tuple[Sample, Scores]]) -> Scored | None:
    return scored("video", [sample for sample, _ in found], [scores for _, scores in found]) if found else None


def _worse_copies(
    scans: Sequence[LabelledScan], change: str, model: str | None, settings: MeasuringSettings, progress: Progress
) -> Iterator[tuple[LabelledScan, LabelledScan | Unscored]]:
    """Scan a worse copy of each video; where none can be made, say why."""
    parts = [scans[start : start + _COPIES_TOGETHER] for start in range(0, len(scans), _COPIES_TOGETHER)]
    for part in progress(parts, len(parts), change, "part"):
        with tempfile.TemporaryDirectory(prefix="facewitness-") as folder:
            copied: list[LabelledScan] = []
            copies: list[Sample] = []
            for number, scan in enumerate(part):
                copy = replace(scan.sample, path=Path(folder, str(number), f"{scan.sample.path.stem}.mp4"))
                copy.path.parent.mkdir()
                try:
                    write_degraded(scan.sample.path, change, copy.path)
                except MediaError as error:
                    yield scan, Unscored(scan.sample, error.status, str(error))
                else:
                    copied.append(scan)
                    copies.append(copy)
            yield from zip(copied, scan_files(model, copies, Path(folder), settings, None, progress), strict=True)
