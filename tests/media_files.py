"""Makes small media files for tests. Every frame carries its own number, readable by `read_number`.

Where to start:

    write_video(path, number_frames(12))
    info, frames, warnings = frames_of(path)
    read_number(frames[0].image)
"""

from __future__ import annotations

import math
import struct
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.media import Frame, MediaInfo, SamplingPlan, open_frames, probe
from pipeline.media.ffmpeg import find_binary

SIZE = (96, 64)
"""Width and height of frames unless said otherwise."""

SAMPLES = Path(__file__).parents[1] / "sample_videos"

EVERY = SamplingPlan.every_frame()

CORNERS = {
    "top left": (200, 40, 40),
    "top right": (40, 180, 40),
    "bottom left": (40, 40, 200),
    "bottom right": (220, 220, 220),
}
"""RGB of the corners of a numbered frame: a picture that is turned or mirrored has others."""

_BIT_ROWS, _BIT_COLUMNS = 2, 6
_DARK, _BRIGHT = 40, 215


def frames_of(path: Path, plan: SamplingPlan = EVERY) -> tuple[MediaInfo, list[Frame], list[str]]:
    """Probe and decode a file: its facts, the frames of the plan, and what was warned of."""
    info = probe(path)
    with open_frames(info, plan) as reader:
        return info, list(reader), reader.warnings


def number_frame(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Draw a number below 4096 as twelve dark and bright fields between four coloured corners, RGB uint8."""
    width, height = size
    image = np.full((height, width, 3), 128, np.uint8)
    for (rows, columns), color in zip(_corner_fields(width, height), CORNERS.values(), strict=True):
        image[rows, columns] = color
    for bit, (rows, columns) in enumerate(_bit_fields(width, height)):
        image[rows, columns] = _BRIGHT if number >> bit & 1 else _DARK
    return image


def number_frames(count: int, size: tuple[int, int] = SIZE) -> Iterator[np.ndarray]:
    """Draw the numbers from 0."""
    return (number_frame(number, size) for number in range(count))


def read_number(image: np.ndarray) -> int:
    """Read the number of a frame, which must stand upright and have its colours."""
    height, width, _ = image.shape
    corners = [_middle(image, field) for field in _corner_fields(width, height)]
    for name, seen, color in zip(CORNERS, corners, CORNERS.values(), strict=True):
        assert np.abs(seen - color).max() < 45, f"{name} is {seen.round()}, not {color}"
    bits = [_middle(image, field).mean() > (_DARK + _BRIGHT) / 2 for field in _bit_fields(width, height)]
    return sum(1 << bit for bit, bright in enumerate(bits) if bright)


def _corner_fields(width: int, height: int) -> list[tuple[slice, slice]]:
    high, wide = height // 4, width // 3
    return [
        (rows, columns)
        for rows in (slice(0, high), slice(height - high, height))
        for columns in (slice(0, wide), slice(width - wide, width))
    ]


def _bit_fields(width: int, height: int) -> list[tuple[slice, slice]]:
    top, bottom = height // 4, height - height // 4
    rows = np.linspace(top, bottom, _BIT_ROWS + 1).astype(int)
    columns = np.linspace(0, width, _BIT_COLUMNS + 1).astype(int)
    return [
        (slice(rows[r], rows[r + 1]), slice(columns[c], columns[c + 1]))
        for r in range(_BIT_ROWS)
        for c in range(_BIT_COLUMNS)
    ]


def _middle(image: np.ndarray, field: tuple[slice, slice]) -> np.ndarray:
    """Mean colour of the inner half of a field, clear of what compression smears over its border."""
    inner = []
    for span in field:
        quarter = (span.stop - span.start) // 4
        inner.append(slice(span.start + quarter, span.stop - quarter))
    return image[inner[0], inner[1]].reshape(-1, 3).mean(axis=0)


def run_ffmpeg(*arguments: object) -> None:
    """Run ffmpeg, overwriting the output."""
    command = [find_binary().path, "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


@cache
def has_encoder(name: str) -> bool:
    """Tell whether ffmpeg can write a codec."""
    command = [find_binary().path, "-hide_banner", "-encoders"]
    result = subprocess.run(command, capture_output=True, check=True)
    return f" {name} ".encode() in result.stdout


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    fps: float = 10,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    filters: str = "null",
    options: Iterable[object] = (),
    sound: bool = False,
    rotation_deg: int = 0,
    mirrored: bool = False,
) -> Path:
    """Write a video in the format that the name of the file says.

    Args:
        path: where.
        frames: RGB uint8 of one size; they are streamed, not collected.
        fps: frames per second.
        codec: ffmpeg's name of the encoder.
        pixel_format: ffmpeg's name of the format to encode.
        filters: a filter graph to apply before, such as "setpts=..." for a frame rate that varies.
        options: further options for the output.
        sound: whether to add a tone as long as the video.
        rotation_deg: clockwise turn that a display matrix is to ask of the player (MP4 and MOV only).
        mirrored: whether it is to ask for a flip from left to right before the turn.

    Returns:
        The path.
    """
    iterator = iter(frames)
    first = next(iterator)
    height, width, _ = first.shape
    tone = ["-f", "lavfi", "-i", "sine", "-map", "0:v", "-map", "1:a", "-shortest"] if sound else []
    command = [
        *(find_binary().path, "-v", "error", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", fps, "-i", "pipe:"),
        *tone,
        *("-vf", filters, "-c:v", codec, "-pix_fmt", pixel_format, *options, path),
    ]
    with subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE) as process:
        process.stdin.write(first.tobytes())
        for frame in iterator:
            process.stdin.write(frame.tobytes())
        process.stdin.close()
        assert process.wait() == 0, f"ffmpeg could not write {path}"
    if rotation_deg or mirrored:
        set_display_matrix(path, rotation_deg, mirrored)
    return path


def set_display_matrix(path: Path, rotation_deg: float, mirrored: bool = False) -> None:
    """Write the display matrix of an MP4 or MOV file's first track; no ffmpeg before 6 can."""
    angle = math.radians(rotation_deg)
    cos, sin = round(math.cos(angle) * (1 << 16)), round(math.sin(angle) * (1 << 16))
    flip = -1 if mirrored else 1
    rows = (cos * flip, sin * flip, 0), (-sin, cos, 0), (0, 0, 1 << 30)
    matrix = b"".join(struct.pack(">3i", *row) for row in rows)
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    data[start : start + 36] = matrix
    path.write_bytes(data)


def stored_frame(image: np.ndarray, rotation_deg: int, mirrored: bool = False) -> np.ndarray:
    """Give the picture that becomes `image` when it is mirrored, if so, and then turned clockwise."""
    turned_back = np.rot90(image, rotation_deg // 90)
    return np.ascontiguousarray(turned_back[:, ::-1] if mirrored else turned_back)


def sample_clip(path: Path, sample: str, options: Iterable[object], seconds: float = 2.4) -> Path:
    """Encode the beginning of one of the sample videos anew, a quarter as large."""
    run_ffmpeg("-i", SAMPLES / f"{sample}.mp4", "-t", seconds, "-vf", "scale=iw/2:ih/2", *options, path)
    return path


def change_packets(source: Path, path: Path, one_in: str) -> Path:
    """Copy a video with one in so many bytes of its packets changed.

    Args:
        source: the video.
        path: where the copy goes.
        one_in: how many; as an expression of ffmpeg's in which `n` is the number of the packet, and 0 changes none.
    """
    expression = one_in.replace(",", "\\,")
    run_ffmpeg("-i", source, "-c", "copy", "-bsf:v", f"noise=amount={expression}", path)
    return path
