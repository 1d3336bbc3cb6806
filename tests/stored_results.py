"""Results as documents: as they come back from their files, to be changed and read.

from tests.stored_results import seen_in, stored
"""

from __future__ import annotations

import copy
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.media import probe
from tests.evidence import face, verdict


def stored(**changes: object) -> dict:
    """A result as it comes back from its file."""
    return json.loads(json.dumps(verdict(**changes).to_json()))


def at_times(document: dict, times_s: Sequence[float], scores: Sequence[float] | None = None) -> dict:
    """The result with its first person seen at other times, in as many observations."""
    track = document["tracks"][0]
    first = track["observations"][0]
    track["observations"] = [
        {**first, "time_s": time_s, "frame": None, "score": scores[number] if scores else 0.5}
        for number, time_s in enumerate(times_s)
    ]
    track["start_s"], track["end_s"] = times_s[0], times_s[-1]
    return document


def seen_in(clip: Path, tracks: int = 1) -> dict:
    """A result of the numbered clip, with a face in the frames of seconds 0, 1 and 2."""
    info = probe(clip)
    document = stored(path=str(clip), media=info, logits=(((3.0, -1.0),) * 3,) * tracks)
    for track in document["tracks"]:
        for second, observation in enumerate(track["observations"]):
            observation["frame"] = 10 * second
            observation["box"] = [20.0, 10.0, 40.0, 40.0]
            observation["landmarks"] = face(20, 10, 40).landmarks.tolist()
    return document


def as_version_1(document: dict) -> dict:
    """The same result as the first version wrote it: without the logits of the faces and the coverage."""
    document = copy.deepcopy(document) | {"schema": "facewitness/verdict/1"}
    document.pop("coverage")
    document["input"].pop("confinement", None)
    for track in document["tracks"]:
        for observation in track["observations"]:
            observation.pop("logits")
            observation.pop("refinement", None)
    return document


def text_of(page: str) -> str:
    """What a viewer reads, without the style and scripts."""
    body = re.sub(r"<(style|script)[^>]*>.*?</\1>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())
