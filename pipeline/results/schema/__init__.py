"""The JSON Schemas of results, and what of a document is valid against them."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jsonschema

SCHEMA = "facewitness/verdict/2"
"""Of the results that are written; those of version 1 lack the logits of the faces."""

READ_SCHEMAS = (SCHEMA, "facewitness/verdict/1")


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
        if name == "tracks" and isinstance(value, list):
            found[name] = [track for track in value if _is_track(track)]
        elif name == "schema" or (name in document and _validator(name).is_valid(value)):
            found[name] = value
    return found


def valid_facts(probe: Mapping[str, Any]) -> dict[str, Any]:
    """Give the facts of `input.probe` that are as the schema says."""
    known = schema()["properties"]["input"]["properties"]["probe"]["properties"]
    return {name: probe[name] for name in known if name in probe and _fact_validator(name).is_valid(probe[name])}


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


def _is_track(value: Any) -> bool:
    return _validator("tracks").is_valid(value) and all(map(_is_observation, value["observations"]))


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
        and type(value.get("detection_confidence", 0.0)) in (int, float)
        and all(_is_within(value.get(name), 1.0) for name in ("quality", "score"))
        and _is_within(value.get("time_s"), math.inf)
        and (frame is None or (type(frame) is int and frame >= 0))
    )


def _are_numbers(values: Any, count: int) -> bool:
    return isinstance(values, list) and len(values) == count and all(type(v) in (int, float) for v in values)


def _is_within(value: Any, high: float) -> bool:
    return type(value) in (int, float) and 0 <= value <= high
