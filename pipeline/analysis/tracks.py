"""Faces joined over time: one track per person and shot."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from extractors.face import overlap
from pipeline.media.holds import Hold
from pipeline.results.parts import Observation, Track


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """What was seen in one frame.

    Attributes:
        time_s: presentation time in seconds.
        size: width and height in pixels.
        scene: what the frame looks like from afar.
        observations: its faces.
        refinement: whether it is from a closer look, beside the frames that are sampled.
    """

    time_s: float
    size: tuple[int, int]
    scene: Scene
    observations: list[Observation]
    refinement: bool = False

    def is_another_shot(self, before: SeenFrame) -> bool:
        """Tell whether the shot has changed since a frame before this one."""
        (width, height), (width_before, height_before) = self.size, before.size
        # A picture that is scaled goes on; one of another form was put together anew.
        is_other_form = abs(width * height_before / (height * width_before) - 1) > _SAME_FORM
        return is_other_form or self.scene.is_another_shot(before.scene)


class Tracker:
    """Joins faces of successive frames by overlap, motion and size; a shot change ends every track.

    A face may be missing for a while (a turned head, a hand) and is taken up again where it is expected.

    Args:
        holds: the frames that stay on screen, by their presentation times.
        max_missed: sampled frames that a face may be missing before its track ends.
        max_gap_s: seconds from its last frame, or from where that stops being held, to the last sampled one without it;
            however far apart frames are sampled, neighbouring ones are joined.
    """

    def __init__(self, holds: Mapping[float, Hold] | None = None, max_missed: int = 3, max_gap_s: float = 2.0) -> None:
        self._holds = holds or {}
        self._max_gap_s = max_gap_s
        self._recent_s: deque[float] = deque(maxlen=max_missed + 1)
        self._latest: SeenFrame | None = None
        self._open: list[Track] = []
        self._tracks: list[Track] = []
        self._count = 0

    def add(self, frame: SeenFrame) -> None:
        """Take in the faces of a frame that is later than every one before it."""
        if self._latest is not None and frame.is_another_shot(self._latest):
            self._open = []
        self._latest = frame
        matched = _assign(self._open, frame.observations)
        for position, observation in enumerate(frame.observations):
            if position in matched:
                matched[position].observations.append(observation)
            else:
                self._count += 1
                track = Track(self._count, [observation])
                self._tracks.append(track)
                self._open.append(track)
        if not frame.refinement:
            self._recent_s.append(frame.time_s)
            self._open = [track for track in self._open if self._may_go_on(track)]

    def end_shot(self) -> None:
        """End every track: whoever is seen next is somebody new."""
        self._open = []

    def _may_go_on(self, track: Track) -> bool:
        now_s = self._recent_s[-1]
        hold = self._holds.get(track.end_s)
        last_s = track.end_s + hold.shown_s if hold else track.end_s
        return track.end_s >= self._recent_s[0] and now_s - last_s <= self._max_gap_s

    def tracks(self) -> list[Track]:
        """Give all tracks so far, in order of appearance."""
        return self._tracks

    def open(self) -> list[Track]:
        """Give the tracks that may still go on, in order of appearance."""
        return self._open

    def forget(self, before_s: float) -> None:
        """Give up what was seen before a time: tracks that have ended, and faces of the others but the last two."""
        self._tracks = [track for track in self._tracks if track.end_s >= before_s or track in self._open]
        for track in self._tracks:
            old = bisect_left(track.observations, before_s, key=attrgetter("time_s"))
            # By two, the next place is guessed.
            del track.observations[: max(0, min(old, len(track.observations) - 2))]


# Shapes of pictures that differ by less than this share are the same, but for what rounding to whole pixels does.
_SAME_FORM = 0.02

# Faces further apart than this, in face sizes, or of more different size are never the same person.
_REACH = 0.8
_MAX_SIZE_RATIO = 1.8


def _assign(tracks: Sequence[Track], observations: Sequence[Observation]) -> dict[int, Track]:
    """Match observations to tracks: position of the observation to its track."""
    if not tracks or not observations:
        return {}
    cost = np.full((len(observations), len(tracks)), np.inf)
    for column, track in enumerate(tracks):
        last = _box(track.observations[-1], observations[0].frame_size)
        expected = _expected_box(track, observations[0])
        for row, observation in enumerate(observations):
            # Where a head nods the last place is the better guess, where it walks the predicted one.
            cost[row, column] = min(_distance(expected, observation.face.box), _distance(last, observation.face.box))
    # The assignment needs finite costs; what cannot be matched costs more than any match and is dropped after.
    rows, columns = linear_sum_assignment(np.where(np.isfinite(cost), cost, 1e6))
    return {int(r): tracks[c] for r, c in zip(rows, columns, strict=True) if np.isfinite(cost[r, c])}


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    size_a, size_b = np.sqrt(a[2] * a[3]), np.sqrt(b[2] * b[3])
    if not min(size_a, size_b) > 0 or max(size_a, size_b) / min(size_a, size_b) > _MAX_SIZE_RATIO:
        return np.inf
    apart = float(np.linalg.norm((a[:2] + a[2:] / 2) - (b[:2] + b[2:] / 2))) / float(max(size_a, size_b))
    return apart + (1 - overlap(a, b)) if apart <= _REACH else np.inf


def _box(seen: Observation, size: tuple[int, int] | None) -> np.ndarray:
    """Give the box of a face in pixels of another frame of the same form."""
    if seen.frame_size == size or seen.frame_size is None or size is None:
        return seen.face.box
    return seen.face.box * np.float32(size[0] / seen.frame_size[0])


def _expected_box(track: Track, now: Observation) -> np.ndarray:
    """Move the last box on by the track's last speed, to the time of another face and in pixels of its frame."""
    last = track.observations[-1]
    last_box = _box(last, now.frame_size)
    if len(track.observations) < 2:
        return last_box
    before = track.observations[-2]
    elapsed = last.time_s - before.time_s
    if elapsed <= 0:
        return last_box
    motion = (last_box[:2] - _box(before, now.frame_size)[:2]) * ((now.time_s - last.time_s) / elapsed)
    # A step of more than one face size is more likely a wrong detection than speed.
    size = float(np.sqrt(last_box[2] * last_box[3]))
    motion = np.clip(motion, -size, size)
    return np.concatenate([last_box[:2] + motion, last_box[2:]])


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What a frame looks like from afar, by which shot changes are told.

    Attributes:
        thumbnail: float32 (9, 16), brightness.
        histogram: float32 (6, 36), smoothed counts of colours.
    """

    thumbnail: np.ndarray
    histogram: np.ndarray

    @classmethod
    def of(cls, image: np.ndarray) -> Scene:
        """Look at an RGB uint8 (height, width, 3) picture of any size."""
        small = cv2.resize(image, (64, 36), interpolation=cv2.INTER_AREA)
        thumbnail = cv2.resize(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (16, 9), interpolation=cv2.INTER_AREA)
        histogram = cv2.calcHist([small], [0, 1, 2], None, [6, 6, 6], [0, 256] * 3)
        return cls(thumbnail.astype(np.float32), cv2.GaussianBlur(histogram.reshape(6, 36), (3, 3), 0))

    def is_another_shot(self, before: Scene) -> bool:
        """Tell whether the shot has changed since a scene before this one.

        Both the arrangement (the thumbnail) and the colours (the histogram) must change: motion alone changes the
        first, a flash or exposure step alone the second.
        """
        same_place = _correlation(before.thumbnail, self.thumbnail)
        colours = cv2.compareHist(before.histogram, self.histogram, cv2.HISTCMP_BHATTACHARYYA)
        return same_place < 0.5 and colours > 0.35


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    # Two flat pictures are alike as far as arrangement goes.
    return float((a * b).sum()) / scale if scale > 1e-3 else 1.0
