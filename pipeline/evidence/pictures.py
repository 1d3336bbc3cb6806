"""From a stored result back to the pictures that it speaks of.

    path = find_input(verdict, near=folder_of_the_result)
    media = reopen(verdict, path)
    for image, observations in read_frames(media, chosen):
        crop = cut_face(image, observations[0], face_crop(spec))

A picture is shown as evidence, so none is better than a wrong one: the file must have the hash that the result names,
and a frame must have the time of its observation.
"""

from __future__ import annotations

import bisect
import math
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from classifiers import ModelError, ModelSpec, find_model
from extractors.align import CropGeometry
from extractors.face_crop import FaceCrop, crop_of
from pipeline.media.decoding import open_frames
from pipeline.media.limits import Limits
from pipeline.media.probing import file_sha256, probe
from pipeline.media.sampling import MAX_COUNT, SamplingPlan
from pipeline.media.types import Frame, MediaError, MediaInfo, is_address, quoted
from pipeline.results.parts import ModelIdentity, Observation
from pipeline.results.verdict import Verdict

MAX_PERSONS = 60
"""People of one file of whom pictures are made; of a film with more of them the least suspicious have none."""

TIME_TOLERANCE_S = 1e-3
"""Times in a result are rounded to a tenth of a millisecond."""

# The file was scanned within the limits of the scan; to draw on every frame takes as long as it takes.
_LIMITS = Limits(timeout_s=math.inf)

_ESCAPED_BYTES = re.compile(r"\\x([89a-f][0-9a-f])")


class PicturesError(Exception):
    """The pictures of a result cannot be made; the message is one sentence for the user.

    Attributes:
        reason: "missing" if the file is not where it was, "changed" if it is another, "unreadable" otherwise.
    """

    def __init__(self, reason: Literal["missing", "changed", "unreadable"], message: str):
        super().__init__(reason, message)
        self.reason = reason

    def __str__(self) -> str:
        return self.args[1]


def find_input(verdict: Verdict, near: Path | None = None, given: Path | None = None) -> Path:
    """Find the file that a verdict is about.

    Args:
        verdict: the verdict.
        near: the folder of the stored result, beside which the file may lie.
        given: where the user says that it is, the file or its folder.

    Returns:
        The file with the hash that the result names, or else the first file of that name.

    Raises:
        PicturesError: there is no such file.
    """
    # JSON can hold halves of surrogate pairs, which no path has.
    name = verdict.input.path.encode("utf-8", "replace").decode()
    if "\0" in name:
        raise PicturesError("missing", "The result does not name a file.")
    spellings = [Path(name), Path(os.fsdecode(_ESCAPED_BYTES.sub(_one_byte, name).encode("utf-8", "surrogateescape")))]
    if given is not None:
        places = [given / tail for path in spellings for tail in _tails(path)] if given.is_dir() else [given]
    else:
        places = spellings + [folder / path for folder in (near, near and near.parent) if folder for path in spellings]
        places += [near / path.name for path in spellings if near]
    found = [path for path in dict.fromkeys(places) if _is_file(path)]
    if not found and given is None and is_address(name):
        raise PicturesError("missing", f"{quoted(Path(name))} was fetched from an address, and is not kept.")
    if not found:
        raise PicturesError("missing", f"{quoted(places[-1] if given else Path(name))} is no longer there.")
    if len(found) == 1:
        return found[0]
    return next((path for path in found if _has_hash(path, verdict.input.sha256)), found[0])


def _tails(path: Path) -> list[Path]:
    """Give the ends of a path, the longest first: any folder above a file may be the one that was moved."""
    parts = path.parts[bool(path.anchor) :]
    # What lies above cannot have been moved along.
    begin = max((place + 1 for place, part in enumerate(parts) if part == ".."), default=0)
    return [Path(*parts[start:]) for start in range(begin, len(parts))] or [Path(path.name)]


def reopen(verdict: Verdict, path: Path) -> MediaInfo:
    """Probe the file of a verdict, after making sure that it is the same.

    Raises:
        PicturesError: the file is another one than the verdict is about, or cannot be read.
    """
    if verdict.input.sha256 is None:
        raise PicturesError("unreadable", f"{quoted(path)} could not be read when it was scanned.")
    try:
        media = probe(path, limits=_LIMITS)
    except MediaError as error:
        if _has_hash(path, verdict.input.sha256):
            raise PicturesError("unreadable", str(error)) from error
        raise PicturesError("changed", _changed(path)) from error
    if media.sha256 != verdict.input.sha256:
        raise PicturesError("changed", _changed(path))
    if verdict.probe.size not in (None, (media.width, media.height)):
        # Boxes and landmarks would lie beside the faces.
        raise PicturesError(
            "unreadable", f"{quoted(path)} was scanned by a version that did not stretch it; scan it anew."
        )
    return media


