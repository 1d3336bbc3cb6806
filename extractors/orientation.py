"""Finds the faces of a clip whichever way up they stand: on their side, upside down, or turned in the middle of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from extractors.detector import FaceDetector, TurningDetector
from extractors.face import Face
from extractors.follow import FaceFollower
from extractors.quality import is_plausible

STRETCH = 8
"""Successive frames that are taken to stand the same way up."""

# Of stretches without a face, every second one is looked at in other turns: that is two frames of 32.
_BLANK_STRETCHES = 2


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
        """That of the surest face; lower than any where there is none."""
        return max((face.confidence for face in self.faces), default=-np.inf)


@dataclass(slots=True, eq=False)
class FaceFinder:
    """Finds the faces in the frames of one clip, each as `FaceFollower` does, and which way up they stand.

    What has impossible landmarks is no face (`is_plausible`). Frames are searched as they are. Then each stretch of
    `STRETCH` of them is looked at: does its surest face stand upright, or is there one in another turn of the picture?
    If so, all of the stretch is searched in that turn, and what is surer counts. The turn is then tried in all later
    stretches without a face. So a stretch in which one face stands upright is never turned.

    A detector that is no `TurningDetector` searches the frames as they are.

    Args:
        detector: finds the faces. It is used as long as `detect` runs, and by no one else meanwhile.
    """

    detector: FaceDetector
    _followers: dict[int, FaceFollower] = field(default_factory=dict, init=False)
    _turn: int = field(default=0, init=False)
    _blank: int = field(default=0, init=False)

    def detect(
        self, images: Sequence[NDArray[np.uint8]], times_s: Sequence[float], starts_shot: Sequence[bool]
    ) -> list[FoundFaces]:
        """Find the faces of some frames of the clip; arguments and errors are those of `FaceFollower.detect`."""
        found = self._search(0, images, times_s, starts_shot)
        if not isinstance(self.detector, TurningDetector):
            return found
        parts = [slice(start, start + STRETCH) for start in range(0, len(images), STRETCH)]
        turns = [self._turn_of(self.detector, images[part], found[part]) for part in parts]
        # Those of which nothing is known come last: they may stand like the others.
        for part, turn in sorted(zip(parts, turns, strict=True), key=lambda item: item[1] is None):
            turn = self._turn if turn is None else turn
            if turn:
                turned = self._search(turn, images[part], times_s[part], starts_shot[part])
                if _surest(turned).confidence > _surest(found[part]).confidence:
                    found[part] = turned
                    self._turn = turn
        return found

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
        surest = _surest(found)
        if surest.faces:
            return detector.turn_of(images[found.index(surest)], surest.faces)
        if self._turn:
            return self._turn
        self._blank += 1
        return detector.turn_of(images[len(images) // 2], []) if self._blank % _BLANK_STRETCHES == 1 else None


def _surest(found: Sequence[FoundFaces]) -> FoundFaces:
    return max(found, key=lambda each: each.confidence)
