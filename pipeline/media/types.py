"""What the rooms of media hand to each other: facts about a file, and frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.media.errors import MediaError as MediaError
from pipeline.media.errors import display_path as display_path
from pipeline.media.errors import is_address as is_address
from pipeline.media.errors import printable as printable
from pipeline.media.errors import quoted as quoted
from pipeline.media.holds import Hold, shares
from pipeline.media.sampling import SamplingPlan, nearest
from pipeline.media.source_file import SourceFile

MAX_PIXELS = (512 << 20) // 3
"""Largest picture that is decoded, 179 megapixels: 512 MiB as RGB, the bound that Pillow sets as well."""

STALL_TIMEOUT_S = 30.0
"""A decoder that shows no sign of life for so long is killed. On its way to a frame, which is silent, it also has as
long as a player would take."""

HDR_TRANSFERS = ("smpte2084", "arib-std-b67")
"""ffmpeg's names of the transfer functions PQ and HLG."""

MOST_STRETCHED = 8
"""Pixels that are said to be more than this many times as wide as high, or as high as wide, are a mistake or a trap:
those of real formats stay below 3."""

_AS_GOOD_AS_SQUARE = Fraction(1, 100)
"""Ratios so near to 1 come of rounding. Nobody sees it, while stretching would blur the whole picture."""


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


