"""From a stored result back to the pictures that it speaks of.

    path = find_input(result, near=folder_of_the_result)
    media = reopen(result, path)
    for image, sightings in read_sightings(media, chosen):
        crop = cut_face(image, sightings[0].observation, crop_geometry(spec))

A picture is shown as evidence, so none is better than a wrong one: the file must have the hash that the result names,
and a frame must have the time of its observation.
"""

from __future__ import annotations

import bisect
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from classifiers import ModelError, ModelSpec, find_model
from extractors.align import CropGeometry, align_face
from pipeline.media.decoding import open_frames
from pipeline.media.probing import file_sha256, probe
from pipeline.media.sampling import SamplingPlan
from pipeline.media.types import Frame, MediaError, MediaInfo, quoted

TIME_TOLERANCE_S = 1e-3
"""Times in a result are rounded to a tenth of a millisecond."""

_ESCAPED_BYTES = re.compile(r"\\x([89a-f][0-9a-f])")

Observation = dict[str, object]
"""One entry of `tracks[].observations` of a result."""


class PicturesError(Exception):
    """The pictures of a result cannot be had; the message is one sentence for the user.

    Attributes:
        reason: "missing" if the file is not where it was, "changed" if it is another, "unreadable" otherwise.
    """

    def __init__(self, reason: Literal["missing", "changed", "unreadable"], message: str):
        super().__init__(reason, message)
        self.reason = reason

    def __str__(self):
        return self.args[1]


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One face in one frame of a result.

    Attributes:
        track: id of its track.
        position: which of the track's observations it is.
        observation: the entry itself.
    """

    track: int
    position: int
    observation: Observation

    @property
    def time_s(self) -> float:
        """Presentation time of the frame in seconds."""
        return float(self.observation["time_s"])

    @property
    def score(self) -> float:
        """Of this face in this frame, 0 to 1, 1 = fake."""
        return float(self.observation["score"])


def find_input(result: dict, near: Path | None = None, given: Path | None = None) -> Path:
    """Find the file that a result was made of.

    Args:
        result: valid against `pipeline.results.verdict.schema()`.
        near: the folder of the stored result, beside which the file may lie.
        given: where the user says that it is, the file or its folder.

    Returns:
        The file with the hash that the result names, or else the first file of that name.

    Raises:
        PicturesError: there is no such file.
    """
    # JSON can hold halves of surrogate pairs, which no path has.
    name = str(result["input"]["path"]).encode("utf-8", "replace").decode()
    if "\0" in name:
        raise PicturesError("missing", "The result does not name a file.")
    spellings = [Path(name), Path(os.fsdecode(_ESCAPED_BYTES.sub(_one_byte, name).encode("utf-8", "surrogateescape")))]
    if given is not None:
        places = [given / tail for path in spellings for tail in _tails(path)] if given.is_dir() else [given]
    else:
        places = spellings + [folder / path for folder in (near, near and near.parent) if folder for path in spellings]
        places += [near / path.name for path in spellings if near]
    found = [path for path in dict.fromkeys(places) if _is_file(path)]
    if not found:
        raise PicturesError("missing", f"{quoted(places[-1] if given else Path(name))} is no longer there.")
    if len(found) == 1:
        return found[0]
    return next((path for path in found if _has_hash(path, result["input"]["sha256"])), found[0])


def _tails(path: Path) -> list[Path]:
    """Give the ends of a path, the longest first: any folder above a file may be the one that was moved."""
    parts = path.parts[bool(path.anchor) :]
    # What lies above cannot have been moved along.
    begin = max((place + 1 for place, part in enumerate(parts) if part == ".."), default=0)
    return [Path(*parts[start:]) for start in range(begin, len(parts))] or [Path(path.name)]


def reopen(result: dict, path: Path) -> MediaInfo:
    """Probe the file of a result, after making sure that it is the same.

    Raises:
        PicturesError: the file is another one than the result was made of, or cannot be read.
    """
    if result["input"]["sha256"] is None:
        raise PicturesError("unreadable", f"{quoted(path)} could not be read when it was scanned.")
    try:
        media = probe(path)
    except MediaError as error:
        if _has_hash(path, result["input"]["sha256"]):
            raise PicturesError("unreadable", str(error)) from error
        raise PicturesError("changed", _changed(path)) from error
    if media.sha256 != result["input"]["sha256"]:
        raise PicturesError("changed", _changed(path))
    return media


def model_of(result: dict, name_or_file: str | None = None) -> ModelSpec | None:
    """Find the model that made the scores of a result, by the hash of its weights.

    Args:
        result: valid against `pipeline.results.verdict.schema()`.
        name_or_file: as `scan --model` had it; None looks among the shipped models.

    Returns:
        The model, or None where it is not to be had.
    """
    try:
        spec = find_model(name_or_file or str(result["model"]["name"]))
    except ModelError:
        return None
    return spec if result["model"]["weights_sha256"] in {file.sha256 for file in spec.files.values()} else None


def crop_geometry(spec: ModelSpec | None, size: int = 224) -> CropGeometry:
    """Give the crop that a model sees; where the model is not known, the usual one."""
    return CropGeometry.of_model(spec) if spec else CropGeometry(size)


def read_sightings(media: MediaInfo, sightings: Iterable[Sighting]) -> Iterator[tuple[np.ndarray, list[Sighting]]]:
    """Decode just the frames in which given faces were seen.

    Args:
        media: what `reopen` gave.
        sightings: in at most `pipeline.media.sampling.MAX_COUNT` frames.

    Yields:
        Each frame, RGB uint8 (height, width, 3), upright, with the sightings in it, in order of time. Sightings whose
        frame cannot be decoded any more are left out.

    Raises:
        PicturesError: nothing can be decoded.
    """
    at: dict[float, list[Sighting]] = {}
    for sighting in sightings:
        at.setdefault(sighting.time_s, []).append(sighting)
    if not at:
        return
    times = sorted(at)
    try:
        with open_frames(media, SamplingPlan.at_times(times)) as reader:
            for frame in reader:
                first = bisect.bisect_left(times, frame.time_s - TIME_TOLERANCE_S)
                last = bisect.bisect_right(times, frame.time_s + TIME_TOLERANCE_S)
                seen = [s for time_s in times[first:last] for s in at.pop(time_s, [])]
                if seen:
                    yield frame.image, seen
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


def cut_face(image: np.ndarray, observation: Observation, geometry: CropGeometry) -> np.ndarray | None:
    """Cut a face out of its frame as the classifier saw it.

    Args:
        image: RGB uint8 (height, width, 3).
        observation: its landmarks are in pixels of the image.
        geometry: the crop of the model.

    Returns:
        RGB uint8 (size, size, 3), or None where the landmarks span no face.
    """
    try:
        return align_face(image, np.float32(observation["landmarks"]), geometry)
    except ValueError:
        return None


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
