"""From labelled videos and pictures to a data set of face crops."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from classifiers.datasets import DataError, PictureReader, Sample
from pipeline.media.types import MediaError
from pipeline.results.parts import Status, display_path
from pipeline.workbench.face_crops import FaceCrop, FaceCropper
from pipeline.workbench.face_index import FaceIndex

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
