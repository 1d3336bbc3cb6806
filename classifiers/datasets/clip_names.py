"""How well-known data sets name their clips, and what that says of clips that others made from them.

    000_003                              FaceForensics++: video 000 with the face or the movement of video 003
    01_02__exit_phone_room__YVGY8LOK     its actors: the face of actor 02 in a scene of actor 01
    000_M101                             DeeperForensics-1.0: the face of actor M101 in video 000 of FaceForensics++
    id0_id1_0000                         Celeb-DF: the face of person 1 in video 0 of person 0
    0000_fake                            UADFV: made from its video 0000

Originals lack the second part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from classifiers.datasets.components import connected

YOUTUBE = re.compile(r"(\d{3})(?:_(\d{3}))?")
ACTORS = re.compile(r"(\d{2})(?:_(\d{2}))?__(.+?)(?:__[A-Z0-9]{8})?")
DEEPER = re.compile(r"(\d{3})_([MW]\d{3})")
CELEB = re.compile(r"(id\d+)(?:_(id\d+))?_(\d+)")


def joined(videos: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Name, for each video and each part of a pair, all that it hangs together with."""
    pairs = list(pairs)
    known = dict.fromkeys(sorted({*videos, *(video for pair in pairs for video in pair)}))
    return {video: "_".join(group) for group in connected(known, pairs) for video in group}


def origins(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Tell what clips were made from, where those of several data sets are mixed.

    Args:
        names: of clips, without the ending of a file.

    Returns:
        Source and person of each name, as `Sample` has them for a swap of faces and its original; the source of a name
        that is none of these is the name.
    """
    names = dict.fromkeys(names)
    pairs = [(match[1], match[2]) for name in names if (match := YOUTUBE.fullmatch(name)) and match[2]]
    sources = joined([name[:3] for name in names if YOUTUBE.fullmatch(name) or DEEPER.fullmatch(name)], pairs)
    found = {}
    for name in names:
        if YOUTUBE.fullmatch(name):
            found[name] = (sources[name[:3]], "")
        elif match := DEEPER.fullmatch(name):
            found[name] = (sources[match[1]], match[2])
        elif match := CELEB.fullmatch(name):
            found[name] = (f"{match[1]}_{match[3]}", match[2] or match[1])
        elif match := ACTORS.fullmatch(name):
            found[name] = (f"{match[1]}__{match[3]}", f"actor {match[2] or match[1]}")
        else:
            found[name] = (name.removesuffix("_fake"), "")
    return found
