"""What a model says of worse copies of labelled videos, and of the videos where people look aside."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.labelled_data import scan_files

if TYPE_CHECKING:
    from classifiers import ModelSpec
    from classifiers.evaluation.predictions import Unscored
    from classifiers.evaluation.scored import Scored
    from pipeline.workbench.labelled import LabelledScan

# Copies that lie on the disk at a time: those of a large data set would fill it.
_COPIES_TOGETHER = 32


def robustness_of_videos(
    scans: Sequence[LabelledScan], model: str | None, spec: ModelSpec, options: argparse.Namespace
) -> Iterator[tuple[str, list[Scored], list[Unscored]]]:
    """Score worse copies of the videos, and the videos themselves where people look aside, with what gave no score."""
    from classifiers.evaluation.predictions import Unscored
    from classifiers.evaluation.scored import scored
    from pipeline.analysis.aggregate import DEFAULT_POOLING
    from pipeline.workbench.degraded_clips import CLIP_CHANGES

    videos = [scan for scan in scans if scan.kind == "video" and scan.status == "ok"]
    weighing = (spec.calibration, spec.thresholds, DEFAULT_POOLING)
    for change in CLIP_CHANGES:
        found, lost = [], []
        for scan, worse in _worse_copies(videos, change, model, options):
            if isinstance(worse, Unscored):
                lost.append(worse)
            elif (scores := worse.evidence(*weighing).scores) is None:
                lost.append(Unscored(scan.sample, worse.status, worse.message))
            else:
                found.append((scan.sample, scores))
        yield change, [scored("video", *zip(*found, strict=True))] if found else [], lost
    aside = [(scan.sample, scan.turned_away_evidence(*weighing).scores) for scan in videos]
    aside = [(sample, scores) for sample, scores in aside if scores is not None]
    yield "turned away", [scored("video", *zip(*aside, strict=True))] if aside else [], []


def _worse_copies(
    scans: Sequence[LabelledScan], change: str, model: str | None, options: argparse.Namespace
) -> Iterator[tuple[LabelledScan, LabelledScan | Unscored]]:
    """Scan a worse copy of each video; where none can be made, say why."""
    import tempfile
    from dataclasses import replace

    from tqdm import tqdm

    from classifiers.evaluation.predictions import Unscored
    from pipeline.media.types import MediaError
    from pipeline.workbench.degraded_clips import write_degraded

    # Not all at once: the copies of a large data set fill a disk.
    parts = [scans[start : start + _COPIES_TOGETHER] for start in range(0, len(scans), _COPIES_TOGETHER)]
    for part in tqdm(parts, desc=change, disable=None, leave=False):
        with tempfile.TemporaryDirectory(prefix="facewitness-") as folder:
            copied = []
            for number, scan in enumerate(part):
                copy = replace(scan.sample, path=Path(folder, str(number), f"{scan.sample.path.stem}.mp4"))
                copy.path.parent.mkdir()
                try:
                    write_degraded(scan.sample.path, change, copy.path)
                except MediaError as error:
                    yield scan, Unscored(scan.sample, error.status, str(error))
                else:
                    copied.append((scan, copy))
            yield from zip(
                [scan for scan, _ in copied],
                scan_files(model, [copy for _, copy in copied], options, None),
                strict=True,
            )
