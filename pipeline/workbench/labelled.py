"""Files whose truth is known, scanned as any other file, with the logits that results do not hold.

    scans/NAME.json     results, as `facewitness scan` writes them
    logits/NAME.json    frames looked at, and for each track quality, manipulated and generated of each face

With both, the evidence can be weighed again in any way, and an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from classifiers.calibration import Calibration, Scores, Thresholds
from classifiers.datasets import DataError, Sample
from classifiers.datasets.media_types import is_picture
from extractors import Face
from extractors.align import CropGeometry
from extractors.quality import face_quality, frontality
from pipeline.analysis.aggregate import Evidence, weigh
from pipeline.analysis.scan import Scanner
from pipeline.analysis.tracks import Observation, Track
from pipeline.batch.inputs import Input
from pipeline.batch.scan_batch import ScannerSettings, scan_batch
from pipeline.results.verdict import FAILURES, Status, Verdict
from pipeline.results.writers import Result, ResultWriter, WriteError

_SCHEMA = "facewitness/logits/1"

# A detector's box is this much smaller than the square that the landmark template is measured in.
_SQUARE_BY_BOX = 1.2

# The nose is at three quarters of the way from one eye to the other, or beyond: turned by some 25 degrees.
_TURNED_AWAY = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class LabelledScan:
    """What a scan found in a file whose truth is known.

    Attributes:
        sample: the file and its truth.
        kind: whether it is a video or a picture.
        status: of the scan.
        message: one sentence where the status is not "ok".
        frames: number of frames that were looked at.
        tracks: every person seen, with the logits of each observation.
    """

    sample: Sample
    kind: Literal["video", "image"]
    status: Status
    message: str
    frames: int
    tracks: list[Track]

    def evidence(self, calibration: Calibration, thresholds: Thresholds, pooling: str) -> Evidence:
        """Weigh what was seen; see `pipeline.analysis.aggregate.weigh`."""
        return weigh(self.tracks, self.frames, calibration, thresholds, pooling)

    def turned_away_evidence(self, calibration: Calibration, thresholds: Thresholds, pooling: str) -> Evidence:
        """As `evidence`, as if nobody had been seen but where they look aside."""
        tracks = [
            Track(track.id, seen)
            for track in self.tracks
            if (seen := [o for o in track.observations if frontality(o.face.landmarks) < _TURNED_AWAY])
        ]
        return weigh(tracks, self.frames, calibration, thresholds, pooling)

    def frame_scores(self, calibration: Calibration) -> list[Scores]:
        """Give the scores of the most suspicious face in each frame that has one, in order of time."""
        faces: dict[float, list[Scores]] = defaultdict(list)
        for track in self.tracks:
            for observation in track.observations:
                faces[observation.time_s].append(calibration.scores(*observation.logits.tolist()))
        return [max(faces[time_s], key=lambda scores: scores.fake) for time_s in sorted(faces)]


def scan_labelled(
    samples: Sequence[Sample], settings: ScannerSettings, root: Path, folder: Path | None
) -> Iterator[LabelledScan]:
    """Scan the files of a data set, in order.

    Args:
        samples: files, none of them within a zip file.
        settings: how to scan.
        root: the data set, a folder or a file in one; results are named after what lies below it.
        folder: where results are written and those of earlier runs are found; None for nowhere.

    Raises:
        DataError: a sample lies within a zip file.
        ModelError: the model cannot be had.
        DetectorUnavailableError: the detector lacks a file.
        WriteError: the folder cannot be written to.
    """
    inside = next((sample for sample in samples if sample.member), None)
    if inside is not None:
        raise DataError(f"{inside.name} lies within a zip file and has no landmarks; unpack the data set to scan it")
    inputs = [Input(sample.path, relative) for sample, relative in zip(samples, _names(samples, root), strict=True)]
    logits = _Logits(folder / "logits" if folder else None)
    scanner = settings.scanner()
    with _Writer(folder / "scans" if folder else None, logits) as writer:
        results = scan_batch(inputs, _Recorder(scanner, logits), settings, writer)
        for sample, source, result in zip(samples, inputs, results, strict=True):
            yield _joined(sample, result, *logits.give(source, result))


def crop_scorer(
    pooling: str, calibration: Calibration, thresholds: Thresholds
) -> Callable[[Sequence[Sample], np.ndarray], Scores | None]:
    """Give a function that weighs the face crops of one person in one clip as a scan would.

    It takes the samples, in order of time, and their (n, 2) logits, and gives None where they are too little evidence.
    """
    geometry = CropGeometry(100)

    def score(samples: Sequence[Sample], logits: np.ndarray) -> Scores | None:
        track = Track(1)
        for number, (sample, row) in enumerate(zip(samples, logits, strict=True)):
            face = _face(sample.landmarks, geometry)
            track.observations.append(Observation(number, float(number), face, face_quality(face), row))
        return weigh([track], len(samples), calibration, thresholds, pooling).scores

    return score


def _face(landmarks: np.ndarray, geometry: CropGeometry) -> Face:
    """Guess the box that a detector gave for these landmarks."""
    transform = geometry.transform(landmarks)
    side = geometry.size / float(np.hypot(transform[0, 0], transform[1, 0]))
    middle = np.linalg.solve(transform[:, :2], np.full(2, geometry.size / 2) - transform[:, 2])
    box = side / _SQUARE_BY_BOX
    return Face(np.float32([*(middle - box / 2), box, box]), landmarks, 1.0)


class _Logits:
    """Keeps the logits of each file until they are asked for, and in a folder if there is one."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        # Of a file that is listed twice the results come before either is asked for.
        self._new: dict[Path, deque[dict[str, object]]] = defaultdict(deque)

    def take(self, path: Path, verdict: Verdict) -> None:
        tracks = [[[o.quality, *map(float, o.logits)] for o in item.track.observations] for item in verdict.tracks]
        self._new[path].append({"schema": _SCHEMA, "frames": verdict.sampling.frames, "tracks": tracks})

    def store(self, source: Input) -> None:
        if self._folder is None or not self._new[source.path]:
            return
        file = self._file(source)
        temporary = file.with_name(f".{file.name}.part")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(self._new[source.path][-1]) + "\n", encoding="utf-8")
            temporary.replace(file)
        except OSError as error:
            raise WriteError(f"cannot write {file}: {error.strerror}") from error

    def stored(self, source: Input) -> dict | None:
        if self._folder is None:
            return None
        try:
            entry = json.loads(self._file(source).read_bytes())
        except (OSError, ValueError):
            return None
        return entry if isinstance(entry, dict) and entry.get("schema") == _SCHEMA else None

    def give(self, source: Input, result: Result) -> tuple[int, list[list[list[float]]]]:
        """Give the number of frames, and quality and logits by track and observation; nothing for a failure."""
        new = self._new[source.path]
        entry = new.popleft() if new else None
        if entry is None and result["status"] not in FAILURES:
            entry = self.stored(source)
        return (entry["frames"], entry["tracks"]) if entry else (0, [])

    def _file(self, source: Input) -> Path:
        return self._folder / source.relative.parent / f"{source.relative.name}.json"


