"""Finds the faces of a clip whichever way up they stand: on their side, upside down, or turned in the middle of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from statistics import mode

import numpy as np
from numpy.typing import NDArray

from extractors.detector import FaceDetector, TurningDetector
from extractors.face import Face
from extractors.follow import FaceFollower
from extractors.quality import is_plausible

STRETCH = 8
"""As many successive frames, at most, are taken to stand the same way up."""

FEWEST_BLANK = 3
"""So many frames in a row without a face may stand another way up than those around them."""

# Among so many frames without a face, one is looked at in other turns.
_LOOK_EVERY = 16


@dataclass(frozen=True, slots=True, eq=False)
class FoundFaces:
    """The faces of one image.

    Attributes:
        faces: largest first, in pixels of the image after its turn.
        turn: quarters of a turn, clockwise, that the image was given before it was searched; 0 where it shows no face.
    """

    faces: list[Face]
    turn: int = 0

    @property
    def confidence(self) -> float:
        """That of the surest face; 0 where there is none."""
        return max((face.confidence for face in self.faces), default=0.0)


@dataclass(slots=True, eq=False)
class FaceFinder:
    """Finds the faces in the frames of one clip, each as `FaceFollower` does, and which way up they stand.

    What has impossible landmarks is no face (`is_plausible`). Frames are searched as they are. Then each stretch of
    them is looked at: does its surest face stand upright, or is there one in another turn of the picture? If so, all
    frames are searched in that turn too, and those that come later; of each stretch, those faces count that are surer
    and found in more frames.

    A detector that is no `TurningDetector` searches the frames as they are.

    Args:
        detector: finds the faces. It is used as long as `detect` runs, and by no one else meanwhile.
    """

    detector: FaceDetector
    _followers: dict[int, FaceFollower] = field(default_factory=dict, init=False)
    _turn: int = field(default=0, init=False)
    _blank: int = field(default=_LOOK_EVERY, init=False)

    def detect(
        self, images: Sequence[NDArray[np.uint8]], times_s: Sequence[float], starts_shot: Sequence[bool]
    ) -> list[FoundFaces]:
        """Find the faces of some frames of the clip; arguments and errors are those of `FaceFollower.detect`."""
        found = self._search(0, images, times_s, starts_shot)
        if not isinstance(self.detector, TurningDetector):
            return found
        parts = list(_stretches(found))
        turns = [self._turn_of(self.detector, images[part], found[part]) for part in parts]
        for turn in {each for each in (*turns, self._turn) if each}:
            turned = self._search(turn, images, times_s, starts_shot)
            for part in parts:
                if _weight(turned[part]) > _weight(found[part]):
                    found[part] = turned[part]
        if used := [each.turn for each in found if each.turn]:
            self._turn = mode(used)
        return found

    def forget(self, before_s: float) -> None:
        """Give up the faces of frames before a time; see `FaceFollower.forget`."""
        for follower in self._followers.values():
            follower.forget(before_s)

    def _search(
        self, turn: int, images: Sequence[NDArray[np.uint8]], times_s: Sequence[float], starts_shot: Sequence[bool]
    ) -> list[FoundFaces]:
        """Find the faces of frames that are turned before."""
        follower = self._followers.setdefault(turn, FaceFollower(self.detector))
        turned = [np.ascontiguousarray(np.rot90(image, -turn)) for image in images] if turn else images
        plausible = [list(filter(is_plausible, faces)) for faces in follower.detect(turned, times_s, starts_shot)]
        return [FoundFaces(faces, turn if faces else 0) for faces in plausible]

    def _turn_of(
        self, detector: TurningDetector, images: Sequence[NDArray[np.uint8]], found: Sequence[FoundFaces]
    ) -> int | None:
        """Tell which way up a stretch stands; None where that is unknown."""
        surest = max(found, key=lambda each: each.confidence)
        if surest.faces:
            return detector.turn_of(images[found.index(surest)], surest.faces)
        if self._turn:
            return None
        look = self._blank >= _LOOK_EVERY
        self._blank = len(images) + (0 if look else self._blank)
        return detector.turn_of(images[len(images) // 2], []) if look else None


def _stretches(found: Sequence[FoundFaces]) -> Iterator[slice]:
    """Cut frames where faces are lost for a while or come back, and where there are more than `STRETCH`."""
    cuts, end = [0], 0
    for has_faces, run in groupby(found, key=lambda each: bool(each.faces)):
        start, end = end, end + len(list(run))
        if not has_faces and end - start >= FEWEST_BLANK:
            cuts += [start, end]
    for start, end in pairwise([*cuts, len(found)]):
        for first in range(start, end, STRETCH):
            yield slice(first, min(first + STRETCH, end))


def _weight(found: Sequence[FoundFaces]) -> float:
    return sum(each.confidence for each in found)
