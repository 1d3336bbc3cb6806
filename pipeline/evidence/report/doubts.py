"""What could be wrong with a result, in sentences: warnings of the scan, what this page lacks, and limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.evidence.report.reading import Reading, printable
from pipeline.evidence.report.texts import number, say, say_number

_NEAR = 0.05
_FEW_FRAMES = 8
_LOW_QUALITY = 0.35


@dataclass(frozen=True, slots=True)
class Doubt:
    """One thing that could be wrong.

    Attributes:
        level: "warning" from the scan or about this page, "note" about this file, "limit" of every scan.
        text: for the viewer.
    """

    level: Literal["warning", "note", "limit"]
    text: str


def doubts(reading: Reading, why_no_pictures: str | None) -> list[Doubt]:
    """List them, the gravest first."""
    warnings = [text[:1].upper() + text[1:] for text in reading.result["warnings"]]
    if reading.foreign_schema:
        warnings.append(say("doubt_schema", schema=printable(reading.foreign_schema)))
    if reading.unreadable:
        warnings.append(say("doubt_parts", parts=", ".join(reading.unreadable)))
    if why_no_pictures:
        warnings.append(say("doubt_pictures", why=printable(why_no_pictures)))
    return [
        *(Doubt("warning", text) for text in warnings),
        *(Doubt("note", text) for text in _notes(reading)),
        *(Doubt("limit", text) for text in _limits(reading)),
    ]


def _notes(reading: Reading) -> list[str]:
    """Say what is doubtful about this file."""
    result, found = reading.result, []
    if result["verdict"] and result["thresholds"]:
        for name, other in (("likely_fake", "inconclusive"), ("likely_real", "inconclusive")):
            distance = abs(result["score"] - result["thresholds"][name])
            if distance < _NEAR:
                found.append(say("doubt_near", distance=number(distance), one=say(name), other=say(other)))
    if reading.judged:
        first = reading.judged[0]
        who = say("person", id=first.id)
        if len(first.sightings) < min(_FEW_FRAMES, reading.frames_looked_at):
            found.append(say("doubt_few", who=who, n=len(first.sightings)))
        quality = sum(float(s.observation["quality"]) for s in first.sightings) / len(first.sightings)
        if quality < _LOW_QUALITY:
            found.append(say("doubt_quality", who=who, quality=number(quality)))
    unjudged = len(reading.persons) - len(reading.judged)
    if unjudged and result["verdict"]:
        found.append(say_number("doubt_unjudged", unjudged))
    return found


def _limits(reading: Reading) -> list[str]:
    """Say what is doubtful about every scan of this kind."""
    result, probe = reading.result, reading.probe
    looked, frames = reading.frames_looked_at, probe.get("frames")
    found = []
    if isinstance(frames, int) and looked < frames and looked:
        kind = "doubt_sampled_no_face" if result["status"] == "no_face" else "doubt_sampled"
        found.append(say(kind, looked=f"{looked:,}", all=f"{frames:,}"))
    if probe.get("has_audio"):
        found.append(say("doubt_sound"))
    if len(reading.persons) > 1 and probe.get("kind") != "image":
        found.append(say("doubt_split"))
    if result["model"] and reading.persons:
        found += [say("doubt_model", model=result["model"]["name"]), say("doubt_footage")]
    return found