def model_of(verdict: Verdict, name_or_file: str | None = None) -> ModelSpec | None:
    """Find the model that made the scores of a verdict, by the hash of its weights.

    Args:
        verdict: the verdict.
        name_or_file: as `scan --model` had it; None looks among the shipped models.

    Returns:
        The model, or None where it cannot be found.
    """
    return known_model(verdict.model, name_or_file) if verdict.model else None


def known_model(identity: ModelIdentity, name_or_file: str | None = None) -> ModelSpec | None:
    """Find the model of an identity, as `model_of` does."""
    try:
        spec = find_model(name_or_file or identity.name)
    except ModelError:
        return None
    return spec if identity.weights_sha256 in {file.sha256 for file in spec.files.values()} else None


def face_crop(spec: ModelSpec | None, size: int = 224) -> FaceCrop:
    """Give the crop that a model sees; where the model is not known, the usual one."""
    return crop_of(spec) if spec else CropGeometry(size)


def read_frames(
    media: MediaInfo, observations: Iterable[Observation]
) -> Iterator[tuple[npt.NDArray[np.uint8], list[Observation]]]:
    """Decode just the frames in which given faces were seen.

    Args:
        media: what `reopen` gave.
        observations: the faces.

    Yields:
        Each frame, RGB uint8 (height, width, 3), upright, with the faces in it, in order of time. Faces whose frame
        cannot be decoded any more are left out.

    Raises:
        PicturesError: nothing can be decoded.
    """
    at: dict[float, list[Observation]] = {}
    for seen in observations:
        at.setdefault(seen.time_s, []).append(seen)
    times = sorted(at)
    # As many at a time as one plan takes.
    for first in range(0, len(times), MAX_COUNT):
        yield from _read_frames(media, {time_s: at[time_s] for time_s in times[first : first + MAX_COUNT]})


def _read_frames(
    media: MediaInfo, at: dict[float, list[Observation]]
) -> Iterator[tuple[npt.NDArray[np.uint8], list[Observation]]]:
    """Decode the frames at given times, ascending."""
    times = list(at)
    try:
        with open_frames(media, SamplingPlan.at_times(times)) as reader:
            for frame in reader:
                first = bisect.bisect_left(times, frame.time_s - TIME_TOLERANCE_S)
                last = bisect.bisect_right(times, frame.time_s + TIME_TOLERANCE_S)
                found = [seen for time_s in times[first:last] for seen in at.pop(time_s, [])]
                if found:
                    yield frame.image, found
    except MediaError as error:
        raise PicturesError("unreadable", str(error)) from error


def read_spread(media: MediaInfo, count: int) -> Iterator[Frame]:
    """Decode evenly spread frames, to show a file in which no face was found.

    Raises:
        PicturesError: nothing can be decoded.
    """
    try:
        with open_frames(media, SamplingPlan.spread(count)) as reader:
            yield from reader
    except MediaError as error:
        raise PicturesError("unreadable", str(error)) from error


def cut_face(image: npt.NDArray[np.uint8], observation: Observation, crop: FaceCrop) -> npt.NDArray[np.uint8] | None:
    """Cut a face out of its frame as the classifier saw it.

    Args:
        image: RGB uint8 (height, width, 3).
        observation: its landmarks are in pixels of the image.
        crop: that of the model.

    Returns:
        RGB uint8 (size, size, 3), or None where the landmarks span no face.
    """
    try:
        return crop.cut(image, observation.face)
    except ValueError:
        return None


def box_of(observation: Observation) -> list[float]:
    """Give x, y, width and height of a face in pixels of its frame, to a tenth of a pixel, as a result stores them."""
    return [round(value, 1) for value in observation.face.box.tolist()]


def _one_byte(match: re.Match[str]) -> str:
    return os.fsdecode(bytes.fromhex(match[1]))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that is locked
        return False


def _has_hash(path: Path, sha256: object) -> bool:
    try:
        return file_sha256(path) == sha256
    except MediaError:
        return False


def _changed(path: Path) -> str:
    return f"{quoted(path)} is not the file that was scanned: its SHA-256 is another."
