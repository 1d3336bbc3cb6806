"""Turns what a user names on the command line into files."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from pipeline.results.input import Input

# fmt: off
MEDIA_EXTENSIONS = frozenset((
    ".3g2", ".3gp", ".asf", ".avi", ".dv", ".f4v", ".flv", ".gif", ".h264", ".h265", ".hevc", ".ivf",
    ".m2t", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
    ".mxf", ".ogm", ".ogv", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".wtv", ".y4m",
    ".apng", ".avif", ".bmp", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif",
    ".tiff", ".webp",
))
# fmt: on
"""What a folder is searched for, in lower case. A file that is named by itself may be called anything."""

_NAMELESS = Path("input")

_COPY_EXTENSIONS = (".annotated.mp4", ".annotated.jpg", ".annotated.png")
_HEAT_MAPS = ".heatmaps"


def expand_inputs(arguments: Iterable[str], stdin: BinaryIO | None = None) -> Iterator[Input]:
    """Expand files, folders, patterns and "-" into files.

    A folder stands for the media files in it and in its sub-folders, in order of their names; hidden files are left
    out, and so are the annotated copies and heat maps that an earlier scan wrote, in patterns too. What is named by
    itself is always taken. A pattern is one only if no file has that very name. "-" stands for the paths on standard
    input, one on each line, which may be files and folders. A file that is named twice is given once.

    Whatever leads to no file is given as it is, so that probing it says what is wrong: a path that does not exist, a
    pattern that nothing matches, a folder without media files or without permission to read it.

    Args:
        arguments: as given on the command line.
        stdin: where "-" reads from, in the encoding of the file system; None for standard input.

    Yields:
        The files, each as soon as it is found.
    """
    seen: set[Path] = set()
    taken: dict[str, int] = {}
    for path, relative in _expand_all(arguments, stdin):
        absolute = path.absolute()
        if absolute not in seen:
            seen.add(absolute)
            yield Input(path, _claim(relative, taken))


def _expand_all(arguments: Iterable[str], stdin: BinaryIO | None) -> Iterator[tuple[Path, Path]]:
    for argument in arguments:
        if argument == "-":
            for line in stdin or sys.stdin.buffer:
                if name := os.fsdecode(line.rstrip(b"\r\n")):
                    yield from _expand(Path(name), _name_of(Path(name)))
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            yield from _expand_pattern(Path(argument))
        else:
            yield from _expand(Path(argument), _name_of(Path(argument)))


def _expand_pattern(pattern: Path) -> Iterator[tuple[Path, Path]]:
    fixed = next(index for index, part in enumerate(pattern.parts) if glob.has_magic(part))
    root, wild = Path(*pattern.parts[:fixed]), Path(*pattern.parts[fixed:])
    matches = map(Path, sorted(glob.glob(str(wild), root_dir=root, recursive=True)))  # noqa: PTH207 - Path.glob keeps hidden files
    found = [match for match in matches if not _is_companion(match)]
    if not found:
        yield pattern, _NAMELESS
    for match in found:
        inside = _name_of(match) if ".." in match.parts else match
        yield from _expand(root / match, inside, inside)


def _expand(path: Path, name: Path, folder: Path = Path()) -> Iterator[tuple[Path, Path]]:
    """Give a file as `name`, or the media files of a folder in the output folder `folder`."""
    empty = True
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a folder above is locked
        for found in _media_files(path):
            empty = False
            yield found, folder / found.relative_to(path)
    if empty:
        yield path, name


def _media_files(folder: Path) -> Iterator[Path]:
    """Walk a folder, its own files first; links are followed, but no folder is entered twice."""
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
        folders[:] = sorted(name for name in folders if not name.endswith(_HEAT_MAPS))
        for path in (Path(place, name) for name in sorted(files)):
            if path.suffix.lower() in MEDIA_EXTENSIONS and not path.name.startswith(".") and not _is_copy(path.name):
                yield path
    yield from (path for path in locked if path != folder)


def _is_companion(path: Path) -> bool:
    """Tell whether a path is of what a scan writes beside its results: an annotated copy or heat maps."""
    return _is_copy(path.name) or any(part.endswith(_HEAT_MAPS) for part in path.parts)


def _is_copy(name: str) -> bool:
    return name.endswith(_COPY_EXTENSIONS)


def _name_of(path: Path) -> Path:
    return _NAMELESS if path.name in ("", "..") else Path(path.name)


def _claim(relative: Path, taken: dict[str, int]) -> Path:
    """Add a number to the name where it is taken: clip.mp4, clip-2.mp4, clip-3.mp4.

    `taken` has the last number given for each name.
    """
    # Some file systems do not tell upper from lower case.
    free, name = relative, str(relative).casefold()
    number = taken.get(name, 0)
    while str(free).casefold() in taken:
        number += 1
        free = relative.with_name(f"{relative.stem}-{number}{relative.suffix}")
    taken[name] = max(number, 1)
    taken.setdefault(str(free).casefold(), 1)
    return free
