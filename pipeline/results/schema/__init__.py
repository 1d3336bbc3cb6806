"""The JSON Schemas of results, and what of a document is valid against them."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jsonschema

SCHEMA = "facewitness/verdict/2"
"""Of the results that are written; those of version 1 lack the logits of the faces."""

READ_SCHEMAS = (SCHEMA, "facewitness/verdict/1")

_TOO_LARGE = 2.0**63
"""No count, time or place is as large; with larger ones, which JSON may hold, sums would not be finite."""


@functools.cache
def schema(version: int = 2) -> dict[str, Any]:
    """Load the JSON Schema that every result of a version is valid against."""
    text = resources.files(__package__).joinpath(f"verdict-{version}.json").read_text(encoding="utf-8")
    return json.loads(text)


def valid_parts(document: Mapping[str, Any]) -> dict[str, Any]:
    """Give the parts of a result that are as the schema says; of tracks, those that are.

    Parts are looked at one by one, so that a result of another version, or one that was changed by hand, still gives
    what it can.
    """
    found: dict[str, Any] = {}
    for name in schema()["properties"]:
        value = document.get(name)
        if name == "tracks":
            if isinstance(value, list):
                found[name] = [track for track in value if _is_track(track)]
        elif name == "schema" or (name in document and _is_valid(_validator(name), value)):
            found[name] = value
    return found


def valid_facts(probe: Mapping[str, Any]) -> dict[str, Any]:
    """Give the facts of `input.probe` that are as the schema says."""
    known = schema()["properties"]["input"]["properties"]["probe"]["properties"]
    return {name: probe[name] for name in known if name in probe and _is_valid(_fact_validator(name), probe[name])}


@functools.cache
def _fact_validator(name: str) -> jsonschema.protocols.Validator:
    return jsonschema.Draft202012Validator(schema()["properties"]["input"]["properties"]["probe"]["properties"][name])


@functools.cache
def _validator(name: str) -> jsonschema.protocols.Validator:
    """Give what checks one part of a result; of tracks it checks one, without its observations."""
    part = schema()["properties"][name]
    if name == "tracks":
        part = _with(part["items"], "observations", {"type": "array", "minItems": 1})
    elif name == "input":
        # Facts are looked at one by one: a strange one must not cost the name and the hash of the file.
        part = _with(part, "probe", {"type": ["object", "null"]})
    return jsonschema.Draft202012Validator({**part, "$defs": schema()["$defs"]})


def _with(part: dict[str, Any], name: str, definition: dict[str, Any]) -> dict[str, Any]:
    return {**part, "properties": {**part["properties"], name: definition}}


def _is_valid(validator: jsonschema.protocols.Validator, value: Any) -> bool:
    return validator.is_valid(value) and _has_only_numbers(value)


def _has_only_numbers(value: Any) -> bool:
    """Tell whether no number in a part is NaN or too large; facts of the probe are looked at one by one elsewhere."""
    if isinstance(value, dict):
        kept = (item for name, item in value.items() if not (name == "probe" and isinstance(item, dict)))
        return all(map(_has_only_numbers, kept))
    if isinstance(value, list):
        return all(map(_has_only_numbers, value))
    return not isinstance(value, (int, float)) or abs(value) < _TOO_LARGE


def _is_track(value: Any) -> bool:
    if not (_validator("tracks").is_valid(value) and all(map(_is_observation, value["observations"]))):
        return False
    return _has_only_numbers({name: part for name, part in value.items() if name != "observations"})


def _is_observation(value: Any) -> bool:
    """Check by hand what there are hundreds of thousands of; the schema would take minutes."""
    if not isinstance(value, dict):
        return False
    landmarks, frame = value.get("landmarks"), value.get("frame", -1)
    return (
        isinstance(landmarks, list)
        and len(landmarks) == 5
        and all(_are_numbers(point, 2) for point in landmarks)
        and _are_numbers(value.get("box"), 4)
        and ("logits" not in value or _are_numbers(value["logits"], 2))
        and ("frame_size" not in value or _is_size(value["frame_size"]))
        and ("hold" not in value or _is_hold(value["hold"]))
        and _is_number(value.get("detection_confidence", 0.0))
        and value.get("turned_deg", 0) in (0, 90, 180, 270)
        and all(_is_within(value.get(name), 1.0) for name in ("quality", "score"))
        and _is_within(value.get("time_s"), _TOO_LARGE)
        and (frame is None or (type(frame) is int and 0 <= frame < _TOO_LARGE))
    )


def _is_size(values: Any) -> bool:
    return isinstance(values, list) and len(values) == 2 and all(type(v) is int and 1 <= v < _TOO_LARGE for v in values)


def _is_hold(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"shown_s", "weight"}
        and _is_within(value["shown_s"], _TOO_LARGE)
        and _is_number(value["weight"])
        and value["weight"] >= 1
    )


def _are_numbers(values: Any, count: int) -> bool:
    return isinstance(values, list) and len(values) == count and all(map(_is_number, values))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < _TOO_LARGE


def _is_within(value: Any, high: float) -> bool:
    return type(value) in (int, float) and 0 <= value <= high
