"""Faces followed through a clip: few frames are searched as a whole, in the others known faces are found again."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from extractors.detector import FaceDetector, FollowingDetector
from extractors.face import Face

SEARCH_EVERY = 8
"""A frame so many frames after the last searched one is searched itself."""

MAX_GAP_S = 1.5
"""Frames further apart than this, in seconds, tell nothing of where faces are in each other."""

# Of two frames, faces further apart than this, in face sizes, or of more different size, are never the same one.
_REACH = 1.0
_MAX_SIZE_RATIO = 1.8
# A face that moves fast may be found so far from where it should be, in face sizes: what matters is that each has one.
_FAR = 3.0


# In place of the image of a frame whose faces are known: a clip's images would fill the memory.
_NO_IMAGE = np.empty((0, 0, 3), np.uint8)


@dataclass(slots=True, eq=False)
class _Frame:
    """A frame of the clip; it has no faces until they are known."""

    time_s: float
    starts_shot: bool
    image: NDArray[np.uint8]
    faces: list[Face] = field(default_factory=list)
    known: bool = False
    searched: bool = False


_time = attrgetter("time_s")


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """From frames whose faces are known to one right beside them.

    Attributes:
        frame: that one.
        near: where the faces of known frames right beside it should be.
        far: faces that only a known frame further away has; they may be here already, or still.
    """

    frame: _Frame
    near: list[Face]
    far: list[Face]


@dataclass(slots=True, eq=False)
class FaceFollower:
    """Finds the faces in the frames of one clip, for a fraction of what a search of every frame costs.

    A frame is searched as a whole if it is the first of its shot, `SEARCH_EVERY` frames after another one, or the
    last of those given together. From each frame whose faces are known, on both sides, they are followed into the
    next: the detector looks for each at its last place, moved on towards its place in the known frame beyond. Where
    one is lost, the frame is searched after all. What may be missed is a face that shows up and goes between two
    searches, as far as `FollowingDetector.follow` finds no new ones.

    A detector that cannot follow searches every frame.

    Args:
        detector: finds the faces. It is used as long as `detect` runs, and by no one else meanwhile.
    """

    detector: FaceDetector
    _clip: list[_Frame] = field(default_factory=list, init=False)

    def detect(
        self, images: Sequence[NDArray[np.uint8]], times_s: Sequence[float], starts_shot: Sequence[bool]
    ) -> list[list[Face]]:
        """Find the faces of some frames of the clip.

        The frames may come in any order, and those of a later call lie between those of an earlier one. The more of
        them come together, the fewer are searched.

        Args:
            images: RGB uint8 arrays of shape (height, width, 3), all of one size.
            times_s: when each is shown, in seconds.
            starts_shot: for each, whether the shot has changed since the frame before it, in time, among all that
                were given so far.

        Returns:
            For each image its faces, as `FaceDetector.detect` gives them.

        Raises:
            ValueError: if an image is not of that shape and type, or empty, or the arguments differ in length.
        """
        frames = [_Frame(*values) for values in zip(times_s, starts_shot, images, strict=True)]
        detector = self.detector
        if not isinstance(detector, FollowingDetector):
            return detector.detect(images)
        if not frames:
            return []
        for frame in frames:
            insort(self._clip, frame, key=_time)
        shots = list(_shots(self._around(min(times_s), max(times_s))))
        for shot in shots:
            _plan(shot)
        _search(detector, [frame for frame in frames if frame.searched])
        while steps := [step for shot in shots for step in _next_steps(shot)]:
            _follow(detector, steps)
        for frame in frames:
            frame.image = _NO_IMAGE
        return [frame.faces for frame in frames]

    def forget(self, before_s: float) -> None:
        """Give up the faces of frames before a time, between which none are going to be asked for any more."""
        del self._clip[: bisect_left(self._clip, before_s, key=_time)]

    def _around(self, first_s: float, last_s: float) -> list[_Frame]:
        """The frames between two times, and those before and after from which faces can be followed to them."""
        start = bisect_left(self._clip, first_s, key=_time) - SEARCH_EVERY
        return self._clip[max(0, start) : bisect_right(self._clip, last_s, key=_time) + SEARCH_EVERY]


def _shots(frames: Sequence[_Frame]) -> Iterator[list[_Frame]]:
    """Cut into stretches in which neighbouring frames tell of each other."""
    starts = [
        position
        for position, (before, frame) in enumerate(pairwise(frames), 1)
        if frame.starts_shot or frame.time_s - before.time_s > MAX_GAP_S
    ]
    for start, end in zip([0, *starts], [*starts, len(frames)], strict=True):
        yield list(frames[start:end])


def _plan(shot: Sequence[_Frame]) -> None:
    """Mark which of the frames that are not yet known are to be searched."""
    age = SEARCH_EVERY
    for frame in shot:
        if not frame.known:
            # A search at the end lets faces that came after the last one be followed back.
            frame.searched = age >= SEARCH_EVERY or (frame is shot[-1] and age > SEARCH_EVERY // 2)
        age = 1 if frame.searched else age + 1


def _search(detector: FaceDetector, frames: Sequence[_Frame]) -> None:
    """Look for faces in whole frames."""
    for frame, faces in zip(frames, detector.detect([frame.image for frame in frames]), strict=True):
        frame.faces, frame.known, frame.searched = faces, True, True


def _follow(detector: FollowingDetector, steps: Sequence[_Step]) -> None:
    """Look for faces where they should be, and search the frames in which one is lost."""
    images, expected = [step.frame.image for step in steps], [[*step.near, *step.far] for step in steps]
    for step, faces in zip(steps, detector.follow(images, expected), strict=True):
        step.frame.faces, step.frame.known = faces, True
    lost = [step.frame for step in steps if len(_pairs(step.near, step.frame.faces, _FAR)) < len(step.near)]
    _search(detector, lost)


def _next_steps(shot: Sequence[_Frame]) -> Iterator[_Step]:
    """All steps that can be taken at the same time."""
    known = [position for position, frame in enumerate(shot) if frame.known]
    for position, frame in enumerate(shot):
        later = bisect_left(known, position)
        before = known[later - 1] if later else None
        after = known[later] if later < len(known) else None
        if not frame.known and (before == position - 1 or after == position + 1):
            yield _step(
                frame,
                None if before is None else shot[before],
                None if after is None else shot[after],
                before_is_near=before == position - 1,
                after_is_near=after == position + 1,
            )


def _step(
    frame: _Frame, before: _Frame | None, after: _Frame | None, *, before_is_near: bool, after_is_near: bool
) -> _Step:
    """The step to a frame from the known ones before and after it; of one that is near, every face is expected."""
    earlier, later = (known.faces if known else [] for known in (before, after))
    near: list[Face] = []
    far: list[Face] = []
    pairs = _pairs(earlier, later, _REACH)
    if before and after:
        share = _share(frame.time_s, before.time_s, after.time_s)
        near.extend(_between(earlier[i], later[j], share) for i, j in pairs.items())
    (near if before_is_near else far).extend(face for i, face in enumerate(earlier) if i not in pairs)
    (near if after_is_near else far).extend(face for j, face in enumerate(later) if j not in pairs.values())
    return _Step(frame, near, far)


def _pairs(some: Sequence[Face], others: Sequence[Face], reach: float) -> dict[int, int]:
    """Match faces of two frames, the nearest first; index of one to index of the other.

    Args:
        some: faces of one frame.
        others: faces of the other.
        reach: how far apart, in face sizes, the two of a pair may be.
    """
    near = []
    for i, a in enumerate(some):
        for j, b in enumerate(others):
            sizes = np.array([a.box[2:].max(), b.box[2:].max()])
            apart = np.linalg.norm((a.box[:2] + a.box[2:] / 2) - (b.box[:2] + b.box[2:] / 2)) / sizes.max()
            if apart <= reach and sizes.max() <= _MAX_SIZE_RATIO * sizes.min():
                near.append((apart, i, j))
    pairs: dict[int, int] = {}
    for _, i, j in sorted(near):
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


def _share(time_s: float, before_s: float, after_s: float) -> float:
    """How much of the way between two times has gone; half where they are one, as in files without a clock."""
    return (time_s - before_s) / (after_s - before_s) if after_s > before_s else 0.5


def _between(a: Face, b: Face, share: float) -> Face:
    """A face that has gone a share of the way from one place to another."""
    return Face(a.box + (b.box - a.box) * share, a.landmarks + (b.landmarks - a.landmarks) * share, a.confidence)
