"""The faces of one clip, each judged by every network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from extractors import Face
from extractors.face_crop import FaceCrop
from pipeline.analysis.crop_queue import FileCrops
from pipeline.analysis.face_search import FaceSearch, SharedDetector
from pipeline.analysis.stopwatch import Stopwatch
from pipeline.analysis.tracks import SeenFrame
from pipeline.media.holds import Hold
from pipeline.media.types import Frame, MediaError, Pixels
from pipeline.results.parts import Observation, Track

Join = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""From the logits of several networks, float32 (networks, 2), to joint log odds, float32 (2,)."""


class JudgedSearch:
    """Finds the faces in the frames of one clip, as `FaceSearch` does, and lets every network judge them.

    Args:
        detector: finds the faces.
        networks: the crop that each network wants, and where it is handed in.
        join: makes joint log odds of what several of them say; None for one.
        stopwatch: gets the seconds of each stage.
        stopped: breaks the search off once it is set.
    """

    def __init__(
        self,
        detector: SharedDetector,
        networks: Sequence[tuple[FaceCrop, FileCrops]],
        join: Join | None,
        stopwatch: Stopwatch,
        stopped: threading.Event | None = None,
    ) -> None:
        self._networks = networks
        self._join = join
        self._stopwatch = stopwatch
        self._search: FaceSearch[list[Future[npt.NDArray[np.float32]]]]
        self._search = FaceSearch(detector, self._submit, stopwatch, stopped)

    @property
    def frames(self) -> int:
        """Number of frames that were looked at."""
        return self._search.frames

    def search(self, frames: Generator[Frame, None, None], *, refinement: bool = False) -> MediaError | None:
        """Search some more frames, and wait for the logits of their faces; see `FaceSearch.search`.

        Raises:
            StoppedError: `stopped` was set.
            Exception: whatever a network raised.
        """
        failure = self._search.search(frames, refinement=refinement)
        with self._stopwatch.stage("classify"):
            for _, crops in self._networks:
                crops.finish()
        return failure

    def seen(self) -> list[SeenFrame]:
        """Give what was seen in all frames so far, in order of time, faces without their logits."""
        return self._search.seen()

    def sampled_s(self) -> list[float]:
        """Give the presentation times of all frames so far but those of a closer look, ascending."""
        return self._search.sampled_s()

    def tracks(self, holds: Mapping[float, Hold]) -> list[Track]:
        """Join the faces of all frames so far to tracks, with their logits.

        Args:
            holds: the frames that stay on screen, by their presentation times.
        """
        return [
            replace(track, observations=[self.judged(o, holds.get(o.time_s)) for o in track.observations])
            for track in self._search.tracks(holds)
        ]

    def judged(self, seen: Observation, hold: Hold | None = None) -> Observation:
        """Give a face with its logits.

        Args:
            seen: one of those that were found.
            hold: how long its frame stays on screen.
        """
        found = [logits.result() for logits in self._search.cuts[seen]]
        if self._join is None:
            return replace(seen, logits=found[0], hold=hold)
        opinions = np.stack(found)
        return replace(seen, logits=self._join(opinions), opinions=opinions, hold=hold)

    def latest(self) -> SeenFrame:
        """Give what was seen in the latest frame, faces with their logits."""
        frame = self._search.latest()
        return replace(frame, observations=[self.judged(seen) for seen in frame.observations])

    def forget(self, before_s: float) -> None:
        """Give up what was seen before a time, so that a clip without an end takes no more and more memory."""
        self._search.forget(before_s)

    def _submit(self, pixels: Pixels, face: Face) -> list[Future[npt.NDArray[np.float32]]]:
        """Cut the crop that each network wants of a face, each kind once, and hand it in."""
        with self._stopwatch.stage("align"):
            cut = {crop: crop.cut(pixels, face) for crop, _ in self._networks}
        with self._stopwatch.stage("classify"):
            return [crops.submit(cut[crop]) for crop, crops in self._networks]
