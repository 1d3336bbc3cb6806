"""What can be said of a picture or video without a look at the face in it."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from classifiers.datasets import DataError, PictureReader, Sample
from classifiers.datasets.media_types import is_picture

HISTOGRAM_BINS = 32

CHANNELS = ("red", "green", "blue")


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a container says of a video without decoding it.

    Attributes:
        format: container and codec for people, such as "mp4 h264".
        width: pixels.
        height: pixels.
        bytes: size of the file.
        frames: number of frames.
    """

    format: str
    width: int
    height: int
    bytes: int
    frames: int


ProbeVideo = Callable[[Path], VideoFacts]
"""Tells about a video file; raises DataError where it cannot."""


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """What the pixels of one picture are like.

    Attributes:
        brightness: mean luma, 0 to 255.
        saturation: mean saturation of HSV, 0 to 1.
        sharpness: variance of the Laplacian of the luma.
        channel_mean: float64 (3,) red, green, blue, 0 to 255.
        channel_std: float64 (3,) likewise.
        histogram: float64 (3, HISTOGRAM_BINS), share of the pixels in each bin of each channel.
    """

    brightness: float
    saturation: float
    sharpness: float
    channel_mean: npt.NDArray[np.float64]
    channel_std: npt.NDArray[np.float64]
    histogram: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """One measured sample.

    Attributes:
        sample: the sample.
        format: of the file, such as "JPEG" or "mp4 h264".
        width: pixels.
        height: pixels.
        bytes: size of the encoded file.
        bits_per_pixel: of the file, over all frames.
        jpeg_quality: 1 to 100 as libjpeg counts; nan for what is no JPEG.
        eye_distance: pixels between the eyes; nan where the landmarks are not known.
        pixels: of a picture; None for a video.
    """

    sample: Sample
    format: str
    width: int
    height: int
    bytes: int
    bits_per_pixel: float
    jpeg_quality: float
    eye_distance: float
    pixels: Pixels | None


def measure(sample: Sample, reader: PictureReader, probe: ProbeVideo | None = None) -> Facts | None:
    """Measure one sample.

    Args:
        sample: the sample.
        reader: reads the pictures.
        probe: tells about videos.

    Returns:
        The facts, or None for a video that nothing can be asked about.

    Raises:
        DataError: the file cannot be read, is damaged or is cut off.
    """
    if is_picture(sample.member or sample.path):
        return _measure_picture(sample, reader)
    # A probe wants a file of its own, which a member of a zip file is not.
    if probe is None or sample.member:
        return None
    video = probe(sample.path)
    pixels = video.width * video.height * max(video.frames, 1)
    return Facts(
        sample=sample,
        format=video.format,
        width=video.width,
        height=video.height,
        bytes=video.bytes,
        bits_per_pixel=8 * video.bytes / pixels,
        jpeg_quality=math.nan,
        eye_distance=_eye_distance(sample),
        pixels=None,
    )


def jpeg_quality(tables: dict[int, Sequence[int]]) -> float:
    """Estimate the quality setting of libjpeg from the luma quantisation table that it leads to.

    Args:
        tables: by number, as Pillow gives them.

    Returns:
        The setting, 1 to 100, whose table is nearest; nan without a table.
    """
    if not tables:
        return math.nan
    table = np.array(tables[min(tables)], dtype=float)
    # Sorted, since libraries hand out the coefficients in different orders.
    return float(1 + np.abs(_STANDARD_TABLES - np.sort(table)).sum(axis=1).argmin())


def _measure_picture(sample: Sample, reader: PictureReader) -> Facts:
    content = reader.bytes(sample)
    file_format, quality = _container(sample, content)
    image = reader.read(sample)
    height, width = image.shape[:2]
    return Facts(
        sample=sample,
        format=file_format,
        width=width,
        height=height,
        bytes=len(content),
        bits_per_pixel=8 * len(content) / (width * height),
        jpeg_quality=quality,
        eye_distance=_eye_distance(sample),
        pixels=_measure_pixels(image),
    )


def _container(sample: Sample, content: bytes) -> tuple[str, float]:
    """Give the format of a picture and its JPEG quality."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.format or "unknown", jpeg_quality(getattr(image, "quantization", None) or {})
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{sample.name} is not a picture that can be opened: {error}") from error


def _measure_pixels(image: np.ndarray) -> Pixels:
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    mean, std = cv2.meanStdDev(image)
    histogram = [cv2.calcHist([image], [channel], None, [HISTOGRAM_BINS], [0, 256])[:, 0] for channel in range(3)]
    return Pixels(
        brightness=float(luma.mean()),
        saturation=float(cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[..., 1].mean()) / 255,
        sharpness=float(cv2.Laplacian(luma, cv2.CV_64F).var()),
        channel_mean=np.asarray(mean[:, 0], np.float64),
        channel_std=np.asarray(std[:, 0], np.float64),
        histogram=np.array(histogram, dtype=float) / luma.size,
    )


def _eye_distance(sample: Sample) -> float:
    if sample.landmarks is None:
        return math.nan
    return float(np.linalg.norm(sample.landmarks[1] - sample.landmarks[0]))


# fmt: off
_LUMA_TABLE = np.array((
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
))
# fmt: on


def _standard_table(quality: int) -> np.ndarray:
    """Scale the luma table of the JPEG standard, annex K, as libjpeg does; sorted."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.sort(np.clip((_LUMA_TABLE * percent + 50) // 100, 1, 255))


_STANDARD_TABLES = np.stack([_standard_table(quality) for quality in range(1, 101)]).astype(float)
