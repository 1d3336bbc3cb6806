"""What a verdict is made of: faces, people, stretches, and the record of the file and of how it was looked at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
import numpy.typing as npt

from classifiers.calibration import Scores, Thresholds
from extractors.face import Face
from pipeline.media.holds import Hold
from pipeline.media.types import MediaInfo, display_path
from pipeline.version import __version__

Status = Literal["ok", "no_face", "insufficient_evidence", "undecodable", "unsupported", "timeout", "error"]
FAILURES: tuple[Status, ...] = ("undecodable", "unsupported", "timeout", "error")
"""Statuses of files that could not be looked at."""

Label = Literal["likely_fake", "inconclusive", "likely_real"]

DIGITS = 4
"""Decimal places of scores and seconds in a stored result."""


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """One face in one frame.

    Attributes:
        frame: number of the frame, from 0; None where it was found by its time and its number is not known.
        time_s: presentation time of the frame in seconds.
        face: where the face is, in pixels of the frame as players show it.
        quality: how far the crop can be relied on, 0 to 1.
        logits: float32 (2,), manipulated and generated; None where an earlier version did not store them.
        score: 0 to 1, 1 = fake; None until the evidence has been weighed.
        refinement: whether it is from a closer look, at a place that was chosen for what was seen there.
        frame_size: width and height of the upright frame in pixels; None where a stored result does not say.
        turned_deg: degrees, clockwise, by which the frame was turned to find the face, which lies on its side or stands
            upside down in it: 0, 90, 180 or 270.
        hold: how long its frame stays on screen, where that is longer than what other frames stand for.
        opinions: float32 (models, 2), the logits of each of several models, whose joint log odds `logits` are then;
            None where one model judged.
    """

    frame: int | None
    time_s: float
    face: Face
    quality: float
    logits: npt.NDArray[np.float32] | None = None
    score: float | None = None
    refinement: bool = False
    frame_size: tuple[int, int] | None = None
    turned_deg: int = 0
    hold: Hold | None = None
    opinions: npt.NDArray[np.float32] | None = None

    @property
    def weight(self) -> float:
        """How many of the other frames that were looked at it counts for: 1 unless its frame is held."""
        return self.hold.weight if self.hold else 1.0

    @property
    def end_s(self) -> float:
        """Time in seconds up to which it was seen: its own time unless its frame is held."""
        return self.time_s + self.hold.shown_s if self.hold else self.time_s

    @property
    def weighed_score(self) -> float:
        """Its score, which every face of a verdict has.

        Raises:
            ValueError: the evidence has not been weighed yet.
        """
        if self.score is None:
            raise ValueError("this face has no score yet")
        return self.score


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One person in one shot.

    Attributes:
        id: counts from 1 in order of appearance.
        observations: in order of time, at least one.
    """

    id: int
    observations: list[Observation] = field(default_factory=list)

    @property
    def start_s(self) -> float:
        """Time of the first observation."""
        return self.observations[0].time_s

    @property
    def end_s(self) -> float:
        """Time of the last observation, or at which its frame stops being held."""
        return self.observations[-1].end_s

    @property
    def weight(self) -> float:
        """How many frames that were looked at its observations count for: their number unless one is held."""
        return sum(seen.weight for seen in self.observations)

    def as_judged_by(self, number: int) -> Track:
        """Give the same track with the logits of one of several models alone."""
        seen = [replace(o, logits=o.opinions[number]) for o in self.observations if o.opinions is not None]
        return replace(self, observations=seen)


@dataclass(frozen=True, slots=True, eq=False)
class TrackEvidence:
    """What one track says.

    Attributes:
        track: the track; every observation has its score.
        scores: of the whole track.
        supported: whether it has enough good observations to count for the file.
    """

    track: Track
    scores: Scores
    supported: bool

    @property
    def strongest(self) -> list[Observation]:
        """Its faces, the highest score first."""
        return sorted(self.track.observations, key=lambda seen: (-seen.weighed_score, seen.time_s))


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a track in which the evidence for a forgery is strong."""

    track: int
    start_s: float
    end_s: float
    score: float


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What made the scores.

    Attributes:
        name: of the model.
        weights_sha256: of the file of weights that the engine ran.
        engine: what ran it.
        precision: number format of the arithmetic.
        calibration_id: of the calibration that made scores of logits.
        calibrated_on: what clips that was fitted on, in words.
        detector: what found the faces.
        pooling: how the faces of a file became one score.
        device: what computed; None where an earlier version did not say.
    """

    name: str
    weights_sha256: str
    engine: str
    precision: str
    calibration_id: str
    calibrated_on: str
    detector: str
    pooling: str
    device: str | None = None


