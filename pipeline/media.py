"""Media in, upright timed frames out.

    info = probe(Path("clip.mp4"))
    with open_frames(info, SamplingPlan.spread(32)) as reader:
        for frame in reader:
            ...  # frame.index, frame.time_s, frame.image, frame.shrunk(640), frame.pixels[:100, :100]
    reader.warnings

An image is a video of one frame. Moving pictures in an image format (GIF, WebP, PNG, AVIF) are videos.

What a frame shows:

- It is upright: turned and mirrored as the display matrix or the EXIF orientation asks.
- Its pixels are those stored. A sample aspect ratio other than 1:1 is not stretched away.
- Its colours are 8-bit RGB. Wider samples are scaled down, HDR video is tone-mapped to BT.709, ICC profiles are
  ignored, and a translucent image lies on mid-grey. A video that does not name its YUV matrix has BT.709 when it is
  wider than 1279 or higher than 576 pixels, otherwise BT.601, as players assume. The alpha plane of a video is ignored.
- Its time is that of a player's clock, which stands at 0 at the first timestamp of any stream: the first frame of a
  transport stream that starts at 1.4 s has time 0, and a picture that sets in half a second after its sound has time
  0.5. Frames that an edit list hides are never seen.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from pipeline.sampling import SamplingPlan

if TYPE_CHECKING:
    from pipeline.pixels import RgbPixels, YuvPixels

MAX_PIXELS = (512 << 20) // 3
"""Largest picture that is decoded, 179 megapixels: 512 MiB as RGB, the bound that Pillow sets as well."""

STALL_TIMEOUT_S = 30.0
"""A decoder that shows no sign of life for so long is killed. On its way to a frame, which is silent, it also has as
long as a player would take."""

HDR_TRANSFERS = ("smpte2084", "arib-std-b67")
"""ffmpeg's names of the transfer functions PQ and HLG."""

_HEAD_BYTES = 256
_HASH_CHUNK_BYTES = 1 << 20


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

    def __str__(self):
        return self.args[1]


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
    pixels: RgbPixels | YuvPixels

    @property
    def image(self) -> np.ndarray:
        """The whole picture, uint8 (height, width, 3), RGB; where that takes long, 5 ms for 1080p, it is kept."""
        return self.pixels.image

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the picture takes as it came."""
        return self.pixels.samples.nbytes

    def shrunk(self, side: int) -> np.ndarray:
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
    frame_times_s: np.ndarray = field(repr=False, compare=False)
    key_frames: np.ndarray = field(repr=False, compare=False)
    anchor_frames: np.ndarray = field(repr=False, compare=False)

    @property
    def frame_count(self) -> int:
        """Number of frames that the container lists. Fields that are coded one by one count as frames here."""
        return len(self.frame_times_s)

    def choose(self, plan: SamplingPlan) -> np.ndarray:
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


class FrameReader:
    """The frames that a plan chose, in order, once. Close it, or use it in a `with`, to stop the decoder.

    Attributes:
        warnings: sentences about what is wrong with the file or with how it was read; complete after the last frame.
    """

    def __init__(self, frames: Generator[Frame, None, None], warnings: list[str]):
        self._frames = frames
        self.warnings = warnings

    def __iter__(self) -> Iterator[Frame]:
        return self._frames

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the decoder. Closing twice does no harm."""
        self._frames.close()


def probe(path: Path, *, stall_timeout_s: float = STALL_TIMEOUT_S) -> MediaInfo:
    """Find out what a file is.

    Reads the whole file twice, for its hash and for the timestamps of its frames, and decodes nothing but animated
    images. What the file is called does not matter.

    Args:
        path: any path; it is never taken for an option, a pattern or a protocol.
        stall_timeout_s: seconds without a sign of life from ffmpeg after which it is killed.

    Raises:
        MediaError: there is nothing to decode, and why.
    """
    size, head = _open(path)
    sha256 = file_sha256(path)
    image_format = _image_format(head)
    if image_format is not None:
        from pipeline import images

        return images.probe(path, image_format, sha256, size)
    from pipeline import video_probe

    return video_probe.probe(path, sha256, size, stall_timeout_s)


def open_frames(
    info: MediaInfo,
    plan: SamplingPlan,
    *,
    stall_timeout_s: float = STALL_TIMEOUT_S,
) -> FrameReader:
    """Decode the frames that a plan chooses. No more than a few are in memory at a time.

    A damaged video gives the frames that can be decoded, and a warning.

    Args:
        info: what `probe` said of the file.
        plan: which frames to take.
        stall_timeout_s: seconds without a sign of life from ffmpeg after which it is killed, on top of the longest
            time that a player would take from one of these frames to the next.

    Raises:
        MediaError: while iterating, if not one frame can be decoded or ffmpeg hangs.
    """
    warnings: list[str] = []
    if info.container in _IMAGE_FORMATS:
        from pipeline import images

        return FrameReader(images.read(info, plan, warnings), warnings)
    from pipeline import video_frames

    return FrameReader(video_frames.read(info, plan, warnings, stall_timeout_s), warnings)


def quoted(path: Path) -> str:
    """Spell a path for a sentence: in quotation marks, on one line and printable whatever bytes it has."""
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "'" + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name) + "'"


def _open(path: Path) -> tuple[int, bytes]:
    """Give the size of a regular file and its first bytes."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise MediaError("error", f"{quoted(path)} is a folder, and no video or image was found in it.")
        # Opening a named pipe would block until somebody writes to it.
        if not stat.S_ISREG(status.st_mode):
            raise MediaError("unsupported", f"{quoted(path)} is a pipe or a device, not a file: copy it to one.")
        if status.st_size == 0:
            raise MediaError("undecodable", f"{quoted(path)} is empty: it has no bytes.")
        with path.open("rb") as file:
            return status.st_size, file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise MediaError("error", f"{quoted(path)} does not exist.") from None
    except PermissionError:
        raise MediaError("error", f"{quoted(path)} may not be read: its permissions forbid it.") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise MediaError("error", f"{quoted(path)} could not be opened: {error}.") from error


def file_sha256(path: Path) -> str:
    """Hash a whole file: SHA-256 in hexadecimal.

    Raises:
        MediaError: the file cannot be read to its end.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_HASH_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise MediaError("error", f"{quoted(path)} could not be read to its end: {error}.") from error
    return digest.hexdigest()


_IMAGE_SIGNATURES = {
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
    b"BM": "bmp",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
}

_IMAGE_BRANDS = {b"avif": "avif", b"avis": "avif", b"heic": "heic", b"heix": "heic", b"mif1": "heic"}

_IMAGE_FORMATS = frozenset({*_IMAGE_SIGNATURES.values(), *_IMAGE_BRANDS.values(), "webp"})


def _image_format(head: bytes) -> str | None:
    """Tell an image by its first bytes, which unlike its name cannot lie; None means: ask ffmpeg."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        major, compatible = head[8:12], head[16 : int.from_bytes(head[:4], "big")]
        return "avif" if major == b"mif1" and b"avif" in compatible else _IMAGE_BRANDS.get(major)
    return next((name for start, name in _IMAGE_SIGNATURES.items() if head.startswith(start)), None)
