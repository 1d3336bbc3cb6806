"""Turns what a user names on the command line into files."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from pipeline.batch.addresses import input_at, is_fetched, is_in_store
from pipeline.batch.folders import LeftOut, is_companion, is_rubbish, media_files
from pipeline.batch.path_lists import PathListError, read_paths
from pipeline.batch.remote_files import is_folder, media_below
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
    `pipeline.batch.path_lists`. A file that is named twice is given twice; see `pipeline.batch.ledger.Ledger.expect`.

    An address that begins with https://, http://, s3:// or gs:// stands for the file that is there, or in a store of
    objects (s3, gs) for the videos and pictures below it. Only an address that is an argument or in the list is one:
    what lies here is never taken for an address, whatever it is called.

    Whatever leads to no file is given as it is, so that probing it says what is wrong: a path that does not exist, a
    pattern that nothing matches, a folder without media files or without permission to read it, an address of another
    kind.

    Args:
        arguments: as given on the command line.
        stdin: where "-" reads from; None for standard input.
        left_out: counts the files of folders that are neither videos nor pictures; complete after the last input.

    Yields:
        The files, each as soon as it is found.

    Raises:
        PathListError: there is no list of paths on standard input.
    """
    yield from _expand_all(arguments, stdin, LeftOut() if left_out is None else left_out)


def _expand_all(arguments: Iterable[str], stdin: BinaryIO | None, left_out: LeftOut) -> Iterator[Input]:
    for argument in arguments:
        if argument == "-":
            for name in read_paths(stdin or _standard_input()):
                yield from _expand_one(name, left_out)
        elif is_fetched(argument):
            yield from _expand_address(argument, left_out)
        elif glob.has_magic(argument) and not os.path.lexists(argument) and not is_address(argument):
            yield from _expand_pattern(Path(argument), left_out)
        else:
            yield from _expand_one(argument, left_out)


def _expand_one(name: str, left_out: LeftOut) -> Iterator[Input]:
    """Give what a name stands for that is no pattern."""
    if is_fetched(name):
        return _expand_address(name, left_out)
    return _expand(Path(name), _name_of(Path(name)), left_out)


def _expand_address(address: str, left_out: LeftOut) -> Iterator[Input]:
    """Give the file at an address, or the media files below it."""
    empty = True
    if is_in_store(address) and is_folder(address):
        for found, relative in media_below(address, left_out):
            empty = False
            yield input_at(found, relative)
    if empty:
        yield input_at(address)


def _standard_input() -> BinaryIO:
    # There is none where the program was started with it closed.
    if sys.stdin is None:
        raise PathListError("standard input is closed, so that - has no list of paths to read")
    return sys.stdin.buffer


def _expand_pattern(pattern: Path, left_out: LeftOut) -> Iterator[Input]:
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
        yield _local(pattern, _NAMELESS)
    for match in found:
        inside = _name_of(match) if ".." in match.parts else match
        yield from _expand(root / match, inside, left_out, inside)


def _expand(path: Path, name: Path, left_out: LeftOut, folder: Path = Path()) -> Iterator[Input]:
    """Give a file as `name`, or the media files of a folder in the output folder `folder`."""
    empty = True
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a folder above is locked
        for found in media_files(path, left_out):
            empty = False
            yield _local(found, folder / found.relative_to(path))
    if empty:
        yield _local(path, name)


def _local(path: Path, relative: Path) -> Input:
    # A result about "https:/host/clip.mp4" in this folder must not read as if it were about that address.
    return Input(path.absolute() if is_address(path) and os.path.lexists(path) else path, relative)


def _name_of(path: Path) -> Path:
    return _NAMELESS if path.name in ("", "..") else Path(path.name)
