"""The way from a file to its verdict: decode, detect, track, align, classify, weigh."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from classifiers import Engine, create_engine, find_model
from extractors import FaceDetector, create_detector
from extractors.align import CropGeometry, align_face
from extractors.quality import face_quality
from pipeline.aggregate import DEFAULT_POOLING, MIN_OBSERVATIONS, MIN_QUALITY, POOLINGS, Evidence, weigh
from pipeline.media import Frame, MediaError, MediaInfo, open_frames, probe
from pipeline.sampling import SamplingPlan
from pipeline.tracks import Observation, Track, Tracker
from pipeline.verdict import ModelIdentity, SamplingRecord, Status, Verdict, label_of

log = logging.getLogger(__name__)

_FRAME_BATCH = 16
_FRAME_BATCH_BYTES = 64 << 20
_CROP_BATCH = 64


@dataclass(slots=True, eq=False)
class _Progress:
    """What has been found in one file so far, kept when decoding breaks off."""

    started: float = field(default_factory=time.perf_counter)
    media: MediaInfo | None = None
    frames: int = 0
    tracks: list[Track] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    timing_s: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        before = time.perf_counter()
        try:
            yield
        finally:
            self.timing_s[name] = self.timing_s.get(name, 0.0) + time.perf_counter() - before


class Scanner:
    """Scans videos and images for manipulated faces; load it once and use it for any number of files.

    Args:
        model: name of a shipped model, path of a manifest, or None for the default.
        engine: "auto" or one of `classifiers.ENGINES`.
        detector: one of `extractors.DETECTORS`.
        plan: which frames of a video to look at; None for 32, evenly spread.
        pooling: how the faces of a file become one score, one of `pipeline.aggregate.POOLINGS`.
        threads: number of threads for the networks, or None for all cores.

    Raises:
        ModelError: the model cannot be had.
        DetectorUnavailableError: the detector lacks a file.
        ValueError: no such engine, detector or pooling.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        engine: str = "auto",
        detector: str = "mtcnn",
        plan: SamplingPlan | None = None,
        pooling: str = DEFAULT_POOLING,
        threads: int | None = None,
    ) -> None:
        if pooling not in POOLINGS:
            raise ValueError(f"no pooling is called {pooling!r}; there are {', '.join(POOLINGS)}")
        self.model = find_model(model)
        self.plan = plan or SamplingPlan.spread(32)
        self._pooling = pooling
        self._geometry = CropGeometry(self.model.crop_size, self.model.crop_template)
        self._engine: Engine = create_engine(engine, self.model, threads)
        self._detector: FaceDetector = create_detector(detector, threads=threads)
        self.identity = ModelIdentity(
            name=self.model.name,
            weights_sha256=self._engine.weights_sha256,
            engine=self._engine.name,
            precision=self._engine.precision,
            calibration_id=self.model.calibration.id,
            calibrated_on=self.model.calibration.fitted_on,
            detector=self._detector.name,
            pooling=pooling,
        )

    def scan(self, path: str | os.PathLike[str]) -> Verdict:
        """Scan one file.

        A file that cannot be read gives a verdict whose status says so; no exception is raised for bad input.
        """
        progress = _Progress()
        try:
            self._look(Path(path), progress)
        except MediaError as error:
            # What was seen before decoding broke off is told, without a verdict.
            return self._verdict(path, progress, error.status, str(error), self._weigh(progress))
        evidence = self._weigh(progress)
        if evidence is None:
            return self._verdict(path, progress, "no_face", f"no face was found in {progress.frames} frames")
        if evidence.scores is None:
            return self._verdict(path, progress, "insufficient_evidence", _too_little(progress), evidence)
        return self._verdict(path, progress, "ok", None, evidence)

    def failure(self, path: str | os.PathLike[str], message: str) -> Verdict:
        """Give the result of a file whose scan broke off for a reason that lies not in the file."""
        return self._verdict(path, _Progress(), "error", message)

    def scan_many(self, paths: Iterable[str | os.PathLike[str]]) -> Iterator[Verdict]:
        """Scan files one after the other, giving each verdict as soon as it is known."""
        for path in paths:
            yield self.scan(path)

    def _look(self, path: Path, progress: _Progress) -> None:
        with progress.stage("probe"):
            progress.media = probe(path)
        tracker = Tracker()
        pending: list[tuple[Observation, np.ndarray]] = []
        reader = open_frames(progress.media, self.plan)
        try:
            with reader:
                for frames in _batches(reader, progress):
                    self._find(frames, tracker, pending, progress)
        finally:
            self._classify(pending, progress)
            progress.tracks = tracker.tracks()
            progress.warnings += reader.warnings

    def _find(
        self,
        frames: list[Frame],
        tracker: Tracker,
        pending: list[tuple[Observation, np.ndarray]],
        progress: _Progress,
    ) -> None:
        """Find, follow and cut out the faces of some frames."""
        with progress.stage("detect"):
            faces_of = self._detector.detect([frame.image for frame in frames])
        with progress.stage("align"):
            for frame, faces in zip(frames, faces_of, strict=True):
                seen = [Observation(frame.index, frame.time_s, face, face_quality(face)) for face in faces]
                tracker.add(frame, seen)
                pending += [(o, align_face(frame.image, o.face.landmarks, self._geometry)) for o in seen]
        progress.frames += len(frames)
        if len(pending) >= _CROP_BATCH:
            self._classify(pending, progress)

    def _classify(self, pending: list[tuple[Observation, np.ndarray]], progress: _Progress) -> None:
        """Classify the crops that wait, and forget them."""
        if not pending:
            return
        with progress.stage("classify"):
            logits = self._engine.predict(np.stack([crop for _, crop in pending]))
        for (observation, _), row in zip(pending, logits, strict=True):
            observation.logits = row
        pending.clear()

    def _weigh(self, progress: _Progress) -> Evidence | None:
        if not progress.tracks:
            return None
        return weigh(
            progress.tracks,
            progress.frames,
            self.model.calibration,
            self.model.thresholds,
            self._pooling,
        )

    def _verdict(
        self,
        path: str | os.PathLike[str],
        progress: _Progress,
        status: Status,
        message: str | None,
        evidence: Evidence | None = None,
    ) -> Verdict:
        progress.timing_s["total"] = time.perf_counter() - progress.started
        scores = evidence.scores if evidence and status == "ok" else None
        return Verdict(
            path=path,
            status=status,
            message=message,
            label=label_of(scores.fake, self.model.thresholds) if scores else None,
            scores=scores,
            thresholds=self.model.thresholds,
            tracks=evidence.tracks if evidence else [],
            segments=evidence.segments if evidence and scores else [],
            media=progress.media,
            model=self.identity,
            sampling=SamplingRecord(str(self.plan), progress.frames),
            timing_s=progress.timing_s,
            warnings=progress.warnings,
        )


def _batches(frames: Iterable[Frame], progress: _Progress) -> Iterator[list[Frame]]:
    """Group frames so that a batch never holds more than a bounded number of bytes."""
    batch: list[Frame] = []
    size = 0
    source = iter(frames)
    while True:
        with progress.stage("decode"):
            frame = next(source, None)
        if frame is None:
            break
        if batch and size + frame.image.nbytes > _FRAME_BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(frame)
        size += frame.image.nbytes
        if len(batch) == _FRAME_BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _too_little(progress: _Progress) -> str:
    longest = max(len(track.observations) for track in progress.tracks)
    if longest < min(MIN_OBSERVATIONS, progress.frames):
        return (
            f"no face was seen in more than {longest} of {progress.frames} sampled frames; "
            "look at more of them with --frames or --fps"
        )
    best = max(
        np.mean([o.quality for o in track.observations])
        for track in progress.tracks
        if len(track.observations) >= min(MIN_OBSERVATIONS, progress.frames)
    )
    return f"every face is too small or too far turned (quality {best:.2f}, {MIN_QUALITY} is needed)"
