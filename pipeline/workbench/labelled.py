"""Files whose truth is known, scanned as any other file.

The results have the logits of every face, so the evidence can be weighed again in any way. Where they are kept in a
folder, an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from classifiers import ModelSpec
from classifiers.calibration import Calibration, Scores, Thresholds
from classifiers.datasets import DataError, Sample
from classifiers.datasets.media_types import is_picture
from classifiers.evaluation.predictions import Predictions, Unscored
from extractors.face_crop import face_around
from extractors.quality import face_quality, frontality
from pipeline.analysis.aggregate import DEFAULT_POOLING, Evidence, weigh
from pipeline.batch.batch_scanner import ScannerSettings
from pipeline.batch.output import Output
from pipeline.batch.scan_batch import Reuse, scan_batch
from pipeline.batch.scanner_processes import ScannerProcesses
from pipeline.results.input import Input
from pipeline.results.parts import Observation, Track, logits_of
from pipeline.results.verdict import Verdict

# The nose is at three quarters of the way from one eye to the other, or beyond: turned by some 25 degrees.
_TURNED_AWAY = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class LabelledScan:
    """What a scan found in a file whose truth is known.

    Attributes:
        sample: the file and its truth.
        verdict: on the file, as it is stored; every observation has its logits.
    """

    sample: Sample
    verdict: Verdict

    @property
    def kind(self) -> Literal["video", "image"]:
        """Whether it is a video or a picture; what could not be probed is taken for what its name says."""
        probed = self.verdict.input.probe
        if probed is not None:
            return "image" if probed.kind == "image" else "video"
        return "image" if is_picture(self.sample.path) else "video"

    @property
    def unscored(self) -> Unscored:
        """Why there is no score, of a file that has none."""
        return Unscored(self.sample, self.verdict.status, self.verdict.message or "")

    @property
    def frames(self) -> int:
        """Number of frames that were looked at."""
        return self.verdict.sampling.frames if self.verdict.sampling else 0

    @property
    def tracks(self) -> list[Track]:
        """Every person seen."""
        return [item.track for item in self.verdict.tracks]

    def as_judged_by(self, number: int) -> LabelledScan:
        """Give the scan of several models as that of one of them, by its number."""
        tracks = [replace(item, track=item.track.as_judged_by(number)) for item in self.verdict.tracks]
        return replace(self, verdict=replace(self.verdict, tracks=tracks))

    def evidence(self, calibration: Calibration, thresholds: Thresholds, pooling: str) -> Evidence:
        """Weigh what was seen; see `pipeline.analysis.aggregate.weigh`."""
        return weigh(self.tracks, self.frames, calibration, thresholds, pooling)

    def turned_away_evidence(self, calibration: Calibration, thresholds: Thresholds, pooling: str) -> Evidence:
        """As `evidence`, as if nobody had been seen but where they look aside."""
        tracks = [
            replace(track, observations=seen)
            for track in self.tracks
            if (seen := [o for o in track.observations if frontality(o.face.landmarks) < _TURNED_AWAY])
        ]
        return weigh(tracks, self.frames, calibration, thresholds, pooling)

    def frame_scores(self, calibration: Calibration) -> list[Scores]:
        """Give the scores of the most suspicious face in each frame that has one, in order of time."""
        faces: dict[float, list[Scores]] = defaultdict(list)
        for track in self.tracks:
            for observation, row in zip(track.observations, logits_of(track.observations).tolist(), strict=True):
                faces[observation.time_s].append(calibration.scores(*row))
        return [max(faces[time_s], key=lambda scores: scores.fake) for time_s in sorted(faces)]


def scan_labelled(
    samples: Sequence[Sample],
    settings: ScannerSettings,
    root: Path,
    folder: Path | None,
    *,
    workers: int | None = None,
) -> Iterator[LabelledScan]:
    """Scan the files of a data set, in order.

    Args:
        samples: files, none of them within a zip file.
        settings: how to scan.
        root: the data set, a folder or a file in one; results are named after what lies below it.
        folder: results are written to `scans` in it, and those of earlier runs are found there; None for nowhere.
        workers: number of processes; None for as many as cores and memory allow.

    Raises:
        DataError: a sample lies within a zip file.
        ModelError: the model cannot be found or loaded.
        DetectorUnavailableError: the detector lacks a file.
        WriteError: the folder cannot be written to.
    """
    inside = next((sample for sample in samples if sample.member), None)
    if inside is not None:
        raise DataError(f"{inside.name} lies within a zip file and has no landmarks; unpack the data set to scan it")
    inputs = [Input(sample.path, relative) for sample, relative in zip(samples, _names(samples, root), strict=True)]
    with Output(folder / "scans" if folder else None) as output, ScannerProcesses(settings, workers) as scanner:
        output.expect(inputs)
        finished = scan_batch(output, scanner, Reuse(needs_logits=True))
        for sample, each in zip(samples, finished, strict=True):
            # Rounded as a stored one is, so that figures do not depend on whether a run was interrupted.
            yield LabelledScan(sample, each.verdict.as_stored())


def deciding_faces(scans: Iterable[LabelledScan], spec: ModelSpec) -> Predictions:
    """Give the logits of the person in each file that decides its score, and the files without one."""
    samples, unscored = [], []
    logits: list[npt.NDArray[np.float32]] = [np.empty((0, 2), np.float32)]
    for scan in scans:
        if scan.verdict.status != "ok":
            unscored.append(scan.unscored)
            continue
        evidence = scan.evidence(spec.calibration, spec.thresholds, DEFAULT_POOLING)
        deciding = max((item for item in evidence.tracks if item.supported), key=lambda item: item.scores.fake)
        samples += [scan.sample] * len(deciding.track.observations)
        logits.append(logits_of(deciding.track.observations))
    return Predictions(samples, np.concatenate(logits), unscored)


def crop_scorer(
    pooling: str, calibration: Calibration, thresholds: Thresholds
) -> Callable[[Sequence[Sample], npt.NDArray[np.float32]], Scores | None]:
    """Give a function that weighs the face crops of one person in one clip as a scan would.

    It takes the samples, in order of time, and their float32 (n, 2) logits, and gives None where they are too little
    evidence.
    """

    def score(samples: Sequence[Sample], logits: npt.NDArray[np.float32]) -> Scores | None:
        observations = []
        for number, (sample, row) in enumerate(zip(samples, logits, strict=True)):
            face = face_around(sample.known_landmarks)
            observations.append(Observation(number, float(number), face, face_quality(face), row))
        return weigh([Track(1, observations)], len(samples), calibration, thresholds, pooling).scores

    return score


def _names(samples: Sequence[Sample], root: Path) -> list[Path]:
    """Name each file after its place below the root, or by its absolute path where it lies elsewhere."""
    base = Path(os.path.abspath(root if root.is_dir() else root.parent))  # noqa: PTH100 - keeps links as they are
    names = []
    for sample in samples:
        path = Path(os.path.abspath(sample.path))  # noqa: PTH100 - as above
        names.append(path.relative_to(base) if path.is_relative_to(base) else Path(*path.parts[1:]))
    return names
