"""Pictures as decoders give them, turned into RGB only where somebody looks.

A detector looks at a small copy and a classifier at a face. Both together are a fraction of the work of converting a
whole picture from luma and chroma, which is half as many bytes or fewer on the way here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from pipeline.media.types import PictureForm, Pixels

CHROMA_STEPS = {
    "yuv420p": (2, 2),
    "yuvj420p": (2, 2),
    "yuv422p": (2, 1),
    "yuvj422p": (2, 1),
    "yuv444p": (1, 1),
    "yuvj444p": (1, 1),
}
"""ffmpeg's names of 8-bit formats without alpha, and by how much chroma is coarser across and down."""

# Weights of red and blue in luma, by ffmpeg's name of the matrix: ITU-R BT.709, BT.601, BT.2020.
_LUMA_WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "bt601": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "bt470bg": (0.299, 0.114),
    "bt2020nc": (0.2627, 0.0593),
}

_FRACTION_BITS = 7
"""Chroma between two samples keeps so many binary places, so that a colour is rounded only once."""

_BAND_PIXELS = 1 << 17
"""Pixels that are converted together: few enough to stay in the cache of a core."""


@dataclass(frozen=True, slots=True, eq=False)
class YuvLayout:
    """How the pictures of a video lie in memory, and what their numbers mean.

    Attributes:
        width: pixels, a multiple of `steps`.
        height: pixels, a multiple of `steps`.
        steps: how many pixels share a sample of chroma, across and down. Its place is in their centre.
        to_rgb: float64 (3, 4), takes luma, both chroma (0 to 255 each) and 1 to red, green and blue.
    """

    width: int
    height: int
    steps: tuple[int, int]
    to_rgb: np.ndarray

    @classmethod
    def of(cls, form: PictureForm) -> YuvLayout | None:
        """Describe the raw pictures of a form, or give None where their conversion is better left to ffmpeg."""
        steps = CHROMA_STEPS.get(form.pixel_format)
        weights = _LUMA_WEIGHTS.get(form.assumed_matrix)
        if steps is None or weights is None or form.hdr_transfer or form.interlaced:
            return None
        if form.width % steps[0] or form.height % steps[1]:
            return None
        full_range = form.color_range == "pc" or form.pixel_format.startswith("yuvj")
        return cls(form.width, form.height, steps, _rgb_matrix(*weights, full_range=full_range))

    @property
    def chroma_shape(self) -> tuple[int, int]:
        """Rows and columns of each plane of chroma."""
        return self.height // self.steps[1], self.width // self.steps[0]


class RgbPixels:
    """A picture that came as RGB. Cut like an array, as `pixels[top:bottom, left:right]`, it gives RGB uint8.

    Args:
        samples: uint8 (height, width, 3).

    Attributes:
        samples: as given.
        image: the same.
        shape: height, width and 3.
    """

    def __init__(self, samples: np.ndarray):
        self.samples = self.image = samples
        self.shape = samples.shape

    def __getitem__(self, region: tuple[slice, slice]) -> np.ndarray:
        return self.samples[region]

    def shrunk(self, width: int, height: int) -> np.ndarray:
        """Give a small copy, RGB uint8 (height, width, 3)."""
        return cv2.resize(self.samples, (width, height), interpolation=cv2.INTER_AREA)


