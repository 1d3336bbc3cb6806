"""Reads images and animations with Pillow.

Unlike ffmpeg it knows the EXIF orientation of every format, animated WebP in all its versions, and CMYK.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from itertools import count
from pathlib import Path

import numpy as np
import PIL
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from classifiers.numerals import counted
from pipeline.media.pixels import RgbPixels
from pipeline.media.sampling import SamplingPlan
from pipeline.media.types import MAX_PIXELS, Frame, MediaError, MediaInfo, quoted

# Opened by their classes, because Image.open would warn of any picture above 89 megapixels.
_OPENERS: dict[str, Callable[[Path], Image.Image]] = {
    "avif": AvifImagePlugin.AvifImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "jpeg": JpegImagePlugin.JpegImageFile,
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


def probe(path: Path, image_format: str, sha256: str, size: int) -> MediaInfo:
    """Find out what an image holds; see `pipeline.media.probe`. An animation is played to learn its times."""
    with _open(path, image_format) as image, _damage_of(path):
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise MediaError(
                "unsupported",
                f"{quoted(path)} has {width} x {height} pixels; the limit is {MAX_PIXELS:,}.",
            )
        mode = image.mode
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        animated = image_format in _ANIMATED and getattr(image, "is_animated", False)
    rotation_deg, mirrored = _ORIENTATIONS.get(orientation, (0, False))
    if rotation_deg in (90, 270) and image_format != "tiff":  # Pillow gives the upright size of a TIFF
        width, height = height, width
    shown_s = [shown_s for _, shown_s in _play(path, image_format, [])] if animated else [0.0]
    times_s = np.cumsum([0.0, *shown_s[:-1]])
    return MediaInfo(
        path=path,
        kind="video" if len(times_s) > 1 else "image",
        container=image_format,
        codec=image_format,
        pixel_format=mode,
        width=width,
        height=height,
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
        keyframe_gap_s=float(sum(shown_s)),
        frame_times_s=times_s,
        key_frames=np.arange(len(times_s)),
        anchor_frames=np.arange(len(times_s)),
    )


def read(info: MediaInfo, plan: SamplingPlan, warnings: list[str]) -> Generator[Frame, None, None]:
    """Decode what a plan chooses; see `pipeline.media.open_frames`. Adds to `warnings`."""
    chosen = set(info.choose(plan).tolist())
    with closing(_play(info.path, info.container, warnings)) as pictures:
        for index, (image, _) in enumerate(pictures):
            if index in chosen:
                with _damage_of(info.path):
                    pixels = _to_rgb(image, info.path)
                yield Frame(index, float(info.frame_times_s[index]), RgbPixels(pixels))


@contextmanager
def _damage_of(path: Path) -> Iterator[None]:
    """Blame the file for what Pillow raises, which on damaged data can be nearly anything."""
    try:
        yield
    except MediaError:
        raise
    except Exception as error:
        raise MediaError("undecodable", f"{quoted(path)} is a damaged image: {error}.") from error


def _open(path: Path, image_format: str) -> Image.Image:
    with _damage_of(path):
        return _open_heic(path) if image_format == "heic" else _OPENERS[image_format](path)


def _open_heic(path: Path) -> Image.Image:
    try:
        import pillow_heif
    except ImportError:
        raise MediaError(
            "unsupported",
            f"{quoted(path)} is a HEIC image: install pillow-heif to read it, or convert it to JPEG.",
        ) from None
    pillow_heif.register_heif_opener()
    return Image.open(path, formats=("HEIF",))


def _play(path: Path, image_format: str, warnings: list[str]) -> Generator[tuple[Image.Image, float], None, None]:
    """Decode each picture, and give it with the seconds for which it is shown.

    The image is the same object each time.
    """
    with _open(path, image_format) as image:
        for number in count():
            try:
                with _damage_of(path):
                    if number and not _turn_to(image, number):
                        return
                    image.load()
                    pages = 1 if image_format in _ANIMATED else getattr(image, "n_frames", 1)
            except MediaError as error:
                if number == 0:
                    raise
                warnings.append(f"The animation breaks off after {counted(number, 'frame')}: {error}")
                return
            if pages > 1:
                warnings.append(f"The file has {pages} pages; only the first was looked at.")
            shown_s = image.info.get("duration", 0) / 1000
            yield image, shown_s if shown_s > _SHORTEST_S else _UNTIMED_S
            if image_format not in _ANIMATED:
                return


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
