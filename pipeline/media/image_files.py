"""Facts and frames of images and animations."""

from __future__ import annotations

import mmap
from collections.abc import Generator
from fractions import Fraction
from importlib.metadata import version

import numpy as np

from pipeline.media.errors import nonsense
from pipeline.media.image_messages import END, FACTS, PICTURE
from pipeline.media.image_process import ask, confined_by
from pipeline.media.pixels import RgbPixels
from pipeline.media.sampling import SamplingPlan
from pipeline.media.source_file import SourceFile
from pipeline.media.types import MAX_PIXELS, Frame, MediaError, MediaInfo, quoted

FORMATS = frozenset({"avif", "bmp", "gif", "heic", "jpeg", "jpeg2000", "png", "tiff", "webp"})
"""Names of the formats that are read here."""

MAX_PLAYED_PIXELS = 16_000_000_000
"""Most pixels that the pictures of an animation may have together: 7,700 of them in 1080p, some minutes of decoding."""


def probe(source: SourceFile, image_format: str, sha256: str) -> MediaInfo:
    """Find out what an image holds; see `pipeline.media.probe`. An animation is played to learn its times."""
    with ask(source, format=image_format, most_pixels=MAX_PIXELS, most_played_pixels=MAX_PLAYED_PIXELS) as answer:
        facts = answer.line(FACTS)
    shown_s = facts["shown_s"]
    times_s = np.cumsum([0.0, *shown_s[:-1]])
    return MediaInfo(
        source=source,
        kind="video" if len(times_s) > 1 else "image",
        container=image_format,
        codec=image_format,
        pixel_format=facts["mode"],
        width=facts["width"],
        height=facts["height"],
        stored_size=(facts["width"], facts["height"]),
        sample_aspect_ratio=None,
        pixel_shapes=(),
        rotation_deg=facts["rotation_deg"],
        mirrored=facts["mirrored"],
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
        decoder=f"Pillow {version('pillow')}",
        confinement=confined_by(),
        stream=0,
        not_looked_at=tuple(facts["not_looked_at"]),
        keyframe_gap_s=float(sum(shown_s)),
        frame_times_s=times_s,
        container_times_s=times_s,
        key_frames=np.arange(len(times_s)),
        anchor_frames=np.arange(len(times_s)),
    )


def read(info: MediaInfo, plan: SamplingPlan, warnings: list[str]) -> Generator[Frame, None, None]:
    """Decode what a plan chooses; see `pipeline.media.open_frames`. Adds to `warnings`."""
    chosen = None if info.kind == "image" else info.choose(plan).tolist()
    with ask(info.source, format=info.container, chosen=chosen) as answer:
        while "warnings" not in (said := answer.line(PICTURE, END)):
            index, width, height = said["index"], said["width"], said["height"]
            if index >= info.frame_count:
                raise nonsense(info.path)
            if width * height > MAX_PIXELS:
                raise MediaError("error", f"{quoted(info.path)} could not be read: its pictures change their size.")
            samples = np.frombuffer(mmap.mmap(-1, height * width * 3), np.uint8)
            answer.fill(memoryview(samples.data).cast("B"))
            picture = RgbPixels(samples.reshape(height, width, 3))
            yield Frame(index, float(info.frame_times_s[index]), picture)
        warnings += said["warnings"]
