"""Turns what a user names on the command line into files."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from pipeline.batch.folders import LeftOut, is_companion, is_rubbish, media_files
from pipeline.batch.path_lists import PathListError, read_paths
from pipeline.media.types import is_address
from pipeline.results.input import Input

_NAMELESS = Path("input")


def expand_inputs(
    arguments: Iterable[str], stdin: BinaryIO | None = None, left_out: LeftOut | None = None
) -> Iterator[Input]:
    """Expand files, folders, patterns and "-" into files.

    A folder stands for the videos and pictures in it and in its sub-folders, in order of their names, as their endings
    or else their first bytes tell. Hidden files and folders are left out, and so are the annotated copies and heat maps
    that an earlier scan wrote, in patterns too. What is named by itself is always taken. A pattern is one only if no
    file has that very name. "-" stands for the paths on standard input, which may be files and folders; see
    `pipeline.batch.path_lists`. A file that is named twice is given once.

    Whatever leads to no file is given as it is, so that probing it says what is wrong: a path that does not exist, a
    pattern that nothing matches, a folder without media files or without permission to read it, an address.

    Args:
        arguments: as given on the command line.
        stdin: where "-" reads from; None for standard input.
        left_out: counts the files of folders that are neither videos nor pictures; complete after the last input.

    Yields:
        The files, each as soon as it is found.

    Raises:
        PathListError: there is no list of paths on standard input.
    """
    seen: set[Path] = set()
    for path, relative in _expand_all(arguments, stdin, LeftOut() if left_out is None else left_out):
        absolute = path.absolute()
        if absolute not in seen:
            seen.add(absolute)
            yield Input(path, relative)


def _expand_all(arguments: Iterable[str], stdin: BinaryIO | None, left_out: LeftOut) -> Iterator[tuple[Path, Path]]:
    for argument in arguments:
        if argument == "-":
            for name in read_paths(stdin or _standard_input()):
                yield from _expand(Path(name), _name_of(Path(name)), left_out)
        elif glob.has_magic(argument) and not os.path.lexists(argument) and not is_address(argument):
            yield from _expand_pattern(Path(argument), left_out)
        else:
            yield from _expand(Path(argument), _name_of(Path(argument)), left_out)


def _standard_input() -> BinaryIO:
    # There is none where the program was started with it closed.
    if sys.stdin is None:
        raise PathListError("standard input is closed, so that - has no list of paths to read")
    return sys.stdin.buffer


def _expand_pattern(pattern: Path, left_out: LeftOut) -> Iterator[tuple[Path, Path]]:
    fixed = next(index for index, part in enumerate(pattern.parts) if glob.has_magic(part))
    root, wild = Path(*pattern.parts[:fixed]), Path(*pattern.parts[fixed:])
    matches = map(Path, sorted(glob.glob(str(wild), root_dir=root, recursive=True)))  # noqa: PTH207 - Path.glob keeps hidden files
    named = wild.parts
    found = [
        match
        for match in matches
        if not is_companion(match) and not any(is_rubbish(part) for part in match.parts if part not in named)
    ]
    if not found:
        yield pattern, _NAMELESS
    for match in found:
        inside = _name_of(match) if ".." in match.parts else match
        yield from _expand(root / match, inside, left_out, inside)


def _expand(path: Path, name: Path, left_out: LeftOut, folder: Path = Path()) -> Iterator[tuple[Path, Path]]:
    """Give a file as `name`, or the media files of a folder in the output folder `folder`."""
    empty = True
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a folder above is locked
        for found in media_files(path, left_out):
            empty = False
            yield found, folder / found.relative_to(path)
    if empty:
        yield path, name


def _name_of(path: Path) -> Path:
    return _NAMELESS if path.name in ("", "..") else Path(path.name)