@dataclass(frozen=True, slots=True)
class SamplingRecord:
    """Which frames were looked at: the plan in words, how many frames it gave, and in which rounds if in any."""

    plan: str
    frames: int
    rounds: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """The program that made a result."""

    name: str = "facewitness"
    version: str = __version__


@dataclass(frozen=True, slots=True)
class ProbeRecord:
    """Facts about a file as they stand in a result; see `pipeline.media.types.MediaInfo` for what they mean.

    Each is None where it does not apply, or where a stored result does not say it.
    """

    kind: str | None = None
    container: str | None = None
    codec: str | None = None
    pixel_format: str | None = None
    width: int | None = None
    height: int | None = None
    sample_aspect_ratio: str | None = None
    not_looked_at: list[str] | None = None
    rotation_deg: int | None = None
    mirrored: bool | None = None
    duration_s: float | None = None
    declared_duration_s: float | None = None
    frames: int | None = None
    frame_rate: float | None = None
    variable_frame_rate: bool | None = None
    start_time_s: float | None = None
    time_base: str | None = None
    has_audio: bool | None = None
    color_transfer: str | None = None
    interlaced: bool | None = None
    decoder: str | None = None

    @property
    def is_image(self) -> bool:
        """Whether the file is a still picture, which has no time."""
        return self.kind == "image"

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the upright picture in pixels; None where they are unknown."""
        return (self.width, self.height) if self.width and self.height else None

    @classmethod
    def of(cls, media: MediaInfo) -> ProbeRecord:
        """Take what a result records of a file, rounded as it is stored."""
        return cls(
            kind=media.kind,
            container=media.container,
            codec=media.codec,
            pixel_format=media.pixel_format,
            width=media.width,
            height=media.height,
            sample_aspect_ratio=str(ratio) if (ratio := media.form.pixel_ratio) != 1 else None,
            not_looked_at=list(media.not_looked_at),
            rotation_deg=media.rotation_deg,
            mirrored=media.mirrored,
            duration_s=rounded(media.duration_s),
            declared_duration_s=rounded(media.declared_duration_s),
            frames=media.frame_count,
            frame_rate=rounded(media.frame_rate),
            variable_frame_rate=media.variable_frame_rate,
            start_time_s=rounded(media.start_time_s),
            time_base=str(media.time_base) if media.time_base else None,
            has_audio=media.has_audio,
            color_transfer=media.color_transfer,
            interlaced=media.interlaced,
            decoder=media.decoder,
        )


@dataclass(frozen=True, slots=True)
class InputRecord:
    """The file that a result is about.

    Attributes:
        path: as the user gave it, in valid Unicode; see `display_path`.
        sha256: of the file, in hexadecimal; None if it could not be read.
        bytes: size of the file; None if it could not be read.
        probe: facts about it; None if it could not be probed.
        confinement: what its decoder was confined by, of `pipeline.media.confinement.MEASURES`; None if it could not be
            probed, or where an earlier version did not say.
    """

    path: str
    sha256: str | None = None
    bytes: int | None = None
    probe: ProbeRecord | None = None
    confinement: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """Name of the file without its folders, "" where the result names none."""
        return PurePosixPath(self.path).name

    @classmethod
    def of(cls, path: os.PathLike[str] | str, media: MediaInfo | None) -> InputRecord:
        """Record an input, with what probing it found if it could be probed."""
        if media is None:
            return cls(display_path(path))
        return cls(display_path(path), media.sha256, media.bytes, ProbeRecord.of(media), media.confinement)


def logits_of(observations: Sequence[Observation]) -> npt.NDArray[np.float32]:
    """Stack the logits of observations, float32 (n, 2).

    Raises:
        ValueError: one has none; earlier versions stored results without them.
    """
    rows = [observation.logits for observation in observations if observation.logits is not None]
    if len(rows) < len(observations):
        raise ValueError("there are faces without logits: their result was stored by a version that kept none")
    return np.stack(rows)


def label_of(score: float, thresholds: Thresholds) -> Label:
    """Put a score into its band, rounded as it stands in the result, so that the two never disagree."""
    score = round(float(score), DIGITS)
    if score >= thresholds.likely_fake:
        return "likely_fake"
    return "likely_real" if score <= thresholds.likely_real else "inconclusive"


def rounded(value: float | None, digits: int = DIGITS) -> float | None:
    """Round a number as a result stores it."""
    return None if value is None else round(float(value), digits)
