"""Which files of a data set are pictures and which are videos."""

from __future__ import annotations

from pathlib import Path

PICTURE_SUFFIXES = frozenset(
    (".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
VIDEO_SUFFIXES = frozenset(
    (".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm", ".wmv")
)


def is_picture(name: str | Path) -> bool:
    """Tell by the ending of its name whether a file is a picture."""
    return Path(name).suffix.lower() in PICTURE_SUFFIXES


def is_video(name: str | Path) -> bool:
    """Tell by the ending of its name whether a file is a video."""
    return Path(name).suffix.lower() in VIDEO_SUFFIXES