class YuvPixels:
    """A picture that came as luma and chroma, 8 bits each. Cut like `RgbPixels`, it converts what is asked for.

    Args:
        layout: of the video that it belongs to.
        samples: uint8 (bytes,): its planes, one after the other.

    Attributes:
        samples: as given.
        shape: height, width and 3.
    """

    def __init__(self, layout: YuvLayout, samples: np.ndarray):
        self.samples = samples
        self.shape = (layout.height, layout.width, 3)
        self._layout = layout
        luma_bytes = layout.height * layout.width
        self._luma = samples[:luma_bytes].reshape(layout.height, layout.width)
        self._chroma = samples[luma_bytes:].reshape(2, *layout.chroma_shape)

    @cached_property
    def image(self) -> np.ndarray:
        """The whole picture, RGB uint8 (height, width, 3)."""
        return self[:, :]

    def __getitem__(self, region: tuple[slice, slice]) -> np.ndarray:
        rows, columns = (range(*part.indices(length)) for part, length in zip(region, self.shape[:2], strict=True))
        rgb = np.empty((len(rows), len(columns), 3), np.uint8)
        band = max(1, _BAND_PIXELS // max(1, len(columns)))
        for start in range(0, len(rows), band):
            rgb[start : start + band] = self._convert(rows[start : start + band], columns)
        return rgb

    def shrunk(self, width: int, height: int) -> np.ndarray:
        """Give a small copy, RGB uint8 (height, width, 3).

        It differs from a small copy of the RGB picture where saturated colours meet: those that no display can show are
        cut off after they have been averaged, not before.
        """
        planes = [cv2.resize(self._luma, (width, height), interpolation=cv2.INTER_AREA)]
        for plane in self._chroma:
            # Averaging areas is slower, and no better where hardly a sample is left out.
            average = plane.shape[1] > 2 * width or plane.shape[0] > 2 * height
            interpolation = cv2.INTER_AREA if average else cv2.INTER_LINEAR
            planes.append(cv2.resize(plane, (width, height), interpolation=interpolation))
        return cv2.transform(cv2.merge(planes), self._layout.to_rgb)

    def _convert(self, rows: range, columns: range) -> np.ndarray:
        luma = self._luma[rows.start : rows.stop, columns.start : columns.stop]
        planes = [np.left_shift(luma, _FRACTION_BITS, dtype=np.uint16)]
        planes += [self._chroma_at(plane, rows, columns) for plane in self._chroma]
        rgb = cv2.transform(cv2.merge(planes), self._layout.to_rgb / (*[1 << _FRACTION_BITS] * 3, 1))
        return np.minimum(rgb, 255, out=rgb)

    def _chroma_at(self, plane: np.ndarray, rows: range, columns: range) -> np.ndarray:
        """Interpolate a plane of chroma at some pixels, with `_FRACTION_BITS` binary places."""
        across, down = self._layout.steps
        # One sample more on each side, between which and the first the pixels at the border lie.
        top, left = max(rows.start // down - 1, 0), max(columns.start // across - 1, 0)
        part = plane[top : (rows.stop - 1) // down + 2, left : (columns.stop - 1) // across + 2]
        part = np.left_shift(part, _FRACTION_BITS, dtype=np.uint16)
        if (across, down) != (1, 1):
            part = cv2.resize(part, None, fx=across, fy=down, interpolation=cv2.INTER_LINEAR)
        first_row, first_column = rows.start - top * down, columns.start - left * across
        return part[first_row : first_row + len(rows), first_column : first_column + len(columns)]


class StretchedPixels:
    """A picture whose pixels are not square, as wide or as high as it is shown. Cut like `RgbPixels`.

    Args:
        stored: the picture as it came.
        size: width and height as it is shown.

    Attributes:
        samples: as they came.
        shape: height, width and 3.
    """

    def __init__(self, stored: Pixels, size: tuple[int, int]):
        self.samples = stored.samples
        self.shape = (size[1], size[0], 3)
        self._stored = stored

    @cached_property
    def image(self) -> np.ndarray:
        """The whole picture, RGB uint8 (height, width, 3)."""
        return np.asarray(cv2.resize(self._stored.image, self.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)

    def __getitem__(self, region: tuple[slice, slice]) -> np.ndarray:
        return self.image[region]

    def shrunk(self, width: int, height: int) -> np.ndarray:
        """Give a small copy, RGB uint8 (height, width, 3)."""
        rows, columns, _ = self._stored.shape
        # One way it may be smaller than what is asked for, while it is larger the other way.
        small = self._stored.shrunk(min(width, columns), min(height, rows))
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _rgb_matrix(red: float, blue: float, *, full_range: bool) -> np.ndarray:
    """Give the matrix from luma, blue and red difference and 1 to red, green and blue, for the weights in luma."""
    green = 1 - red - blue
    luma_gain, chroma_gain, black = (1, 1, 0) if full_range else (255 / 219, 255 / 224, 16)
    differences = np.array([[0, 1 - red], [-(1 - blue) * blue / green, -(1 - red) * red / green], [1 - blue, 0]])
    gains = np.column_stack([np.full(3, luma_gain), 2 * chroma_gain * differences])
    return np.column_stack([gains, -gains @ (black, 128, 128)])
