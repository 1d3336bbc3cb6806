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
from pipeline.analysis.crop_queue import CropQueue, FileCrops
from pipeline.analysis.tracks import Observation, Scene, SeenFrame, Track, Tracker
from pipeline.media.frame_source import FrameSource, Rounds
from pipeline.media.probing import probe
from pipeline.media.sampling import SamplingPlan
from pipeline.media.types import Frame, MediaError, MediaInfo

_FRAME_BATCH = 32
_FRAME_BATCH_BYTES = 40 << 20


@dataclass(slots=True, eq=False)
class Sight:
    """What has been seen of one file so far; kept when decoding breaks off.

    Attributes:
        started: on the clock of `time.perf_counter`.
        media: facts about the file, None until it has been probed.
        frames: number of frames that were looked at.
        rounds: the same for each round.
        tracks: the people in them, every observation with its logits.
        warnings: what the user should know.
        timing_s: seconds by stage.
    """

    started: float = field(default_factory=time.perf_counter)
    media: MediaInfo | None = None
    frames: int = 0
    rounds: list[int] = field(default_factory=list)
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


class StoppedError(Exception):
    """Looking was broken off because nobody wants the result any more."""


class Looker:
    """Looks at files, from any number of threads.

    Args:
        detector: finds the faces.
        geometry: the crop that the classifier was trained on.
        engine: the classifier.

    Attributes:
        detector: as given.
        detector_free: held by the thread that uses it.
        geometry: as given.
    """

    def __init__(self, detector: FaceDetector, geometry: CropGeometry, engine: Engine) -> None:
        self.detector = detector
        self.detector_free = threading.Lock()
        self.geometry = geometry
        self._queue = CropQueue(engine)

    def look(
        self,
        path: Path,
        plan: SamplingPlan,
        sight: Sight,
        rounds: Rounds | None = None,
        stopped: threading.Event | None = None,
    ) -> None:
        """Look at the frames that a plan chooses, all in order or in rounds.

        Args:
            path: the file.
            plan: which frames.
            sight: gets what is seen, also where an error ends it.
            rounds: which frames of a video first.
            stopped: breaks off looking once it is set.

        Raises:
            MediaError: the file cannot be read to its end.
            StoppedError: `stopped` was set.
        """
        with sight.stage("probe"):
            sight.media = probe(path)
        source = FrameSource(sight.media, plan)
        with self._queue.open() as crops:
            clip = _Clip(self, crops, sight, stopped)
            try:
                if rounds is None or sight.media.kind == "image":
                    clip.see(source.in_order(), closer=False)
                    return
                for frames, closer in source.in_rounds(rounds):
                    try:
                        clip.see(frames, closer)
                    except MediaError as error:
                        if not sight.frames:
                            raise
                        # Other rounds may meet what can be read, and have.
                        sight.warnings.append(str(error))
            finally:
                sight.warnings += source.warnings


class _Clip:
    """One file while it is looked at."""

    def __init__(self, looker: Looker, crops: FileCrops, sight: Sight, stopped: threading.Event | None) -> None:
        self._looker = looker
        self._follower = FaceFollower(looker.detector)
        self._crops = crops
        self._sight = sight
        self._stopped = stopped
        self._seen: dict[float, SeenFrame] = {}
        self._times_s: list[float] = []

    def see(self, frames: Iterator[Frame], closer: bool) -> None:
        """Look at some more frames, until all their faces are in tracks and classified.

        Raises:
            MediaError: decoding broke off; what came before is in tracks and classified too.
        """
        before = self._sight.frames
        failure: MediaError | None = None
        try:
            with contextlib.closing(frames):
                for batch in self._batches(frames):
                    self._see_batch(batch, closer)
        except MediaError as error:
            failure = error
        with self._sight.stage("classify"):
            self._crops.finish()
        tracker = Tracker()
        for time_s in self._times_s:
            tracker.add(self._seen[time_s])
        self._sight.tracks = tracker.tracks()
        self._sight.rounds.append(self._sight.frames - before)
        if failure:
            raise failure

    def _batches(self, frames: Iterator[Frame]) -> Iterator[list[Frame]]:
        """Group frames, each time once, so that a batch never holds more than a bounded number of bytes."""
        batch: dict[float, Frame] = {}
        size = 0
        failure: MediaError | None = None
        while True:
            with self._sight.stage("decode"):
                try:
                    frame = next(frames, None)
                except MediaError as error:
                    frame, failure = None, error
            if self._stopped is not None and self._stopped.is_set():
                raise StoppedError
            if batch and (frame is None or len(batch) == _FRAME_BATCH or size + frame.nbytes > _FRAME_BATCH_BYTES):
                yield list(batch.values())
                batch, size = {}, 0
            if failure:
                raise failure
            if frame is None:
                return
            if frame.time_s not in self._seen and frame.time_s not in batch:
                batch[frame.time_s] = frame
                size += frame.nbytes

    def _see_batch(self, frames: Sequence[Frame], closer: bool) -> None:
        """Find, cut out and hand in the faces of some frames, each picture once."""
        with self._sight.stage("detect"):
            pictures = _distinct(frames)
            faces_of = self._find(pictures, closer)
        for shown, faces in zip(pictures, faces_of, strict=True):
            for face in faces:
                with self._sight.stage("align"):
                    crop = align_face(shown[0].pixels, face.landmarks, self._looker.geometry)
                quality = face_quality(face)
                observations = [Observation(f.index, f.time_s, face, quality, closer=closer) for f in shown]
                for observation in observations:
                    self._seen[observation.time_s].observations.append(observation)
                with self._sight.stage("classify"):
                    self._crops.add(crop, observations)
        self._sight.frames += len(frames)

    def _find(self, pictures: Sequence[Sequence[Frame]], closer: bool) -> list[list[Face]]:
        """Find the faces of pictures, in pixels of the frame."""
        small = [shown[0].shrunk(self._follower.detector.detection_side) for shown in pictures]
        starts_shot = []
        for shown, image in zip(pictures, small, strict=True):
            scene = Scene.of(image)
            place = bisect_left(self._times_s, shown[0].time_s)
            before = self._seen[self._times_s[place - 1]] if place else None
            starts_shot.append(before is not None and scene.is_another_shot(before.scene))
            for frame in shown:
                insort(self._times_s, frame.time_s)
                self._seen[frame.time_s] = SeenFrame(frame.time_s, scene, [], closer)
        with self._looker.detector_free:
            found = self._follower.detect(small, [shown[0].time_s for shown in pictures], starts_shot)
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
