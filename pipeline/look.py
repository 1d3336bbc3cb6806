"""Looks at one file: decodes it, finds, follows and cuts out its faces, and has them classified.

Any number of files can be looked at at a time, each in a thread of its own: one is decoded while the faces of another
are sought, and their crops fill the same batches.
"""

from __future__ import annotations

import contextlib
import threading
import time
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from classifiers import Engine
from extractors import Face, FaceDetector
from extractors.align import CropGeometry, align_face
from extractors.follow import FaceFollower
from extractors.quality import face_quality
from pipeline.crop_queue import CropQueue, FileCrops
from pipeline.frame_source import FrameSource, Rounds
from pipeline.media import Frame, MediaInfo, probe
from pipeline.sampling import SamplingPlan
from pipeline.tracks import Observation, Scene, SeenFrame, Track, Tracker

_FRAME_BATCH = 32
_FRAME_BATCH_BYTES = 64 << 20


@dataclass(slots=True, eq=False)
class Sight:
    """What has been seen of one file so far; kept when decoding breaks off.

    Attributes:
        started: on the clock of `time.perf_counter`.
        media: facts about the file, None until it has been probed.
        frames: number of frames that were looked at.
        tracks: the people in them, every observation with its logits.
        warnings: what the user should know.
        timing_s: seconds by stage.
    """

    started: float = field(default_factory=time.perf_counter)
    media: MediaInfo | None = None
    frames: int = 0
    tracks: list[Track] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    timing_s: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to a stage."""
        before = time.perf_counter()
        try:
            yield
        finally:
            self.timing_s[name] = self.timing_s.get(name, 0.0) + time.perf_counter() - before


class Looker:
    """Looks at files, from any number of threads.

    Args:
        detector: finds the faces.
        geometry: the crop that the classifier was trained on.
        engine: the classifier.
    """

    def __init__(self, detector: FaceDetector, geometry: CropGeometry, engine: Engine) -> None:
        self._detector = detector
        self._detector_free = threading.Lock()
        self._geometry = geometry
        self._queue = CropQueue(engine)

    def look(self, path: Path, plan: SamplingPlan, sight: Sight, rounds: Rounds | None = None) -> None:
        """Look at the frames that a plan chooses, all in order or in rounds.

        Args:
            path: the file.
            plan: which frames.
            sight: gets what is seen, also where an error ends it.
            rounds: which frames of a video first.

        Raises:
            MediaError: the file cannot be read to its end.
        """
        with sight.stage("probe"):
            sight.media = probe(path)
        source = FrameSource(sight.media, plan)
        with self._queue.open() as crops:
            clip = _Clip(FaceFollower(self._detector), self._detector_free, self._geometry, crops, sight)
            try:
                if rounds is None or sight.media.kind == "image":
                    clip.see(source.in_order())
                else:
                    for frames in source.in_rounds(rounds):
                        clip.see(frames)
            finally:
                sight.warnings += source.warnings


@dataclass(frozen=True, slots=True, eq=False)
class _Clip:
    """One file while it is looked at."""

    follower: FaceFollower
    detector_free: threading.Lock
    geometry: CropGeometry
    crops: FileCrops
    sight: Sight
    seen: dict[float, SeenFrame] = field(default_factory=dict)
    times_s: list[float] = field(default_factory=list)

    def see(self, frames: Iterator[Frame]) -> None:
        """Look at some more frames, until all their faces are in tracks and classified."""
        try:
            with contextlib.closing(frames):
                for batch in _batches((frame for frame in frames if frame.time_s not in self.seen), self.sight):
                    self._see_batch(batch)
        finally:
            with self.sight.stage("classify"):
                self.crops.finish()
            tracker = Tracker()
            for time_s in self.times_s:
                tracker.add(self.seen[time_s])
            self.sight.tracks = tracker.tracks()

    def _see_batch(self, frames: Sequence[Frame]) -> None:
        """Find, cut out and hand in the faces of some frames, each picture once."""
        with self.sight.stage("detect"):
            pictures = _distinct(frames)
            faces_of = self._find(pictures)
        for shown, faces in zip(pictures, faces_of, strict=True):
            for face in faces:
                with self.sight.stage("align"):
                    crop = align_face(shown[0].pixels, face.landmarks, self.geometry)
                quality = face_quality(face)
                observations = [Observation(frame.index, frame.time_s, face, quality) for frame in shown]
                for observation in observations:
                    self.seen[observation.time_s].observations.append(observation)
                with self.sight.stage("classify"):
                    self.crops.add(crop, observations)
        self.sight.frames += len(frames)

    def _find(self, pictures: Sequence[Sequence[Frame]]) -> list[list[Face]]:
        """Find the faces of pictures, in pixels of the frame."""
        small = [shown[0].shrunk(self.follower.detector.detection_side) for shown in pictures]
        starts_shot = []
        for shown, image in zip(pictures, small, strict=True):
            scene = Scene.of(image)
            place = bisect_left(self.times_s, shown[0].time_s)
            before = self.seen[self.times_s[place - 1]] if place else None
            starts_shot.append(before is not None and scene.is_another_shot(before.scene))
            for frame in shown:
                insort(self.times_s, frame.time_s)
                self.seen[frame.time_s] = SeenFrame(frame.time_s, scene, [])
        with self.detector_free:
            found = self.follower.detect(small, [shown[0].time_s for shown in pictures], starts_shot)
        factors = [
            np.divide(shown[0].pixels.shape[1::-1], image.shape[1::-1])
            for shown, image in zip(pictures, small, strict=True)
        ]
        return [[face.scaled(factor) for face in faces] for faces, factor in zip(found, factors, strict=True)]


def _distinct(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Join successive frames that show the very same picture."""
    pictures: list[list[Frame]] = []
    for frame in frames:
        if pictures and frame.looks_like(pictures[-1][0]):
            pictures[-1].append(frame)
        else:
            pictures.append([frame])
    return pictures


def _batches(frames: Iterator[Frame], sight: Sight) -> Iterator[list[Frame]]:
    """Group frames so that a batch never holds more than a bounded number of bytes."""
    batch: list[Frame] = []
    size = 0
    while True:
        with sight.stage("decode"):
            frame = next(frames, None)
        if batch and (frame is None or len(batch) == _FRAME_BATCH or size + frame.nbytes > _FRAME_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        if frame is None:
            return
        batch.append(frame)
        size += frame.nbytes
