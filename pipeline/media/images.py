"""Reads images and animations with Pillow.

Unlike ffmpeg it knows the EXIF orientation of every format, animated WebP in all its versions, and CMYK.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from functools import partial
from itertools import count
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL
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
from pipeline.media.pixels import RgbPixels
from pipeline.media.sampling import SamplingPlan
from pipeline.media.types import MAX_PIXELS, Frame, MediaError, MediaInfo, quoted

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
FORMATS = frozenset({*_OPENERS, "heic"})
"""Names of the formats that are read here."""

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


def probe(path: Path, image_format: str, sha256: str, size: int) -> MediaInfo:
    """Find out what an image holds; see `pipeline.media.probe`. An animation is played to learn its times."""
    with path.open("rb") as file, _open(path, file, image_format) as image, _damage_of(path, file):
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise MediaError(
                "unsupported",
                f"{quoted(path)} has {width} x {height} pixels; the limit is {MAX_PIXELS:,}.",
            )
        refuse_empty(path, image, image_format, size)
        mode = image.mode
        orientation = _orientation(image)
        animated = image_format in _ANIMATED and getattr(image, "is_animated", False)
        others = _others(image, image_format)
        index = image.info.get("mp", b"")
    rotation_deg, mirrored = _ORIENTATIONS.get(orientation, (0, False))
    if rotation_deg in (90, 270) and image_format != "tiff":  # Pillow gives the upright size of a TIFF
        width, height = height, width
    if not (animated and image_format == "avif"):  # whose sequence lies beside its image, and is what is played
        others += find_appended(path.read_bytes(), image_format, index)
    shown_s = [0.0]
    if animated:
        with path.open("rb") as file:
            shown_s = [shown_s for _, shown_s in _play(path, file, image_format, [])]
    times_s = np.cumsum([0.0, *shown_s[:-1]])
    return MediaInfo(
        path=path,
        kind="video" if len(times_s) > 1 else "image",
        container=image_format,
        codec=image_format,
        pixel_format=mode,
        width=width,
        height=height,
        stored_size=(width, height),
        sample_aspect_ratio=None,
        pixel_shapes=(),
        rotation_deg=rotation_deg,
        mirrored=mirrored,
        duration_s=float(sum(shown_s)),
        declared_duration_s=None,
        frame_rate=float((len(times_s) - 1) / times_s[-1]) if len(times_s) > 1 else None,
        variable_frame_rate=bool(np.ptp(shown_s) > 0.002),
        start_time_s=0.0,
        time_base=Fraction(1, 1000) if len(times_s) > 1 else None,
        has_audio=False,
        color_matrix=None,
        color_primaries=None,
        color_transfer=None,
        color_range=None,
        interlaced=False,
        sha256=sha256,
        bytes=size,
        decoder=f"Pillow {PIL.__version__}",
        stream=0,
        not_looked_at=tuple(others),
        keyframe_gap_s=float(sum(shown_s)),
        frame_times_s=times_s,
        container_times_s=times_s,
        key_frames=np.arange(len(times_s)),
        anchor_frames=np.arange(len(times_s)),
    )


def read(info: MediaInfo, plan: SamplingPlan, warnings: list[str]) -> Generator[Frame, None, None]:
    """Decode what a plan chooses; see `pipeline.media.open_frames`. Adds to `warnings`."""
    if info.kind == "image":
        with info.path.open("rb") as file, _damage_of(info.path, file):
            opener = _opener(info.path, info.container)
            image = load_still(info.path, file, opener, info.container, warnings)
            pixels = _to_rgb(image, info.path)
        yield Frame(0, 0.0, RgbPixels(pixels))
        return
    chosen = set(info.choose(plan).tolist())
    with info.path.open("rb") as file, closing(_play(info.path, file, info.container, warnings)) as pictures:
        for index, (image, _) in enumerate(pictures):
            if index in chosen:
                with _damage_of(info.path, file):
                    pixels = _to_rgb(image, info.path)
                yield Frame(index, float(info.frame_times_s[index]), RgbPixels(pixels))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
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
    except MediaError:
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


def _open(path: Path, file: BinaryIO, image_format: str) -> Image.Image:
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
    with _open(path, file, image_format) as image:
        for number in count():
            try:
                with _damage_of(path, file):
                    if number and not _turn_to(image, number):
                        return
                    image.load()
            except MediaError as error:
                if number == 0:
                    raise
                warnings.append(f"The animation breaks off after {counted(number, 'frame')}: {error}")
                return
            shown_s = image.info.get("duration", 0) / 1000
            yield image, shown_s if _SHORTEST_S < shown_s <= _LONGEST_S else _UNTIMED_S


def _turn_to(image: Image.Image, number: int) -> bool:
    try:
        image.seek(number)
    except EOFError:
        return False
    return True


def _to_rgb(image: Image.Image, path: Path) -> np.ndarray:
    """Turn a decoded picture upright and into 8-bit RGB."""
    if image.mode in ("I", "F", "LAB"):
        raise MediaError("unsupported", f"{quoted(path)} has pixels of type {image.mode}: convert it to 8-bit RGB.")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    if image.has_transparency_data:
        backed = Image.new("RGBA", image.size, _BACKGROUND)
        backed.alpha_composite(image.convert("RGBA"))
        image = backed
    return np.array(image.convert("RGB"))
