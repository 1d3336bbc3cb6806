"""Reads a stored result for people: whatever stands in it, what comes out can be shown."""

from __future__ import annotations

import functools
import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import jsonschema

from pipeline.evidence.pictures import Sighting
from pipeline.results.verdict import SCHEMA, schema

Band = Literal["likely_fake", "inconclusive", "likely_real"]

_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_BLANK: dict[str, object] = {
    "schema": SCHEMA,
    "status": "error",
    "message": None,
    "verdict": None,
    "score": None,
    "score_kind": "calibrated",
    "components": {"manipulated": None, "generated": None},
    "thresholds": None,
    "tracks": [],
    "segments": [],
    "input": {"path": "", "sha256": None, "bytes": None, "probe": None},
    "model": None,
    "tool": None,
    "sampling": None,
    "timing_s": {},
    "warnings": [],
}


class NotAResultError(Exception):
    """A file that holds no result; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One track of a result.

    Attributes:
        id: of the track.
        score: 0 to 1, 1 = fake.
        band: into which the score falls.
        components: score of each kind of forgery.
        supported: whether there is enough of it to judge.
        start_s: first time it was seen.
        end_s: last time it was seen.
        sightings: its faces in order of time.
        segments: start and end in seconds of the stretches in which the evidence is strong.
        side: "left", "middle" or "right" of the picture on average; None where the picture's size is unknown.
    """

    id: int
    score: float
    band: Band
    components: dict[str, float | None]
    supported: bool
    start_s: float
    end_s: float
    sightings: list[Sighting]
    segments: list[tuple[float, float]]
    side: Literal["left", "middle", "right"] | None

    @property
    def strongest(self) -> list[Sighting]:
        """Its faces, the highest score first."""
        return sorted(self.sightings, key=lambda s: (-s.score, s.time_s))


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A result as it can be relied on.

    Attributes:
        result: valid against the schema but for parts that were missing, which are None or empty.
        persons: its tracks, those that were judged first, the highest score first.
        unreadable: names of the parts that are missing or not as the schema says.
        foreign_schema: the schema that the result names, if it is not the one of this version.
    """

    result: dict
    persons: list[Person]
    unreadable: list[str]
    foreign_schema: str | None

    @property
    def probe(self) -> dict:
        """Facts about the file, {} where there are none."""
        return self.result["input"]["probe"] or {}

    @property
    def file_name(self) -> str:
        """Name of the input without its folders, "" where it has none."""
        return PurePosixPath(str(self.result["input"]["path"])).name

    @property
    def is_image(self) -> bool:
        """Whether the input has no time."""
        return self.probe.get("kind") == "image"

    @property
    def frames_looked_at(self) -> int:
        """Number of frames that were searched for faces."""
        return (self.result["sampling"] or {}).get("frames", 0)

    @property
    def judged(self) -> list[Person]:
        """The persons of whom enough was seen."""
        return [person for person in self.persons if person.supported]

    @property
    def size(self) -> tuple[float, float] | None:
        """Width and height of the picture in pixels, None where they are unknown."""
        return _size(self.probe)

    @property
    def duration_s(self) -> float:
        """Time in seconds at which the file ends, at least the last sighting."""
        last = max((person.end_s for person in self.persons), default=0.0)
        return max(_number(self.probe.get("duration_s")), last)


def read_result(document: object) -> Reading:
    """Read what a JSON file held.

    Parts that are not as the schema says are left out and named, so that a result of another version, or one that was
    changed by hand, still gives what it can.

    Raises:
        NotAResultError: it is no result at all.
    """
    if not isinstance(document, dict) or not str(document.get("schema", "")).startswith("facewitness/verdict/"):
        raise NotAResultError("is not a result of `facewitness scan`")
    result, unreadable = dict(_BLANK), []
    for name in _BLANK:
        if name == "tracks":
            tracks = document.get(name)
            items = tracks if isinstance(tracks, list) else []
            # Of two tracks with one id nobody could tell whose faces are whose: the first is kept.
            by_id = {item["id"]: item for item in reversed(items) if _is_track(item)}
            result[name] = list(reversed(by_id.values()))
            intact = isinstance(tracks, list) and len(result[name]) == len(items)
        else:
            intact = name in document and _validator(name).is_valid(document[name])
            if intact:
                result[name] = document[name]
        if not intact and name != "schema":
            unreadable.append(name)
    # A verdict without its parts, or parts of one without a verdict, would be shown as what they are not.
    if result["status"] == "ok" and (None in (result["verdict"], result["score"], result["thresholds"])):
        result["status"], result["verdict"], result["score"] = "error", None, None
        unreadable = unreadable or ["verdict"]
    if result["status"] != "ok":
        result["verdict"] = result["score"] = None
    foreign = None if document["schema"] == SCHEMA else str(document["schema"])
    return Reading(_printable_all(result), _persons(result), unreadable, foreign)


def band_of(score: float, thresholds: dict | None) -> Band:
    """Put a score into its band."""
    if thresholds is None:
        return "inconclusive"
    if score >= thresholds["likely_fake"]:
        return "likely_fake"
    return "likely_real" if score <= thresholds["likely_real"] else "inconclusive"


def printable(text: str) -> str:
    """Make control characters and those that turn the reading direction visible; letters of every script stay."""
    return "".join(c if _is_harmless(c) else c.encode("unicode_escape").decode() for c in text)


def _persons(result: dict) -> list[Person]:
    size = _size(result["input"]["probe"] or {})
    segments: dict[int, list[tuple[float, float]]] = {}
    for segment in result["segments"]:
        segments.setdefault(segment["track"], []).append((segment["start_s"], segment["end_s"]))
    found = [
        Person(
            id=track["id"],
            score=track["score"],
            band=band_of(track["score"], result["thresholds"]),
            components=track["components"],
            supported=track["supported"],
            start_s=track["start_s"],
            end_s=track["end_s"],
            sightings=[Sighting(track["id"], n, o) for n, o in enumerate(track["observations"])],
            segments=segments.get(track["id"], []),
            side=_side(track["observations"], size),
        )
        for track in result["tracks"]
    ]
    return sorted(found, key=lambda person: (not person.supported, -person.score, person.id))


def _size(probe: dict) -> tuple[float, float] | None:
    width, height = probe.get("width"), probe.get("height")
    return (width, height) if _is_within(width, 1e6) and _is_within(height, 1e6) and width and height else None


def _side(observations: list[dict], size: tuple[float, float] | None) -> Literal["left", "middle", "right"] | None:
    if size is None:
        return None
    centres = [(o["box"][0] + o["box"][2] / 2) / size[0] for o in observations]
    centre = sum(centres) / len(centres)
    return "left" if centre < 0.42 else "right" if centre > 0.58 else "middle"


@functools.cache
def _validator(name: str) -> jsonschema.protocols.Validator:
    """Give what checks one part of a result; of tracks it checks one, without its observations."""
    part = schema()["properties"][name]
    if name == "tracks":
        part = part["items"]
        part = {**part, "properties": {**part["properties"], "observations": {"type": "array", "minItems": 1}}}
    return jsonschema.Draft202012Validator({**part, "$defs": schema()["$defs"]})


def _is_track(value: object) -> bool:
    return _validator("tracks").is_valid(value) and all(map(_is_observation, value["observations"]))


def _is_observation(value: object) -> bool:
    """Check by hand what there are hundreds of thousands of; the schema would take minutes."""
    if not isinstance(value, dict):
        return False
    landmarks, frame = value.get("landmarks"), value.get("frame", -1)
    return (
        isinstance(landmarks, list)
        and len(landmarks) == 5
        and all(_are_numbers(point, 2) for point in landmarks)
        and _are_numbers(value.get("box"), 4)
        and all(_is_within(value.get(name), 1.0) for name in ("quality", "score"))
        and _is_within(value.get("time_s"), math.inf)
        and (frame is None or (isinstance(frame, int) and frame >= 0))
    )


def _are_numbers(values: object, count: int) -> bool:
    return isinstance(values, list) and len(values) == count and all(type(v) in (int, float) for v in values)


def _is_within(value: object, high: float) -> bool:
    return type(value) in (int, float) and 0 <= value <= high


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _printable_all(value: object) -> object:
    """Make every text of a document printable; numbers, which are most of it, stay as they are."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(str(key)): _printable_all(item) for key, item in value.items()}
    if isinstance(value, list) and not _is_numbers(value):
        return [_printable_all(item) for item in value]
    return value


def _is_numbers(values: Iterable[object]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _is_harmless(character: str) -> bool:
    return character not in _BIDI_CONTROLS and unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
