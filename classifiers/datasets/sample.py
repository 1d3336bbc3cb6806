"""What a data set says of each of its pictures and videos, and how a picture is read."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from classifiers.errors import DataError

GENERATED_FAMILIES = frozenset({"gan", "diffusion", "reenactment", "lipsync"})
"""Families of forgeries whose whole face was generated; in all others a real face was altered."""

Picture = npt.NDArray[np.uint8]
"""RGB (height, width, 3)."""

Landmarks = npt.NDArray[np.floating[Any]]
"""Five points (5, 2), x and y in pixels of a picture, in the order of `extractors.face.LANDMARK_NAMES`."""

AlignFace = Callable[[npt.NDArray[Any], Landmarks], npt.NDArray[Any]]
"""Cuts the crop of a picture (RGB uint8, or a mask), given the landmarks in it; the one that scanning uses."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One picture or video of a data set.

    Attributes:
        path: the picture or video file, or the zip file that holds it.
        fake: whether the face is not as a camera saw it.
        member: its name in the zip file; "" where `path` is the file itself.
        split: "train", "val", "test" or "dev"; "" where the data set does not say.
        family: kind of forgery; "" for real ones and where it is not known. "faceswap" puts another face into a
            picture and "expression_swap" another expression on the face that is there; "reenactment" and "lipsync"
            generate a face that moves in another way, and "gan" and "diffusion" make one up.
        source: what it was made from or where it was published, where that joins samples which must not be told
            apart by split: a DFDC fake and its original share one. "" for none.
        clip: the video that this is, or that this is a frame of; "" for a still.
        person: who is seen; "" where that is not known.
        landmarks: float32 (5, 2) x, y in pixels of the picture, in the order of `extractors.face.LANDMARK_NAMES`,
            or None where faces have not been looked for.
        origin: what it was published by, with others that may be real and forged, such as a repository; "" where that
            is not known.
        scene: what a real picture and its forgeries show alike: the scene that was filmed, with one face or another
            in it; "" where that is not known.
    """

    path: Path
    fake: bool
    member: str = ""
    split: str = ""
    family: str = ""
    source: str = ""
    clip: str = ""
    person: str = ""
    landmarks: npt.NDArray[np.float32] | None = None
    origin: str = ""
    scene: str = ""

    @property
    def name(self) -> str:
        """Path for people to read; unique within a data set."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    @property
    def group(self) -> str:
        """The clip, or the file itself for stills; samples of one group are never independent."""
        return self.clip or self.name

    @property
    def known_landmarks(self) -> npt.NDArray[np.float32]:
        """The landmarks, for those who cannot do without.

        Raises:
            DataError: faces have not been looked for.
        """
        if self.landmarks is None:
            raise DataError(f"{self.name} has no landmarks; make face crops of the data set with `facewitness faces`")
        return self.landmarks


class PictureReader:
    """Reads the pixels of samples that are pictures, in zip files too; one reader serves one process."""

    def __init__(self) -> None:
        self._archives: dict[Path, zipfile.ZipFile] = {}

    def bytes(self, sample: Sample) -> bytes:
        """Read the encoded picture.

        Raises:
            DataError: the file is missing or damaged.
        """
        try:
            if not sample.member:
                return sample.path.read_bytes()
            archive = self._archives.get(sample.path)
            if archive is None:
                archive = self._archives[sample.path] = zipfile.ZipFile(sample.path)
            return archive.read(sample.member)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise DataError(f"cannot read {sample.name}: {error}") from error

    def read(self, sample: Sample) -> Picture:
        """Decode a picture to RGB uint8 (height, width, 3).

        Raises:
            DataError: the file is missing, damaged or no picture.
        """
        content = np.frombuffer(self.bytes(sample), np.uint8)
        picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
        if picture is None:
            raise DataError(f"{sample.name} is not a picture that can be decoded")
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)

    def __getstate__(self) -> dict[str, object]:
        # Open archives share a file position with a forked or spawned reader: each process opens its own.
        return {"_archives": {}}
