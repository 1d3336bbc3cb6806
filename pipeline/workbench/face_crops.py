"""Cuts the faces of the main person out of a video or picture; they are found as in a scan.

The label of a video speaks of the file, not of each person in it. Where several people appear, only the faces of the
main track are kept: the one whose number of faces times their mean size is largest. In a picture that is the largest
face. A bystander would otherwise enter the data set with a label that is not theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from classifiers.errors import SettingsError
from extractors import Face, FaceDetector, create_detector
from pipeline.analysis.face_search import FaceSearch, SharedDetector
from pipeline.analysis.stopwatch import Stopwatch
from pipeline.media.frame_source import FrameSource
from pipeline.media.probing import probe
from pipeline.media.types import Pixels
from pipeline.results.parts import Track
from pipeline.workbench.checks import check_detector, spread_of


@dataclass(frozen=True, slots=True)
class CropSettings:
    """How faces are found and cut.

    Attributes:
        detector: one of `extractors.DETECTORS`.
        frames: number of frames of a video to look at, evenly spread.
        margin: side of the crop in units of the longer side of the face box.
        max_side: longest side of a crop in pixels; larger ones are scaled down, smaller ones stay as they are.
        quality: of the JPEG files, 1 to 100.

    Raises:
        SettingsError: a value that makes no sense.
    """

    detector: str = "mtcnn"
    frames: int = 16
    margin: float = 1.7
    max_side: int = 304
    quality: int = 95

    def __post_init__(self) -> None:
        if not 1 <= self.margin <= 10:
            raise SettingsError(f"the margin must be within 1 and 10 times the face box, not {self.margin:g}")
        if not 32 <= self.max_side <= 8192:
            raise SettingsError(f"the longest side of a crop must be within 32 and 8192 px, not {self.max_side}")
        if not 1 <= self.quality <= 100:
            raise SettingsError(f"the JPEG quality must be within 1 and 100, not {self.quality}")
        check_detector(self.detector)
        spread_of(self.frames)


@dataclass(frozen=True, slots=True, eq=False)
class FaceCrop:
    """One face, cut out of one frame.

    Attributes:
        jpeg: the encoded crop, 4:4:4.
        width: of the crop in pixels.
        height: of the crop in pixels.
        face_width_original: width of the face box in pixels of the frame.
        box: float64 (4,) x, y, width, height of the face in pixels of the crop.
        landmarks: float64 (5, 2) x, y in pixels of the crop, in the order of `extractors.LANDMARK_NAMES`.
        time_s: presentation time of the frame in seconds; None for a still picture.
    """

    jpeg: bytes
    width: int
    height: int
    face_width_original: float
    box: np.ndarray
    landmarks: np.ndarray
    time_s: float | None


class FaceCropper:
    """Cuts the faces of the main person out of videos and pictures.

    Args:
        settings: how.
        detector: finds the faces; None builds the one that the settings name.

    Raises:
        DetectorUnavailableError: the detector lacks a file.
    """

    def __init__(self, settings: CropSettings, detector: FaceDetector | None = None) -> None:
        self.settings = settings
        self._plan = spread_of(settings.frames)
        self._detector = SharedDetector(detector or create_detector(settings.detector))

    def cut(self, path: Path) -> list[FaceCrop]:
        """Cut the faces of the main track of one file.

        Returns:
            Crops in order of time, at most one of each frame; none if no face was found.

        Raises:
            MediaError: the file gives no frames.
        """
        media = probe(path)
        # Which track is the main one shows at the end, when the frames are gone: all faces are cut.
        search = FaceSearch(self._detector, self._crop, Stopwatch())
        failure = search.search(FrameSource(media, self._plan).in_order())
        if failure:
            raise failure
        track = max(search.tracks(), key=_weight, default=None)
        if track is None:
            return []
        timed = media.kind == "video"
        return [replace(search.cuts[o], time_s=o.time_s if timed else None) for o in track.observations]

    def _crop(self, pixels: Pixels, face: Face) -> FaceCrop:
        height, width = pixels.shape[:2]
        box = face.box.astype(np.float64)
        half = self.settings.margin * box[2:].max() / 2
        centre = box[:2] + box[2:] / 2
        left, top = np.clip(np.round(centre - half).astype(int), 0, (width - 1, height - 1))
        right, bottom = np.clip(np.round(centre + half).astype(int), (left + 1, top + 1), (width, height))
        image = pixels[top:bottom, left:right]
        before = np.array([right - left, bottom - top])
        scale = min(1.0, self.settings.max_side / before.max())
        after = np.maximum(np.round(before * scale).astype(int), 1)
        if scale < 1:
            image = np.asarray(cv2.resize(image, after.tolist(), interpolation=cv2.INTER_AREA), np.uint8)
        factor, corner = after / before, np.array([left, top])
        return FaceCrop(
            jpeg=_jpeg(image, self.settings.quality),
            width=int(after[0]),
            height=int(after[1]),
            face_width_original=float(box[2]),
            box=np.concatenate([(box[:2] - corner) * factor, box[2:] * factor]),
            # A landmark is counted from the centre of the first pixel, a box from its edge.
            landmarks=(face.landmarks.astype(np.float64) - corner + 0.5) * factor - 0.5,
            time_s=None,
        )


def _weight(track: Track) -> float:
    return sum(float(np.sqrt(max(o.face.box[2] * o.face.box[3], 0.0))) for o in track.observations)


def _jpeg(image: np.ndarray, quality: int) -> bytes:
    """Encode RGB with full chroma resolution, which carries traces of blending."""
    options = (
        *(cv2.IMWRITE_JPEG_QUALITY, quality),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    )
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1].tobytes()
