"""From labelled videos and pictures to face crops, with the decoder and detector that scanning uses.

The label of a video speaks of the file, not of each person in it. Where several people appear, only the faces of the
main track are kept: the one whose number of faces times their mean size is largest. In a picture that is the largest
face. A bystander would otherwise enter the data set with a label that is not theirs.
"""

from __future__ import annotations

import itertools
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from classifiers.datasets import DataError, PictureReader, Sample
from extractors import Face, FaceDetector, create_detector
from extractors.quality import face_quality
from pipeline.analysis.tracks import Observation, Scene, SeenFrame, Track, Tracker
from pipeline.media.decoding import open_frames
from pipeline.media.probing import probe
from pipeline.media.sampling import SamplingPlan
from pipeline.media.types import Frame, MediaError
from pipeline.results.verdict import Status, display_path
from pipeline.workbench.face_index import FaceIndex

log = logging.getLogger(__name__)

_FRAME_BATCH = 4


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
        DataError: a value out of its range.
    """

    detector: str = "mtcnn"
    frames: int = 16
    margin: float = 1.7
    max_side: int = 304
    quality: int = 95

    def __post_init__(self) -> None:
        if not 1 <= self.margin <= 10:
            raise DataError(f"the margin must be within 1 and 10 times the face box, not {self.margin:g}")
        if not 32 <= self.max_side <= 8192:
            raise DataError(f"the longest side of a crop must be within 32 and 8192 px, not {self.max_side}")
        if not 1 <= self.quality <= 100:
            raise DataError(f"the JPEG quality must be within 1 and 100, not {self.quality}")
        try:
            SamplingPlan.spread(self.frames)
        except ValueError as error:
            raise DataError(str(error)) from error


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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one input.

    Attributes:
        origin: the input, as it stands in the index.
        status: "ok", or why there are no crops of it.
        faces: number of crops.
        message: one sentence for the user where the status is not "ok".
    """

    origin: str
    status: Status
    faces: int = 0
    message: str = ""


class FaceCropper:
    """Cuts the faces of the main person out of videos and pictures.

    Args:
        settings: how.
        detector: finds the faces; None builds the one that the settings name.

    Raises:
        DetectorUnavailableError: the detector lacks a file.
        ValueError: no detector has that name.
    """

    def __init__(self, settings: CropSettings, detector: FaceDetector | None = None) -> None:
        self.settings = settings
        self._plan = SamplingPlan.spread(settings.frames)
        self._detector = detector or create_detector(settings.detector)

    def cut(self, path: Path) -> list[FaceCrop]:
        """Cut the faces of the main track of one file.

        Returns:
            Crops in order of time, at most one of each frame; none if no face was found.

        Raises:
            MediaError: the file gives no frames.
        """
        info = probe(path)
        tracker = Tracker()
        crops: dict[int, FaceCrop] = {}
        with open_frames(info, self._plan) as reader:
            while frames := list(itertools.islice(reader, _FRAME_BATCH)):
                for frame, faces in zip(frames, self._detector.detect([f.image for f in frames]), strict=True):
                    seen = [Observation(frame.index, frame.time_s, face, face_quality(face)) for face in faces]
                    tracker.add(SeenFrame(frame.time_s, Scene.of(frame.image), seen))
                    # Which track is the main one shows at the end, when the frames are gone.
                    crops |= {id(o): self._crop(frame, o.face, info.kind == "video") for o in seen}
        track = max(tracker.tracks(), key=_weight, default=None)
        return [crops[id(observation)] for observation in track.observations] if track else []

    def _crop(self, frame: Frame, face: Face, timed: bool) -> FaceCrop:
        height, width = frame.image.shape[:2]
        box = face.box.astype(np.float64)
        half = self.settings.margin * box[2:].max() / 2
        centre = box[:2] + box[2:] / 2
        left, top = np.clip(np.round(centre - half).astype(int), 0, (width - 1, height - 1))
        right, bottom = np.clip(np.round(centre + half).astype(int), (left + 1, top + 1), (width, height))
        image = frame.image[top:bottom, left:right]
        before = np.array([right - left, bottom - top])
        scale = min(1.0, self.settings.max_side / before.max())
        after = np.maximum(np.round(before * scale).astype(int), 1)
        if scale < 1:
            image = cv2.resize(image, after.tolist(), interpolation=cv2.INTER_AREA)
        factor, corner = after / before, np.array([left, top])
        return FaceCrop(
            jpeg=_jpeg(image, self.settings.quality),
            width=int(after[0]),
            height=int(after[1]),
            face_width_original=float(box[2]),
            box=np.concatenate([(box[:2] - corner) * factor, box[2:] * factor]),
            # A landmark is counted from the centre of the first pixel, a box from its edge.
            landmarks=(face.landmarks.astype(np.float64) - corner + 0.5) * factor - 0.5,
            time_s=frame.time_s if timed else None,
        )


