"""Finds the faces of one file: each picture once, followed from frame to frame, joined to tracks."""

from __future__ import annotations

import contextlib
import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from extractors import Face, FaceDetector
from extractors.orientation import FaceFinder, FoundFaces
from extractors.quality import face_quality
from pipeline.analysis.stopwatch import Stopwatch
from pipeline.analysis.tracks import Scene, SeenFrame, Tracker
from pipeline.media.holds import Hold
from pipeline.media.limits import StoppedError
from pipeline.media.types import Frame, MediaError, Pixels
from pipeline.results.parts import Observation, Track

_FRAME_BATCH = 32
_FRAME_BATCH_BYTES = 40 << 20

Cut = TypeVar("Cut")


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
        self._finder = FaceFinder(shared.detector)
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

    def latest(self) -> SeenFrame:
        """Give what was seen in the latest frame, of which there must be one."""
        return self._seen[self._times_s[-1]]

    def forget(self, before_s: float) -> None:
        """Give up what was seen before a time, but for the latest frame; `tracks` then begin there."""
        gone = min(bisect_left(self._times_s, before_s), len(self._times_s) - 1)
        for time_s in self._times_s[: max(gone, 0)]:
            for seen in self._seen.pop(time_s).observations:
                del self.cuts[seen]
        del self._times_s[: max(gone, 0)]
        self._finder.forget(before_s)

    def sampled_s(self) -> list[float]:
        """Give the presentation times of all frames so far but those of a closer look, ascending."""
        return [frame.time_s for frame in self.seen() if not frame.refinement]

    def tracks(self, holds: Mapping[float, Hold] | None = None) -> list[Track]:
        """Join the faces of all frames so far to tracks, in order of appearance.

        Args:
            holds: the frames that stay on screen, by their presentation times.
        """
        tracker = Tracker(holds)
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
        for shown, found in zip(pictures, faces_of, strict=True):
            for face in found.faces:
                cut = self._cut(shown[0].pixels, face)
                quality, turned_deg = face_quality(face), 90 * found.turn
                for frame in shown:
                    seen = self._seen[frame.time_s]
                    observation = Observation(
                        frame.index,
                        frame.time_s,
                        face,
                        quality,
                        refinement=refinement,
                        frame_size=seen.size,
                        turned_deg=turned_deg,
                    )
                    seen.observations.append(observation)
                    self.cuts[observation] = cut
        self.frames += len(frames)

    def _detect(self, pictures: Sequence[Sequence[Frame]], refinement: bool) -> list[FoundFaces]:
        """Find the faces of pictures, in pixels of the frame as it is shown."""
        small = [shown[0].shrunk(self._finder.detector.detection_side) for shown in pictures]
        starts_shot = []
        for shown, image in zip(pictures, small, strict=True):
            height, width, _ = shown[0].pixels.shape
            seen = SeenFrame(shown[0].time_s, (width, height), Scene.of(image), [], refinement)
            place = bisect_left(self._times_s, seen.time_s)
            before = self._seen[self._times_s[place - 1]] if place else None
            # A face is followed in pixels: a picture that is scaled is searched anew, even if its shot goes on.
            starts_shot.append(before is not None and (before.size != seen.size or seen.is_another_shot(before)))
            for frame in shown:
                insort(self._times_s, frame.time_s)
                self._seen[frame.time_s] = replace(seen, time_s=frame.time_s, observations=[])
        with self._detector_free:
            found = self._finder.detect(small, [shown[0].time_s for shown in pictures], starts_shot)
        return [_in_frame(*each) for each in zip(found, small, [shown[0] for shown in pictures], strict=True)]


def _in_frame(found: FoundFaces, small: npt.NDArray[np.uint8], frame: Frame) -> FoundFaces:
    """Take faces from the turned small copy, in which they were found, to the frame."""
    size = np.array(frame.pixels.shape[1::-1])
    factor = size / small.shape[1::-1]
    if found.turn % 2:
        size, factor = size[::-1], factor[::-1]
    width, height = size.tolist()
    faces = [face.scaled(factor).turned(-found.turn, (width, height)) for face in found.faces]
    return FoundFaces(faces, found.turn)


def _distinct(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Join successive frames that show the very same picture."""
    pictures: list[list[Frame]] = []
    for frame in frames:
        if pictures and frame.looks_like(pictures[-1][0]):
            pictures[-1].append(frame)
        else:
            pictures.append([frame])
    return pictures
