"""From labelled videos and pictures to a data set of face crops."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from classifiers.datasets import DataError, PictureReader, Sample, open_dataset
from classifiers.errors import ClassifierError
from pipeline.media.types import MediaError
from pipeline.results.parts import Status, display_path
from pipeline.workbench.face_crops import CropSettings, FaceCrop, FaceCropper
from pipeline.workbench.face_index import FaceCounts, FaceIndex
from pipeline.workbench.progress import Progress, silent

log = logging.getLogger(__name__)


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


def cut_faces(
    datasets: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    layout: str = "auto",
    frames: int = 16,
    detector: str = "mtcnn",
    margin: float = 1.7,
    max_side: int = 304,
    quality: int = 95,
    overwrite: bool = False,
    progress: Progress = silent,
) -> FaceCounts:
    """Cut the faces out of labelled videos or pictures, as `facewitness faces` does.

    Faces are found as in a scan. Of each file only the main person is kept, the one seen longest and largest. The same
    call goes on with a run that was interrupted.

    Example:
        >>> from pipeline import workbench
        >>> counts = workbench.cut_faces("videos", "crops", frames=3)
        >>> counts.crops, counts.inputs_with_faces, counts.failed
        (6, 2, 0)

    Args:
        datasets: folder or index file of a data set, or several of them.
        output: folder that gets the crops, faces.csv, no_face.csv and faces.json.
        layout: of the data sets, one of `classifiers.datasets.LAYOUTS`, or "auto".
        frames: number of frames of each video to look at.
        detector: one of `extractors.DETECTORS`.
        margin: side of the crop in units of the longer side of the face box.
        max_side: longest side of a crop in pixels; larger ones are scaled down.
        quality: of the JPEG files, 1 to 100.
        overwrite: remove the crops of an earlier run and begin anew.
        progress: shows how far it has come.

    Returns:
        How many crops there are, those of earlier runs among them.

    Raises:
        DataError: a data set cannot be used, or the folder holds something else, or crops that were cut in another way.
        SettingsError: a setting that makes no sense.
        DetectorUnavailableError: the detector lacks a file.
        OutputError: the crops cannot be written.
    """
    paths = [Path(path) for path in ([datasets] if isinstance(datasets, str | Path) else datasets)]
    folder = Path(output)
    settings = CropSettings(detector, frames, margin, max_side, quality)
    _check_output(folder, paths)
    named = origins(keep_apart({path: _open(path, layout) for path in paths}), paths)
    cropper = FaceCropper(settings)
    record = {**asdict(settings), "data": [display_path(path.resolve()) for path in paths], "layout": layout}
    with FaceIndex(folder, record, overwrite=overwrite) as index:
        for _ in extract_faces(named, cropper, index, progress):
            pass
    return index.counts()


def _check_output(output: Path, paths: Sequence[Path]) -> None:
    """Refuse to write among what is read: the crops would be inputs of the next run."""
    for path in paths:
        if path.is_dir() and output.resolve().is_relative_to(path.resolve()):
            raise DataError(f"{output} is inside of the data set {path}: name a folder outside of it")


def _open(path: Path, layout: str) -> list[Sample]:
    try:
        return open_dataset(path, layout)
    except ClassifierError as error:
        if not path.exists():
            raise
        raise DataError(
            f"{error} (every input needs the label real or fake, under which its crops are kept)"
        ) from error


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
            clip, person, source = (
                value and f"{name}/{value}" for value in (sample.clip, sample.person, sample.source)
            )
            joined.append(replace(sample, clip=clip, person=person, source=source))
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


def extract_faces(
    named: Mapping[str, Sample], cropper: FaceCropper, index: FaceIndex, progress: Progress = silent
) -> Iterator[Outcome]:
    """Cut the faces of each sample that the index does not have yet.

    Args:
        named: samples by origin, see `origins`.
        cropper: cuts the faces.
        index: takes them in; what it holds when an outcome is given is on disk.
        progress: shows how far it has come.

    Yields:
        What came of each sample, in order. A sample that cannot be read is an outcome, not an exception.

    Raises:
        OutputError: the crops cannot be written.
    """
    reader = PictureReader()
    for origin, sample in progress(named.items(), len(named), "finding faces", "file"):
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
    absolute = [Path(os.path.abspath(path)) for path in datasets]  # noqa: PTH100 - keeps links as they are
    return Path(os.path.commonpath([path if path.is_dir() else path.parent for path in absolute]))
