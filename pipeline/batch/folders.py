"""Finds the videos and pictures of a folder, and counts what else is there."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipeline.media.signatures import file_is_media

# fmt: off
MEDIA_EXTENSIONS = frozenset((
    ".264", ".265", ".3g2", ".3gp", ".3gpp", ".asf", ".avi", ".dv", ".f4v", ".flv", ".gif", ".h264", ".h265", ".hevc",
    ".insv", ".ivf", ".lrv", ".m2t", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".wtv", ".y4m",
    ".apng", ".avif", ".bmp", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".jxl", ".mpo", ".png",
    ".tif", ".tiff", ".webp",
))
# fmt: on
"""Files with these endings, in lower case, are taken whatever they hold; what has another, or none, by its content."""

_SOUND_EXTENSIONS = frozenset(
    (".aac", ".flac", ".m4a", ".m4b", ".mka", ".mp3", ".oga", ".opus", ".wav", ".weba", ".wma")
)
"""Some lie in the containers of videos, so that their content does not tell."""

_RUBBISH = frozenset(("@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found", "__macosx"))
"""Folders, in lower case, that systems keep for what was deleted and for small copies of pictures."""

_COPY_EXTENSIONS = (".annotated.mp4", ".annotated.jpg", ".annotated.png")
_HEAT_MAPS = ".heatmaps"

_USUAL_EXTENSION = re.compile(r"\.\w{1,12}")
_NAMED_KINDS = 5


class LeftOut:
    """Counts the files of folders that are no video and no picture, by the endings of their names."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()

    def add(self, path: Path) -> None:
        """Count a file that is neither."""
        suffix = path.suffix.lower()
        self._kinds[suffix if _USUAL_EXTENSION.fullmatch(suffix) else "without a usual ending"] += 1

    def add_locked(self) -> None:
        """Count a file that cannot be read and is not named as a video or picture."""
        self._kinds["that cannot be read"] += 1

    def __str__(self) -> str:
        """Say in a line how many there are of which kinds; "" if there are none."""
        total = self._kinds.total()
        if not total:
            return ""
        kinds = sorted(self._kinds.items(), key=lambda kind: (-kind[1], kind[0]))
        named = [f"{count:,} {kind}" for kind, count in kinds[:_NAMED_KINDS]]
        if kinds[_NAMED_KINDS:]:
            rest = sum(count for _, count in kinds[_NAMED_KINDS:])
            named.append("1 other" if rest == 1 else f"{rest:,} others")
        files = "1 file that is" if total == 1 else f"{total:,} files that are"
        return f"left out {files} no video or picture: {', '.join(named)}"


def media_files(folder: Path, left_out: LeftOut) -> Iterator[Path]:
    """Walk a folder, its own files first; links are followed, but no folder is entered twice.

    What is hidden is left out with all that is in it, and so are what systems keep for themselves and what an earlier
    scan wrote. A sub-folder that may not be read is given itself, after the files.

    Args:
        folder: where to look.
        left_out: counts what was looked at and is neither a video nor a picture.
    """
    locked: list[Path] = []
    entered: set[tuple[int, int]] = set()
    for place, folders, files in os.walk(
        folder, followlinks=True, onerror=lambda error: locked.append(Path(error.filename))
    ):
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        folders[:] = sorted(filter(enters, folders))
        for path in (Path(place, name) for name in sorted(files) if is_looked_at(name)):
            try:
                media = _is_media(path)
            except OSError:
                left_out.add_locked()
                continue
            if media:
                yield path
            else:
                left_out.add(path)
    yield from (path for path in locked if path != folder)


def enters(name: str) -> bool:
    """Tell whether a folder of this name is searched: it is not hidden, and nothing that systems or scans keep."""
    return not name.startswith(".") and not name.endswith(_HEAT_MAPS) and not is_rubbish(name)


def is_looked_at(name: str) -> bool:
    """Tell whether a file of this name is looked at: it is not hidden, and no annotated copy."""
    return not name.startswith(".") and not _is_copy(name)


def has_media_ending(name: str) -> bool:
    """Tell a video or picture by the ending of its name alone."""
    return Path(name).suffix.lower() in MEDIA_EXTENSIONS


def is_rubbish(name: str) -> bool:
    """Tell a folder that a system keeps for itself by its name."""
    return name.lower() in _RUBBISH


def is_companion(path: Path) -> bool:
    """Tell whether a path is of what a scan writes beside its results: an annotated copy or heat maps."""
    return _is_copy(path.name) or any(part.endswith(_HEAT_MAPS) for part in path.parts)


def _is_copy(name: str) -> bool:
    return name.endswith(_COPY_EXTENSIONS)


def _is_media(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in MEDIA_EXTENSIONS or (suffix not in _SOUND_EXTENSIONS and file_is_media(path))
