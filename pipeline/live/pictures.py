"""Turns what ffmpeg hands over of something that plays into frames."""

from __future__ import annotations

from dataclasses import replace

import ffmpeg
import numpy as np
import numpy.typing as npt

from pipeline.media.pixels import CHROMA_STEPS, RgbPixels, StretchedPixels, YuvLayout, YuvPixels
from pipeline.media.types import PictureForm, Pixels

_RGB = "rgb24"


def output(video: ffmpeg.nodes.FilterableStream) -> ffmpeg.nodes.OutputStream:
    """Build the graph from a stream of video to raw pictures, of which the log says what each is like.

    A source cannot be asked what it is going to send. So pictures stay what they are where that can be read here, else
    ffmpeg chooses the format that loses least.
    """
    formats = "|".join([*CHROMA_STEPS, _RGB])
    # Chroma has no sample of its own for an odd row or column.
    video = video.filter("crop", "trunc(iw/2)*2", "trunc(ih/2)*2", 0, 0)
    video = video.filter("format", formats).filter("showinfo", checksum=0)
    # Else it would stretch all pictures to the size of the first.
    return ffmpeg.output(video, "pipe:", format="rawvideo", fps_mode="passthrough", noautoscale=None)


def nbytes(form: PictureForm) -> int:
    """Give the bytes of a picture as it is handed over."""
    if form.pixel_format == _RGB:
        return 3 * form.width * form.height
    across, down = CHROMA_STEPS[form.pixel_format]
    return form.width * form.height + 2 * -(-form.width // across) * -(-form.height // down)


def picture(form: PictureForm, samples: npt.NDArray[np.uint8]) -> Pixels:
    """Give a picture that was handed over.

    Args:
        form: what the log said of it.
        samples: uint8 (bytes,).
    """
    pixels: Pixels
    if form.pixel_format == _RGB:
        pixels = RgbPixels(samples.reshape(form.height, form.width, 3))
    else:
        pixels = YuvPixels(_layout(form), samples)
    return pixels if form.pixel_ratio == 1 else StretchedPixels(pixels, form.shown_size)


def doubts(form: PictureForm) -> str:
    """Say what of a picture is not shown as it is meant, which moves scores; "" if nothing."""
    if form.interlaced:
        return "The picture is interlaced, and is looked at as it comes: scores of what moves are less certain."
    if form.hdr_transfer:
        return "The picture is HDR, and its colours are not brought to the usual range: scores are less certain."
    return ""


def _layout(form: PictureForm) -> YuvLayout:
    """Say how a picture lies in memory; where its colours are of a kind that is not known, as if it did not say."""
    plain = replace(form, color_transfer=None, interlaced=False)
    layout = YuvLayout.of(plain) or YuvLayout.of(replace(plain, color_matrix=None))
    if layout is None:
        raise ValueError(f"a picture of {form.width} x {form.height} pixels has no chroma for the last")
    return layout