@dataclass(frozen=True, slots=True)
class PictureForm:
    """How a picture of a video is coded. It may change midway.

    Attributes:
        width: stored pixels of the picture after it was turned upright.
        height: stored pixels of the picture after it was turned upright.
        sideways: whether it was turned by a quarter for that.
        pixel_format: ffmpeg's name, such as "yuv420p10le".
        sample_aspect_ratio: how many times as wide as high its pixels are meant to be shown, or None if the file does
            not say.
        interlaced: whether it is woven of two moments.
        color_matrix: ffmpeg's name of the YUV matrix, or None if the file does not say.
        color_primaries: ffmpeg's name of the primaries, or None if the file does not say.
        color_transfer: ffmpeg's name of the transfer function, or None if the file does not say.
        color_range: "tv" or "pc", or None if the file does not say.
    """

    width: int
    height: int
    sideways: bool
    pixel_format: str
    sample_aspect_ratio: Fraction | None
    interlaced: bool
    color_matrix: str | None
    color_primaries: str | None
    color_transfer: str | None
    color_range: str | None

    @property
    def pixel_ratio(self) -> Fraction:
        """How many times as wide as high its pixels are shown: 1 where the file says nothing, or what cannot be."""
        ratio = self.sample_aspect_ratio or Fraction(1)
        if abs(ratio - 1) <= _AS_GOOD_AS_SQUARE or not self.has_sane_pixels:
            return Fraction(1)
        return ratio

    @property
    def has_sane_pixels(self) -> bool:
        """Whether its pixels can be shown in the shape that the file gives them."""
        ratio = self.sample_aspect_ratio or Fraction(1)
        return (
            Fraction(1, MOST_STRETCHED) <= ratio <= MOST_STRETCHED
            and self.width * self.height * max(ratio, 1 / ratio) <= MAX_PIXELS
        )

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height of the picture as players show it: what has too few pixels one way is stretched."""
        ratio = self.pixel_ratio
        if ratio >= 1:
            return round(self.width * ratio), self.height
        return self.width, round(self.height / ratio)

    @property
    def hdr_transfer(self) -> str | None:
        """The transfer function if the picture is HDR, one of `HDR_TRANSFERS`, else None."""
        return self.color_transfer if self.color_transfer in HDR_TRANSFERS else None

    def change_to(self, later: PictureForm) -> str:
        """Say what a viewer would see change, "" if nothing."""
        words = []
        if self.shown_size != later.shown_size:
            before, after = ("{} x {}".format(*form.shown_size) for form in (self, later))
            words.append(f"from {before} to {after} pixels")
        if self.hdr_transfer != later.hdr_transfer:
            words.append(f"from {self.hdr_transfer or 'usual'} to {later.hdr_transfer or 'usual'} light")
        return " and ".join(words)

    @property
    def assumed_matrix(self) -> str:
        """ffmpeg's name of the YUV matrix; where the file names none, by size as players do."""
        width, height = (self.height, self.width) if self.sideways else (self.width, self.height)
        return self.color_matrix or ("bt709" if width > 1279 or height > 576 else "bt601")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        index: number of the frame among all that the file shows, from 0, in the order in which they are shown; None
            where its timestamp is none of those that the container lists.
        time_s: presentation time in seconds.
        pixels: the upright picture. `pixels[top:bottom, left:right]` gives a part of it, RGB uint8 (rows, columns, 3);
            the reader keeps no reference to it. Frames of one video may differ in size.
        form: how it was coded; None for what is no video stream.
    """

    index: int | None
    time_s: float
    pixels: Pixels
    form: PictureForm | None = None

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
        if self.form != other.form:
            return False
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
        source: the file, open.
        kind: "image" if it is a still picture.
        container: ffmpeg's name of the container, such as "mov,mp4,m4a,3gp,3g2,mj2", or that of the image format.
        codec: ffmpeg's name of the video codec, or that of the image format.
        pixel_format: ffmpeg's name, such as "yuv420p10le", or Pillow's name of the mode.
        width: pixels of the upright picture, as it is shown at the start.
        height: pixels of the upright picture, as it is shown at the start.
        stored_size: width and height of the upright picture in the pixels that are stored, which need not be square.
        sample_aspect_ratio: how many times as wide as high a stored pixel of the upright picture is meant to be shown,
            or None if the file does not say. See `PictureForm.pixel_ratio` for what is made of it.
        pixel_shapes: where that changes, times of the container in seconds, ascending, and the ratio from there on;
            empty if it does not, or if each frame tells.
        rotation_deg: degrees, clockwise, by which the stored picture is turned to stand upright, 0 to 359; hardly ever
            anything but 0, 90, 180 and 270.
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
        decoder: what reads it, such as "ffmpeg 7.1.1 (system)".
        confinement: what its decoder is confined by, of `pipeline.media.confinement.MEASURES`.
        stream: number of the video stream in the container; 0 for an image.
        not_looked_at: other pictures that the file holds, in words, such as "video stream 1 (h264, 640 x 360)".
        keyframe_gap_s: the longest time from one key frame, which can be decoded by itself, to the next; infinite if
            none is known.
        frame_times_s: presentation times of all frames that the container lists, float64 (frame_count,), ascending,
            from 0 on.
        container_times_s: the same as the container has them, float64 (frame_count,), ascending: others only where
            those make no sense.
        key_frames: indices of those that can be decoded by themselves, int64, ascending.
        anchor_frames: indices of those that are decoded after all that are shown earlier, int64, ascending. The others
            (B-frames) are coded with reference to an anchor frame that is shown later.
        holes_s: start and end, in seconds, of spans without a frame where the container is damaged; frames may have
            been there.
        tags: name and value of what the container of a video says of itself, printable and cut off if long.
    """

    source: SourceFile
    kind: Literal["video", "image"]
    container: str
    codec: str
    pixel_format: str
    width: int
    height: int
    stored_size: tuple[int, int]
    sample_aspect_ratio: Fraction | None
    pixel_shapes: tuple[tuple[float, Fraction | None], ...]
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
    decoder: str
    confinement: tuple[str, ...]
    stream: int
    not_looked_at: tuple[str, ...]
    keyframe_gap_s: float
    frame_times_s: npt.NDArray[np.float64] = field(repr=False, compare=False)
    container_times_s: npt.NDArray[np.float64] = field(repr=False, compare=False)
    key_frames: npt.NDArray[np.int64] = field(repr=False, compare=False)
    anchor_frames: npt.NDArray[np.int64] = field(repr=False, compare=False)
    holes_s: tuple[tuple[float, float], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> Path:
        """The file as it was named."""
        return self.source.path

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return self.source.size

    @property
    def frame_count(self) -> int:
        """Number of frames that the container lists. Fields that are coded one by one count as frames here."""
        return len(self.frame_times_s)

    @property
    def has_mended_times(self) -> bool:
        """Whether the times of the container make no sense as they are."""
        return not np.array_equal(self.container_times_s, self.frame_times_s)

    def choose(self, plan: SamplingPlan) -> npt.NDArray[np.int64]:
        """Give the frames that a plan takes: indices into `frame_times_s`, int64, strictly ascending."""
        cheaper = [frames for frames in (self.key_frames, self.anchor_frames) if len(frames)]
        return plan.choose(self.frame_times_s, self.end_s, cheaper)

    def holds(self, looked_at_s: npt.ArrayLike) -> dict[float, Hold]:
        """Find the frames that stay on screen for longer than the others that are looked at stand for.

        Args:
            looked_at_s: presentation times of all frames that are looked at, in any order.

        Returns:
            How each is held, by its presentation time.
        """
        places = np.unique(nearest(self.frame_times_s, looked_at_s))
        shown_s = np.diff(self.frame_times_s, append=self.end_s)
        for start_s, end_s in self.holes_s:
            # What is missing there may have been anything.
            shown_s[np.searchsorted(self.frame_times_s, end_s) - 1] -= end_s - start_s
        shares_s = shares(shown_s, places)
        usual_s = float(shares_s.min(initial=np.inf))
        return {
            float(self.frame_times_s[place]): Hold(float(share_s), float(share_s) / usual_s)
            for place, share_s in zip(places, shares_s, strict=True)
            if share_s > usual_s
        }

    @property
    def form(self) -> PictureForm:
        """How the pictures of a video are coded, as far as the file says it in advance."""
        return PictureForm(
            *self.stored_size,
            sideways=self.rotation_deg in (90, 270),
            pixel_format=self.pixel_format,
            sample_aspect_ratio=self.sample_aspect_ratio,
            interlaced=self.interlaced,
            color_matrix=self.color_matrix,
            color_primaries=self.color_primaries,
            color_transfer=self.color_transfer,
            color_range=self.color_range,
        )

    @property
    def hdr_transfer(self) -> str | None:
        """The transfer function if the video is HDR, one of `HDR_TRANSFERS`, else None."""
        return self.form.hdr_transfer

    @property
    def end_s(self) -> float:
        """Time in seconds at which the last frame stops being shown."""
        return float(self.frame_times_s[0]) + self.duration_s
