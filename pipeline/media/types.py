"""What the rooms of media hand to each other: facts about a file, frames, and what went wrong."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.media.sampling import SamplingPlan

MAX_PIXELS = (512 << 20) // 3
"""Largest picture that is decoded, 179 megapixels: 512 MiB as RGB, the bound that Pillow sets as well."""

STALL_TIMEOUT_S = 30.0
"""A decoder that shows no sign of life for so long is killed. On its way to a frame, which is silent, it also has as
long as a player would take."""

HDR_TRANSFERS = ("smpte2084", "arib-std-b67")
"""ffmpeg's names of the transfer functions PQ and HLG."""


class MediaError(Exception):
    """A file that gives no frames. The message is one sentence for the user that names the file.

    Attributes:
        status: "undecodable" if the file is damaged, "unsupported" if it is of a kind that has no frames or is not
            read, "timeout" if the decoder hung, "error" if the file could not be got at.
    """

    status: Literal["error", "undecodable", "unsupported", "timeout"]

    def __init__(self, status: Literal["error", "undecodable", "unsupported", "timeout"], message: str):
        super().__init__(status, message)
        self.status = status

    def __str__(self) -> str:
        return str(self.args[1])


class Pixels(Protocol):
    """An upright picture as its decoder gave it; RGB is made only of what is asked for."""

    @property
    def samples(self) -> npt.NDArray[np.uint8]:
        """The numbers as they came."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and 3."""
        ...

    @property
    def image(self) -> npt.NDArray[np.uint8]:
        """The whole picture, RGB uint8 (height, width, 3)."""
        ...

    def __getitem__(self, region: tuple[slice, slice]) -> npt.NDArray[np.uint8]:
        """Give `pixels[top:bottom, left:right]`, RGB uint8 (rows, columns, 3)."""
        ...

    def shrunk(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        """Give a small copy, RGB uint8 (height, width, 3)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        index: number of the frame among all that the file shows, from 0, in the order in which they are shown; None
            where its timestamp is none of those that the container lists.
        time_s: presentation time in seconds.
        pixels: the upright picture. `pixels[top:bottom, left:right]` gives a part of it, RGB uint8 (rows, columns, 3);
            the reader keeps no reference to it.
    """

    index: int | None
    time_s: float
    pixels: Pixels

    @property
    def image(self) -> npt.NDArray[np.uint8]:
        """The whole picture, uint8 (height, width, 3), RGB; where that takes long, 5 ms for 1080p, it is kept."""
        return self.pixels.image

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the picture takes as it came."""
        return self.pixels.samples.nbytes

    def shrunk(self, side: int) -> npt.NDArray[np.uint8]:
        """Give the picture so small that its longer side is at most `side` pixels, RGB uint8; 1 ms from 1080p."""
        height, width, _ = self.pixels.shape
        scale = side / max(width, height)
        if scale >= 1:
            return self.image
        return self.pixels.shrunk(max(1, round(width * scale)), max(1, round(height * scale)))

    def looks_like(self, other: Frame) -> bool:
        """Tell whether another frame of the same file shows the very same picture, sample by sample."""
        mine, others = self.pixels.samples.ravel(), other.pixels.samples.ravel()
        # A few samples tell most pictures apart.
        return np.array_equal(mine[::4099], others[::4099]) and np.array_equal(mine, others)


@dataclass(slots=True)
class Losses:
    """What of the chosen frames could not be seen as it is in the file; complete after the last frame.

    Attributes:
        lost_s: presentation times of those that could not be decoded, in seconds.
        damaged_s: the same of those that were given but may show what was never there: their decoder met errors, in
            them or in a frame that they build on, and concealed these.
    """

    lost_s: list[float] = field(default_factory=list)
    damaged_s: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """Facts about one file, found without decoding a video.

    Attributes:
        path: the file.
        kind: "image" if it is a still picture.
        container: ffmpeg's name of the container, such as "mov,mp4,m4a,3gp,3g2,mj2", or that of the image format.
        codec: ffmpeg's name of the video codec, or that of the image format.
        pixel_format: ffmpeg's name, such as "yuv420p10le", or Pillow's name of the mode.
        width: pixels of the upright picture.
        height: pixels of the upright picture.
        rotation_deg: degrees, clockwise, by which the stored picture is turned to stand upright: 0, 90, 180 or 270.
        mirrored: whether the stored picture is flipped left to right before it is turned; None if unknown.
        duration_s: seconds from the first frame to the end of the last, from the frames present; 0 for an image.
        declared_duration_s: what the container claims, sound included, or None.
        frame_rate: mean frames per second, or None if there is one frame.
        variable_frame_rate: whether the intervals between frames differ by more than the clock's rounding.
        start_time_s: the container's timestamp that counts as time 0.
        time_base: seconds per tick of the stream's timestamps, or None for an image.
        has_audio: whether there is sound.
        color_matrix: ffmpeg's name of the YUV matrix, or None if the file does not say.
        color_primaries: ffmpeg's name of the primaries, or None if the file does not say.
        color_transfer: ffmpeg's name of the transfer function, or None if the file does not say.
        color_range: "tv" or "pc", or None if the file does not say.
        interlaced: whether the stream is marked as interlaced.
        sha256: of the whole file, in hexadecimal.
        bytes: size of the file.
        decoder: what reads it, such as "ffmpeg 7.1.1 (system)".
        stream: number of the video stream in the container; 0 for an image.
        keyframe_gap_s: the longest time from one key frame, which can be decoded by itself, to the next; infinite if
            none is known.
        frame_times_s: presentation times of all frames that the container lists, float64 (frame_count,), ascending.
        key_frames: indices of those that can be decoded by themselves, int64, ascending.
        anchor_frames: indices of those that are decoded after all that are shown earlier, int64, ascending. The others
            (B-frames) are coded with reference to an anchor frame that is shown later.
        holes_s: start and end, in seconds, of spans without a frame where the container is damaged; frames may have
            been there.
    """

    path: Path
    kind: Literal["video", "image"]
    container: str
    codec: str
    pixel_format: str
    width: int
    height: int
    rotation_deg: int
    mirrored: bool | None
    duration_s: float
    declared_duration_s: float | None
    frame_rate: float | None
    variable_frame_rate: bool
    start_time_s: float
    time_base: Fraction | None
    has_audio: bool
    color_matrix: str | None
    color_primaries: str | None
    color_transfer: str | None
    color_range: str | None
    interlaced: bool
    sha256: str
    bytes: int
    decoder: str
    stream: int
    keyframe_gap_s: float
    frame_times_s: npt.NDArray[np.float64] = field(repr=False, compare=False)
    key_frames: npt.NDArray[np.int64] = field(repr=False, compare=False)
    anchor_frames: npt.NDArray[np.int64] = field(repr=False, compare=False)
    holes_s: tuple[tuple[float, float], ...] = ()

    @property
    def frame_count(self) -> int:
        """Number of frames that the container lists. Fields that are coded one by one count as frames here."""
        return len(self.frame_times_s)

    def choose(self, plan: SamplingPlan) -> npt.NDArray[np.int64]:
        """Give the frames that a plan takes: indices into `frame_times_s`, int64, strictly ascending."""
        cheaper = [frames for frames in (self.key_frames, self.anchor_frames) if len(frames)]
        return plan.choose(self.frame_times_s, self.end_s, cheaper)

    @property
    def hdr_transfer(self) -> str | None:
        """The transfer function if the video is HDR, one of `HDR_TRANSFERS`, else None."""
        return self.color_transfer if self.color_transfer in HDR_TRANSFERS else None

    @property
    def end_s(self) -> float:
        """Time in seconds at which the last frame stops being shown."""
        return float(self.frame_times_s[0]) + self.duration_s


def quoted(path: Path) -> str:
    """Spell a path for a sentence: in quotation marks, on one line and printable whatever bytes it has."""
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "'" + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name) + "'"
