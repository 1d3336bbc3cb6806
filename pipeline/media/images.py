"""Reads images and animations with Pillow.

Unlike ffmpeg it knows the EXIF orientation of every format, animated WebP in all its versions, and CMYK.

This runs in a confined process of its own, see `pipeline.media.image_server`, which can open no file: it gets the image
open, and its path only to speak of it. What it gives is plain data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageOps,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from classifiers.numerals import counted
from pipeline.media.appended import find_appended
from pipeline.media.damaged_images import Opener, load_still, refuse_empty
from pipeline.media.errors import MediaError, quoted

# Opened by their classes, because Image.open would warn of any picture above 89 megapixels.
_OPENERS: dict[str, Opener] = {
    "avif": AvifImagePlugin.AvifImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "jpeg": JpegImagePlugin.JpegImageFile,
    "jpeg2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "png": PngImagePlugin.PngImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
}
_ANIMATED = ("avif", "gif", "png", "webp")

# EXIF orientation: turn to the right after mirroring left to right.
_ORIENTATIONS = {
    1: (0, False),
    2: (0, True),
    3: (180, False),
    4: (180, True),
    5: (270, True),
    6: (90, False),
    7: (90, True),
    8: (270, False),
}

_TURNED = frozenset(range(2, 9))
_STRIP_PIXELS = 1 << 15

_BACKGROUND = (128, 128, 128, 255)

_SHORTEST_S = 0.011
_UNTIMED_S = 0.1
"""Browsers show a frame of 10 ms or less for 100 ms, because old programs wrote 0 for lack of a better idea."""

_LONGEST_S = 86400.0
"""A frame that is said to be shown for more than a day has a wrong time."""

_UNREAD = re.compile(
    r"unsupported|not supported|cannot handle|unknown raw mode|decoder \w+ not available",
    re.IGNORECASE,
)
"""What Pillow says of files that it has no code for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an image holds.

    Attributes:
        width: pixels of the upright picture.
        height: pixels of the upright picture.
        mode: Pillow's name of the pixel format.
        rotation_deg: clockwise turn from the stored picture to the upright one.
        mirrored: whether it is mirrored left to right before.
        not_looked_at: other pictures that the file holds, in words.
        shown_s: seconds for which each picture is shown; one 0 for a still.
    """

    width: int
    height: int
    mode: str
    rotation_deg: int
    mirrored: bool
    not_looked_at: list[str]
    shown_s: list[float]


@dataclass(frozen=True, slots=True)
class Picture:
    """One upright picture: its number among all, its size in pixels, and RGB bytes, some rows at a time."""

    index: int
    width: int
    height: int
    rows: Iterator[bytes]


def facts(path: Path, file: BinaryIO, image_format: str, most_pixels: int, most_played_pixels: int) -> Facts:
    """Find out what an image holds. An animation is played to learn its times.

    Args:
        path: what the image is called.
        file: the image, at any position.
        image_format: name of the format.
        most_pixels: the largest picture that is read.
        most_played_pixels: the most pixels that all pictures of an animation may have together.

    Raises:
        MediaError: it is damaged, or too large.
    """
    size = file.seek(0, os.SEEK_END)
    with open_image(path, file, image_format) as image, _damage_of(path, file):
        width, height = image.size
        if width * height > most_pixels:
            raise MediaError(
                "unsupported",
                f"{quoted(path)} has {width} x {height} pixels; the limit is {most_pixels:,}.",
            )
        refuse_empty(path, image, image_format, size)
        mode = image.mode
        animated = image_format in _ANIMATED and getattr(image, "is_animated", False)
        pictures = getattr(image, "n_frames", 1) if animated else 1
        if width * height * pictures > most_played_pixels:
            raise MediaError(
                "unsupported",
                f"{quoted(path)} is an animation of {pictures} pictures of {width} x {height} pixels; the limit is "
                f"{most_played_pixels:,} pixels in all.",
            )
        orientation = _orientation(image)
        others = _others(image, image_format)
        index = image.info.get("mp", b"")
    rotation_deg, mirrored = _ORIENTATIONS.get(orientation, (0, False))
    if rotation_deg in (90, 270) and image_format != "tiff":  # Pillow gives the upright size of a TIFF
        width, height = height, width
    if not (animated and image_format == "avif"):  # whose sequence lies beside its image, and is what is played
        file.seek(0)
        others += find_appended(file.read(), image_format, index)
    shown_s = [0.0]
    if animated:
        shown_s = [shown_s for _, shown_s in _play(path, file, image_format, [])]
        if len(shown_s) == 1 < pictures:  # a still, of which nothing breaks off
            others.append("pictures behind the first, which cannot be read")
    return Facts(width, height, mode, rotation_deg, mirrored, others, shown_s)


def pictures(
    path: Path, file: BinaryIO, image_format: str, chosen: set[int] | None, warnings: list[str]
) -> Generator[Picture, None, None]:
    """Decode pictures of an image; each is to be taken before the next is asked for. Adds to `warnings`.

    Args:
        path: what the image is called.
        file: the image, at any position.
        image_format: name of the format.
        chosen: numbers of the pictures of an animation, from 0; None for a still.
        warnings: what the user should know.

    Raises:
        MediaError: it is damaged, or of a kind that is not read.
    """
    if chosen is None:
        with _damage_of(path, file):
            still = load_still(path, file, _opener(path, image_format), image_format, warnings)
        yield _upright(0, still, path, file)
        return
    with closing(_play(path, file, image_format, warnings)) as played:
        for index, (image, _) in enumerate(played):
            if index in chosen:
                yield _upright(index, image, path, file)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except MemoryError:
        raise
    except Exception:
        # For a PNG all of it is loaded to look behind the picture, which tells of damage when the picture is wanted.
        return 1


def _others(image: Image.Image, image_format: str) -> list[str]:
    """Name the pictures of a still that are beside the one that is shown."""
    count = 1 if image_format in _ANIMATED else getattr(image, "n_frames", 1)
    if count < 2:
        return []
    if image_format != "tiff":
        return ["another picture"] if count == 2 else [f"{count - 1} more pictures"]
    return ["page 2"] if count == 2 else [f"pages 2 to {count}"]


@contextmanager
def _damage_of(path: Path, file: BinaryIO) -> Iterator[None]:
    """Blame the file for what Pillow raises, which on damaged data can be nearly anything."""
    try:
        yield
    except (MediaError, MemoryError):
        raise
    except Exception as error:
        if _is_unread_kind(file, str(error)):
            raise MediaError(
                "unsupported",
                f"{quoted(path)} has pixels of a kind that is not read ({error}): convert it to 8-bit RGB.",
            ) from error
        raise MediaError("undecodable", f"{quoted(path)} is a damaged image: {error}.") from error


def _is_unread_kind(file: BinaryIO, said: str) -> bool:
    """Tell an image that Pillow has no code for from a damaged one, by what it said."""
    # It says the same of a TIFF that names a type of pixel it does not know, as floats, and of one cut off before that.
    return _names_pixel_type(file) if "unknown pixel mode" in said else _UNREAD.search(said) is not None


def _names_pixel_type(file: BinaryIO) -> bool:
    try:
        file.seek(0)
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
        return {TiffImagePlugin.BITSPERSAMPLE, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION} <= set(tags)
    except Exception:  # whatever Pillow raises of tags that are damaged
        return False


def open_image(path: Path, file: BinaryIO, image_format: str) -> Image.Image:
    """Open an image, without decoding it.

    Raises:
        MediaError: it is damaged, or what reads it is not installed.
    """
    file.seek(0)
    with _damage_of(path, file):
        return _opener(path, image_format)(file)


def _opener(path: Path, image_format: str) -> Opener:
    if image_format != "heic":
        return _OPENERS[image_format]
    try:
        import pillow_heif
    except ImportError:
        raise MediaError(
            "unsupported",
            f"{quoted(path)} is a HEIC image: install pillow-heif to read it, or convert it to JPEG.",
        ) from None
    pillow_heif.register_heif_opener()
    return partial(Image.open, formats=("HEIF",))


def _play(
    path: Path, file: BinaryIO, image_format: str, warnings: list[str]
) -> Generator[tuple[Image.Image, float], None, None]:
    """Decode each picture of an animation, and give it with the seconds for which it is shown.

    The image is the same object each time.
    """
    with open_image(path, file, image_format) as image:
        for number in count():
            try:
                with _damage_of(path, file):
                    if number and not _turn_to(image, number):
                        return
                    image.load()
                    _require_palette(image)
            except MediaError as error:
                if number == 0:
                    raise
                warnings.append(f"The animation breaks off after {counted(number, 'frame')}: {error}")
                return
            shown_s = image.info.get("duration", 0) / 1000
            yield image, shown_s if _SHORTEST_S < shown_s <= _LONGEST_S else _UNTIMED_S


def _require_palette(image: Image.Image) -> None:
    """Refuse what Pillow loads but cannot convert: of a GIF whose first picture has no palette the second gets none."""
    if image.mode == "P" and image.palette is None:
        raise ValueError("a palette is missing")


def _turn_to(image: Image.Image, number: int) -> bool:
    try:
        image.seek(number)
    except EOFError:
        return False
    return True


def _upright(index: int, image: Image.Image, path: Path, file: BinaryIO) -> Picture:
    with _damage_of(path, file):
        if image.mode in ("I", "F", "LAB"):
            raise MediaError("unsupported", f"{quoted(path)} has pixels of type {image.mode}: convert it to 8-bit RGB.")
        _require_palette(image)
        if _orientation(image) in _TURNED:  # else Pillow would copy it
            image = ImageOps.exif_transpose(image)
        rows = _rgb_rows(image, image.has_transparency_data, path, file)
        return Picture(index, image.width, image.height, rows)


def _rgb_rows(image: Image.Image, translucent: bool, path: Path, file: BinaryIO) -> Iterator[bytes]:
    """Convert some rows at a time: a copy of a large picture is hundreds of megabytes."""
    step = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, step):
        with _damage_of(path, file):
            strip = image.crop((0, top, image.width, min(top + step, image.height)))
            if image.mode.startswith("I;16"):
                yield _grey16_to_rgb(strip)
                continue
            if translucent:
                backed = Image.new("RGBA", strip.size, _BACKGROUND)
                backed.alpha_composite(strip.convert("RGBA"))
                strip = backed
            yield (strip if strip.mode == "RGB" else strip.convert("RGB")).tobytes()


def _grey16_to_rgb(image: Image.Image) -> bytes:
    grey = (np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2).tobytes()