class _Recorder:
    """A scanner that also keeps the logits of each scan."""

    def __init__(self, scanner: Scanner, logits: _Logits) -> None:
        self._scanner, self._logits = scanner, logits
        self.failure = scanner.failure

    def scan(self, path: Path, stopped: threading.Event | None = None) -> Verdict:
        verdict = self._scanner.scan(path, stopped)
        self._logits.take(path, verdict)
        return verdict


class _Writer(ResultWriter):
    """Writes logits before results, and takes a result of an earlier run for nothing where its logits are missing."""

    def __init__(self, folder: Path | None, logits: _Logits) -> None:
        super().__init__(folder)
        self._logits = logits

    def stored(self, source: Input) -> Result | None:
        return super().stored(source) if self._logits.stored(source) else None

    def write(self, source: Input, result: Result) -> None:
        self._logits.store(source)
        super().write(source, result)


def _joined(sample: Sample, result: Result, frames: int, logits: list[list[list[float]]]) -> LabelledScan:
    tracks = []
    for item, rows in zip(result["tracks"], logits, strict=True):
        observations = [
            Observation(
                seen["frame"],
                seen["time_s"],
                Face(np.float32(seen["box"]), np.float32(seen["landmarks"]), seen["detection_confidence"]),
                quality,
                np.float32(row),
            )
            for seen, (quality, *row) in zip(item["observations"], rows, strict=True)
        ]
        tracks.append(Track(item["id"], observations))
    return LabelledScan(sample, _kind(sample, result), result["status"], result["message"] or "", frames, tracks)


def _kind(sample: Sample, result: Result) -> Literal["video", "image"]:
    """Tell videos from pictures; what could not be probed is taken for what its name says."""
    probed = result["input"]["probe"]
    if probed:
        return "image" if probed["kind"] == "image" else "video"
    return "image" if is_picture(sample.path) else "video"


def _names(samples: Sequence[Sample], root: Path) -> list[Path]:
    """Name each file after its place below the root, or by its absolute path where it lies elsewhere."""
    base = Path(os.path.abspath(root if root.is_dir() else root.parent))  # noqa: PTH100 - keeps links as they are
    names = []
    for sample in samples:
        path = Path(os.path.abspath(sample.path))  # noqa: PTH100
        names.append(path.relative_to(base) if path.is_relative_to(base) else Path(*path.parts[1:]))
    return names
