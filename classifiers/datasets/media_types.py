"""Which files of a data set are pictures and which are videos."""

from __future__ import annotations

from pathlib import Path

PICTURE_SUFFIXES = frozenset(
    (
        *(".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".ppm", ".tif", ".tiff"),
        ".webp",
    )
)
# fmt: off
VIDEO_SUFFIXES = frozenset((
    ".264", ".265", ".3g2", ".3gp", ".3gpp", ".asf", ".avi", ".dv", ".f4v", ".flv", ".h264", ".h265", ".hevc", ".insv",
    ".ivf", ".lrv", ".m2t", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg",
    ".mts", ".mxf", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".wtv", ".y4m",
))
# fmt: on


def is_picture(name: str | Path) -> bool:
    """Tell by the ending of its name whether a file is a picture."""
    return Path(name).suffix.lower() in PICTURE_SUFFIXES


def is_video(name: str | Path) -> bool:
    """Tell by the ending of its name whether a file is a video."""
    return Path(name).suffix.lower() in VIDEO_SUFFIXES
