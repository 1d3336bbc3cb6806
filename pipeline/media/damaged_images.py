"""Loads a still image that is cut off or damaged as far as it goes, and says how much of it is missing.

Pillow gives such a file up, or does not notice: a PNG whose data ends early, but well, counts as whole. What it decoded
until then is in its memory all the same. What it did not reach is known by what the memory was filled with before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin

from pipeline.media.errors import MediaError, quoted

LEAST_SHARE = 0.1
"""An image of which less than this was decoded counts as not decoded."""

_PARTLY_LOADED = ("bmp", "gif", "jpeg", "png", "tiff")
"""Formats of which Pillow decodes row after row. Others come whole or not at all."""

# Most pixels that a byte can stand for: 1032 bytes of a PNG's rows, a string of a full table in GIF, four blocks of a
# JPEG at one bit each and less than full size, two bytes for 255 of a run in BMP. In other formats there is no bound.
_PIXELS_PER_BYTE = {"bmp": 128, "gif": 4096, "jpeg": 2048, "png": 8 * 1032}
_PNG_BYTES_PER_PIXEL = {"RGB": 3, "RGBA": 4, "LA": 2}

_ODD, _GREY = 85, 128
_PATTERN_ROWS = 64

Opener = Callable[[BinaryIO], ImageFile.ImageFile]
"""A class of Pillow that reads a format; it takes an open file and does not load it yet."""


def refuse_empty(path: Path, image: Image.Image, image_format: str, size: int) -> None:
    """Refuse an image that claims so many pixels that its bytes cannot hold a tenth of them.

    Args:
        path: for the message.
        image: opened, not loaded.
        image_format: its format.
        size: bytes of the file.

    Raises:
        MediaError: it does.
    """
    if image_format not in _PIXELS_PER_BYTE:
        return
    most = size * _PIXELS_PER_BYTE[image_format]
    if image_format == "png" and image.mode in _PNG_BYTES_PER_PIXEL:
        most = size * 1032 // _PNG_BYTES_PER_PIXEL[image.mode]
    if most < LEAST_SHARE * image.width * image.height:
        claimed = f"{image.width} x {image.height}"
        raise MediaError(
            "undecodable",
            f"{quoted(path)} claims {claimed} pixels, but its {size:,} bytes cannot hold a tenth of them.",
        )


def load_still(path: Path, file: BinaryIO, opener: Opener, image_format: str, warnings: list[str]) -> Image.Image:
    """Load a still image as far as it goes; what is missing is grey. Adds to `warnings` if that is not all of it.

    Args:
        path: of the file, for messages.
        file: the file, which must stay open as long as the image is used.
        opener: reads its format.
        image_format: its format.
        warnings: what the user should know.

    Raises:
        MediaError: so little could be decoded that nothing can be said of it.
        Exception: whatever Pillow raises of a format that comes whole or not at all.
    """
    found = _load_whole(file, opener, image_format)
    return found if isinstance(found, Image.Image) else _load_part(path, file, opener, found.reason, warnings)


@dataclass(frozen=True, slots=True)
class _Damage:
    """Why an image may not be whole: what Pillow says, "" if nothing."""

    reason: str


def _load_whole(file: BinaryIO, opener: Opener, image_format: str) -> Image.Image | _Damage:
    image = _opened(file, opener)
    is_filled = image_format in _PARTLY_LOADED and _covers(image)
    try:
        if is_filled and image_format != "jpeg":
            image.im = Image.new(image.mode, image.size, _color(image.mode, _ODD)).im
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # nearly anything, on damaged data
        if not is_filled:
            raise
        return _Damage(str(error))
    is_short = is_filled and image_format != "jpeg" and _ends_in(image, _ODD)
    return _Damage("") if is_short else image


def _load_part(path: Path, file: BinaryIO, opener: Opener, damage: str, warnings: list[str]) -> Image.Image:
    image = _opened(file, opener)
    is_jpeg = isinstance(image, JpegImagePlugin.JpegImageFile)
    # Every part of a progressive image adds to the whole picture.
    is_progressive = is_jpeg and "progressive" in image.info
    rows = image.height if is_progressive else _missing_rows(image)
    image = _opened(file, _EndedJpeg if is_jpeg else opener)
    image.im = Image.new(image.mode, image.size, _color(image.mode, _GREY)).im
    _load_so_far(image)
    if is_jpeg:
        # For want of data libjpeg holds back rows that it has, which the end marker brings out.
        rows = min(rows, _even_rows(image))
    missing = rows / image.height
    if missing > 1 - LEAST_SHARE:
        raise MediaError("undecodable", f"{quoted(path)} is a damaged image: {damage or 'its data ends early'}.")
    if is_progressive:
        warnings.append("The image is cut off or damaged: it is coarser than it was, or some of it is missing.")
    elif missing:
        warnings.append(f"The image is cut off or damaged: {max(1, round(100 * missing))}% of it is missing.")
    elif damage:
        warnings.append("The image is cut off or damaged at its end, but the picture is there.")
    return image


def _opened(file: BinaryIO, opener: Opener) -> ImageFile.ImageFile:
    file.seek(0)
    return opener(file)


class _EndedJpeg(JpegImagePlugin.JpegImageFile):
    """A JPEG that gets the end marker that it lacks, so that libjpeg gives all rows that it has."""

    _ended = False

    def load_read(self, read_bytes: int) -> bytes:
        data = super().load_read(read_bytes)
        if not data and not self._ended:
            self._ended = True
            return b"\xff\xd9"
        return data


def _covers(image: ImageFile.ImageFile) -> bool:
    """Tell whether what is decoded fills the image as it is: some have a border, or are turned once they are loaded."""
    boxes = [tile[1] for tile in image.tile]
    if not boxes or None in boxes:
        return False
    left, top, right, bottom = zip(*boxes, strict=True)
    return (min(left), min(top), max(right), max(bottom)) == (0, 0, *image.size)


def _load_so_far(image: ImageFile.ImageFile) -> None:
    try:
        image.load()
    except MemoryError:
        raise
    except Exception:  # has been told
        image.tile = []  # nothing is left to load


def _color(mode: str, level: int) -> int | tuple[int, ...]:
    bands = len(Image.new(mode, (1, 1)).getbands())
    return level if bands == 1 else (level,) * bands


def _ends_in(image: Image.Image, level: int) -> bool:
    """Tell whether one of the last two rows has one level all over; interlaced images get every other row last."""
    rows = np.asarray(image.crop((0, max(image.height - 2, 0), image.width, image.height)))
    return bool((rows.reshape(len(rows), -1) == level).all(axis=1).any())


def _missing_rows(image: ImageFile.ImageFile) -> float:
    """Load an image over a pattern of noise, and count the rows in which that still shows."""
    noise = np.random.default_rng(0)
    size = (image.width, _PATTERN_ROWS)
    tile = Image.frombytes(image.mode, size, noise.bytes(len(Image.new(image.mode, size).tobytes())))
    pattern = Image.new(image.mode, image.size)
    for top in range(0, image.height, _PATTERN_ROWS):
        pattern.paste(tile, (0, top))
    image.im = pattern.im
    _load_so_far(image)
    missing = 0.0
    for seen in _bands(image):
        before = np.asarray(tile)[: len(seen)].reshape(seen.shape)
        same = (seen == before).all(axis=2)
        # Single pixels may be the same by chance; of an interlaced image some in each row may be missing.
        missing += float(same.mean(axis=1).sum() if image.info.get("interlace") else same.all(axis=1).sum())
    return missing


def _even_rows(image: Image.Image) -> int:
    """Count the rows at the end of an image that have one colour each."""
    is_even = np.concatenate([(band == band[:, :1]).all(axis=(1, 2)) for band in _bands(image)])
    return int(np.argmin(is_even[::-1])) if not is_even.all() else len(is_even)


def _bands(image: Image.Image) -> Iterator[np.ndarray]:
    """Cut a loaded image into bands of (rows, columns, channels), so as not to copy it whole."""
    for top in range(0, image.height, _PATTERN_ROWS):
        band = np.asarray(image.crop((0, top, image.width, min(top + _PATTERN_ROWS, image.height))))
        yield band.reshape(*band.shape[:2], -1)