def keep_apart(datasets: Mapping[Path, Sequence[Sample]]) -> list[Sample]:
    """Join data sets: clips, persons and sources of one name that are not of one data set get different names.

    Args:
        datasets: samples by the folder or index file of their data set.

    Returns:
        All samples. Where there are several data sets, the names begin with that of the folder.

    Raises:
        DataError: two data sets have the same name.
    """
    if len(datasets) == 1:
        return [sample for samples in datasets.values() for sample in samples]
    named: dict[str, Path] = {}
    joined = []
    for path, samples in datasets.items():
        name = _dataset_name(path)
        if name in named:
            raise DataError(
                f"{named[name]} and {path} are both called {name}: rename one, or cut them into two folders"
            )
        named[name] = path
        for sample in samples:
            values = {"clip": sample.clip, "person": sample.person, "source": sample.source}
            joined.append(replace(sample, **{key: value and f"{name}/{value}" for key, value in values.items()}))
    return joined


def origins(samples: Sequence[Sample], datasets: Sequence[Path]) -> dict[str, Sample]:
    """Name each sample by its path inside of the data sets, so that a crop tells where it comes from.

    Args:
        samples: of all the data sets.
        datasets: their folders or index files.

    Returns:
        Samples by name, in their order; one that two data sets list is there once.

    Raises:
        DataError: a file is labelled real in one place and fake in another.
    """
    root = _root(datasets)
    named: dict[str, Sample] = {}
    for sample in samples:
        path = Path(os.path.abspath(sample.path))  # noqa: PTH100 - keeps links as they are
        inside = path.relative_to(root) if path.is_relative_to(root) else path
        origin = _printable(display_path(inside / sample.member if sample.member else inside))
        if named.setdefault(origin, sample).fake != sample.fake:
            raise DataError(f"{origin} is labelled both real and fake: correct the index of the data set")
    return named


def extract_faces(named: Mapping[str, Sample], cropper: FaceCropper, index: FaceIndex) -> Iterator[Outcome]:
    """Cut the faces of each sample that the index does not have yet.

    Args:
        named: samples by origin, see `origins`.
        cropper: cuts the faces.
        index: takes them in; what it holds when an outcome is given is on disk.

    Yields:
        What came of each sample, in order. A sample that cannot be read is an outcome, not an exception.

    Raises:
        DataError: the crops cannot be written.
    """
    reader = PictureReader()
    for origin, sample in named.items():
        if origin in index.finished:
            continue
        outcome, crops = _cut(origin, sample, cropper, reader)
        if outcome.status == "ok":
            index.add(origin, sample, crops)
        else:
            index.add_failure(origin, sample, outcome.status, outcome.message)
        yield outcome


def _cut(origin: str, sample: Sample, cropper: FaceCropper, reader: PictureReader) -> tuple[Outcome, list[FaceCrop]]:
    try:
        with _file_of(sample, reader) as path:
            crops = cropper.cut(path)
    except MediaError as error:
        return Outcome(origin, error.status, message=str(error)), []
    except DataError as error:
        return Outcome(origin, "error", message=str(error)), []
    except Exception as error:
        # A bug of ours on one file must not cost the user the other files; it is told as what it is.
        log.debug("bug while looking for faces in %s", origin, exc_info=True)
        return Outcome(origin, "error", message=f"an internal error: {type(error).__name__}: {error}"), []
    if not crops:
        return Outcome(origin, "no_face", message="no face was found"), []
    return Outcome(origin, "ok", len(crops)), crops


@contextmanager
def _file_of(sample: Sample, reader: PictureReader) -> Iterator[Path]:
    """Give a sample as a file of its own, which the decoder needs; one in a zip file is unpacked for the time being."""
    if not sample.member:
        yield sample.path
        return
    with tempfile.TemporaryDirectory(prefix="facewitness-") as folder:
        path = Path(folder) / Path(sample.member).name
        path.write_bytes(reader.bytes(sample))
        yield path


def _printable(name: str) -> str:
    """Keep line breaks out of the index."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _dataset_name(path: Path) -> str:
    """Name a data set after its folder; two index files may lie in one folder."""
    absolute = path.resolve()
    return absolute.name if absolute.is_dir() else f"{absolute.parent.name}/{absolute.name}"


def _root(datasets: Sequence[Path]) -> Path:
    """Find the folder that holds all data sets."""
    absolute = [Path(os.path.abspath(path)) for path in datasets]  # noqa: PTH100
    return Path(os.path.commonpath([path if path.is_dir() else path.parent for path in absolute]))


def _weight(track: Track) -> float:
    return sum(float(np.sqrt(max(o.face.box[2] * o.face.box[3], 0.0))) for o in track.observations)


def _jpeg(image: np.ndarray, quality: int) -> bytes:
    """Encode RGB with full chroma resolution, which carries traces of blending."""
    options = (
        *(cv2.IMWRITE_JPEG_QUALITY, quality),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    )
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1].tobytes()
