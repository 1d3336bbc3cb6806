"""Worse copies of videos: what a platform, a small screen or a bad light makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ffmpeg

from pipeline.media.confinement import Grants
from pipeline.media.ffmpeg import Process
from pipeline.media.ffmpeg_input import file_url, source_input
from pipeline.media.source_file import SourceFile
from pipeline.media.types import STALL_TIMEOUT_S

_Filters = tuple[tuple[str, dict[str, Any]], ...]

_H264 = {"c:v": "libx264", "preset": "veryfast", "pix_fmt": "yuv420p"}
_FINE, _COARSE = 20, 40

# A third of the light, and the noise of a sensor that gets no more.
_DARK: _Filters = (
    # The numbers are those of 8 bits.
    ("format", {"pix_fmts": "yuv420p"}),
    ("lutyuv", {"y": "16+(val-16)/3", "u": "128+(val-128)/3", "v": "128+(val-128)/3"}),
    ("noise", {"alls": 6, "allf": "t"}),
)
_SMALL: _Filters = (("scale", {"w": "trunc(240*a/2)*2", "h": 240}),)

CLIP_CHANGES: dict[str, tuple[int, _Filters]] = {
    "encoded at crf 40": (_COARSE, ()),
    "240 lines": (_FINE, _SMALL),
    "dark": (_FINE, _DARK),
}
"""Name to the constant rate factor of H.264 and the ffmpeg filters before it."""


def write_degraded(source: Path, change: str, target: Path) -> None:
    """Write a worse copy of a video, without sound.

    Args:
        source: the video.
        change: one of `CLIP_CHANGES`.
        target: the MP4 file to write.

    Raises:
        MediaError: ffmpeg cannot read it, as it cannot most animations, or cannot encode H.264.
    """
    rate_factor, filters = CLIP_CHANGES[change]
    stream = source_input().video
    even: _Filters = (("scale", {"w": "trunc(iw/2)*2", "h": "trunc(ih/2)*2"}),)
    for name, options in filters + even:
        stream = stream.filter(name, **options)
    output = ffmpeg.output(
        stream, file_url(target), format="mp4", crf=rate_factor, fps_mode="passthrough", an=None, **_H264
    )
    # Its progress on standard output tells slow from stuck.
    arguments = ["-y", "-progress", "pipe:1", *ffmpeg.get_args(output)]
    target.touch()
    with Process(arguments, SourceFile(source), lambda line: None, STALL_TIMEOUT_S, grants=Grants(target)) as process:
        for _ in process.lines():
            pass
        if process.finish() != 0:
            raise process.failure()
