"""Media in, upright timed frames out.

    info = probe(Path("clip.mp4"))
    with open_frames(info, SamplingPlan.spread(32)) as reader:
        for frame in reader:
            ...  # frame.index, frame.time_s, frame.image, frame.shrunk(640), frame.pixels[:100, :100]
    reader.warnings

An image is a video of one frame. Moving pictures in an image format (GIF, WebP, PNG, AVIF) are videos.

What a frame shows:

- It is upright: turned and mirrored as the display matrix or the EXIF orientation asks.
- Its pixels are square, as players show it: a video that is stored with others is stretched in the direction that has
  too few. A ratio beyond 8:1 is a mistake or a trap, is left alone and told. What a still says of its density is for
  printers; viewers of pictures ignore it.
- It is as the video is at its time. Size, shape of pixels, turn and colours may change midway, so that frames of one
  file differ in size.
- Its colours are 8-bit RGB. Wider samples are scaled down, HDR video is tone-mapped to BT.709, ICC profiles are
  ignored, and a translucent image lies on mid-grey. A video that does not name its YUV matrix has BT.709 when it is
  wider than 1279 or higher than 576 pixels, otherwise BT.601, as players assume. The alpha plane of a video is ignored.
- Its time is that of a player's clock, which stands at 0 at the first timestamp of any stream: the first frame of a
  transport stream that starts at 1.4 s has time 0, and a picture that sets in half a second after its sound has time
  0.5. Frames that an edit list hides are never seen. Times are never below 0 and strictly ascend; where those of the
  file do not, they are put right and that is told.
- A still that is cut off or damaged is grey where nothing of it could be decoded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.media.decoding import FrameReader, open_frames
    from pipeline.media.probing import file_sha256, probe
    from pipeline.media.sampling import SamplingPlan
    from pipeline.media.types import Frame, MediaError, MediaInfo, quoted

__all__ = [
    "Frame",
    "FrameReader",
    "MediaError",
    "MediaInfo",
    "SamplingPlan",
    "file_sha256",
    "open_frames",
    "probe",
    "quoted",
]

_MODULES = {
    "decoding": ("FrameReader", "open_frames"),
    "probing": ("file_sha256", "probe"),
    "sampling": ("SamplingPlan",),
    "types": ("Frame", "MediaError", "MediaInfo", "quoted"),
}


def __getattr__(name: str) -> object:
    # Whoever needs a type or a plan alone does not wait for OpenCV and Pillow.
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"pipeline.media.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
