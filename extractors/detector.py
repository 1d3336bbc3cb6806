"""What every face detector promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from extractors.face import Face


class DetectorUnavailableError(RuntimeError):
    """A detector cannot be built here: its library, model file or weights are missing or damaged.

    The message says which, and what to do about it. Raised when a detector is built, never by one that was.
    """


class FaceDetector(Protocol):
    """Finds faces in images. A detector is built once and used for any number of batches, by one thread at a time.

    To add a detector, write a class with these members into a new file and a line into `extractors.DETECTORS`.
    `tests/extractors/test_detector_conformance.py` then tests it as it does every other; that suite is the contract.

    Its constructor takes keyword arguments only, each with a default, among them `threads`: the number of CPU threads,
    or None to leave it to the library. It raises ImportError where a library is missing, and `DetectorUnavailableError`
    where a file is.

    Attributes:
        name: the key in `extractors.DETECTORS`.
        detection_side: images with a longer side than this, in pixels, are shrunk to it before the search. A caller
            who needs small pictures too may shrink them once for both; see `extractors.shrink.shrink_to_side`.
    """

    name: str
    detection_side: int

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Face]]:
        """Find the faces of each image.

        Args:
            images: RGB uint8 arrays of shape (height, width, 3); sizes may differ within the batch.

        Returns:
            For each image its faces, largest first; an empty list where there is none. What is found in an image does
            not depend on the others.

        Raises:
            ValueError: an image is not of that shape and type, or empty.
        """
        ...


@runtime_checkable
class FollowingDetector(FaceDetector, Protocol):
    """A detector that finds faces again for less than a search costs, where it is roughly known where they are.

    A detector need not be one: `extractors.follow.FaceFollower` has every frame searched by one that is not.
    """

    def follow(self, images: Sequence[NDArray[np.uint8]], expected: Sequence[Sequence[Face]]) -> list[list[Face]]:
        """Find faces near where they are expected, and others as far as that costs much less than `detect`.

        Args:
            images: as for `detect`.
            expected: for each image its faces as they are expected to be, such as those of the frame before.

        Returns:
            As from `detect`; an expected face that is not there is not among them, and two expected faces that have
            become one are one.

        Raises:
            ValueError: an image is not of that shape and type, or empty, or the arguments differ in length.
        """
        ...


@runtime_checkable
class TurningDetector(FaceDetector, Protocol):
    """A detector that can tell which way up a picture stands, for less than a search of it costs.

    A detector need not be one: `extractors.orientation.FaceFinder` has pictures searched as they are by one that is
    not.
    """

    def turn_of(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> int | None:
        """Tell how a picture is to be turned for its faces to stand upright.

        Args:
            image: RGB uint8 array of shape (height, width, 3).
            faces: what was found in it as it is; may be none.

        Returns:
            Quarters of a turn, clockwise, 0 to 3; None where no face was found and none shows in another turn either.

        Raises:
            ValueError: the image is not of that shape and type, or empty.
        """
        ...
