"""Finds the faces of one file: each picture once, followed from frame to frame, joined to tracks."""

from __future__ import annotations

import contextlib
import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from extractors import Face, FaceDetector
from extractors.follow import FaceFollower
from extractors.quality import face_quality
from pipeline.analysis.stopwatch import Stopwatch
from pipeline.analysis.tracks import Scene, SeenFrame, Tracker
from pipeline.media.types import Frame, MediaError, Pixels
from pipeline.results.parts import Observation, Track

_FRAME_BATCH = 32
_FRAME_BATCH_BYTES = 40 << 20

Cut = TypeVar("Cut")


class StoppedError(Exception):
    """A search was broken off because nobody wants its result any more."""


@dataclass(slots=True, eq=False)
class SharedDetector:
    """A detector that several threads use in turn.

    Attributes:
        detector: finds the faces.
        free: held by the thread that uses it.
    """

    detector: FaceDetector
    free: threading.Lock = field(default_factory=threading.Lock)


class FaceSearch(Generic[Cut]):
    """Finds the faces in the frames of one file.

    Args:
        shared: finds the faces; other searches may use it at the same time.
        cut: takes what is wanted of each face while its frame is in memory: the pixels of the frame, the face in
            pixels of the frame. It is called once for a picture that several frames show.
        stopwatch: gets the seconds of "decode" and "detect".
        stopped: breaks the search off once it is set.

    Attributes:
        frames: number of frames that were looked at.
        cuts: what `cut` gave for the face of each observation.
    """

    def __init__(
        self,
        shared: SharedDetector,
        cut: Callable[[Pixels, Face], Cut],
        stopwatch: Stopwatch,
        stopped: threading.Event | None = None,
    ) -> None:
        self._detector_free = shared.free
        self._follower = FaceFollower(shared.detector)
        self._cut = cut
        self._stopwatch = stopwatch
        self._stopped = stopped
        self._seen: dict[float, SeenFrame] = {}
        self._times_s: list[float] = []
        self.frames = 0
        self.cuts: dict[Observation, Cut] = {}

    def search(self, frames: Generator[Frame, None, None], *, refinement: bool = False) -> MediaError | None:
        """Search some more frames; they may lie between those of an earlier call.

        Args:
            frames: one at a time from the decoder, in order of time; they are closed at the end.
            refinement: whether they are from a closer look, beside the frames that are sampled.

        Returns:
            Why decoding broke off, or None; the frames before that have been searched.

        Raises:
            StoppedError: `stopped` was set.
        """
        try:
            with contextlib.closing(frames):
                for batch in self._batches(frames):
                    self._search_batch(batch, refinement)
        except MediaError as error:
            return error
        return None

    def seen(self) -> list[SeenFrame]:
        """Give what was seen in all frames so far, in order of time."""
        return [self._seen[time_s] for time_s in self._times_s]

    def tracks(self) -> list[Track]:
        """Join the faces of all frames so far to tracks, in order of appearance."""
        tracker = Tracker()
        for frame in self.seen():
            tracker.add(frame)
        return tracker.tracks()

    def _batches(self, frames: Iterator[Frame]) -> Iterator[list[Frame]]:
        """Group frames, each time once, so that a batch never holds more than a bounded number of bytes."""
        batch: dict[float, Frame] = {}
        size = 0
        failure: MediaError | None = None
        while True:
            with self._stopwatch.stage("decode"):
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

    def _search_batch(self, frames: Sequence[Frame], refinement: bool) -> None:
        with self._stopwatch.stage("detect"):
            pictures = _distinct(frames)
            faces_of = self._detect(pictures, refinement)
        for shown, faces in zip(pictures, faces_of, strict=True):
            for face in faces:
                cut = self._cut(shown[0].pixels, face)
                quality = face_quality(face)
                for frame in shown:
                    observation = Observation(frame.index, frame.time_s, face, quality, refinement=refinement)
                    self._seen[frame.time_s].observations.append(observation)
                    self.cuts[observation] = cut
        self.frames += len(frames)

    def _detect(self, pictures: Sequence[Sequence[Frame]], refinement: bool) -> list[list[Face]]:
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
                self._seen[frame.time_s] = SeenFrame(frame.time_s, scene, [], refinement)
        with self._detector_free:
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
