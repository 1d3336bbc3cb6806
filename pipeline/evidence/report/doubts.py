"""What could be wrong with a result, in sentences: warnings of the scan, what this page lacks, and limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.evidence.spelling import number
from pipeline.evidence.texts import say, say_number
from pipeline.results.parts import FAILURES
from pipeline.results.verdict import Verdict

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


def doubts(verdict: Verdict, why_no_pictures: str | None) -> list[Doubt]:
    """List them, the gravest first."""
    warnings = [text[:1].upper() + text[1:] for text in verdict.warnings]
    if verdict.has_foreign_schema:
        warnings.append(say("doubt_schema", schema=verdict.stored_schema))
    if verdict.unreadable:
        warnings.append(say("doubt_parts", parts=", ".join(verdict.unreadable)))
    if why_no_pictures:
        warnings.append(say("doubt_pictures", why=why_no_pictures))
    return [
        *(Doubt("warning", text) for text in warnings),
        *(Doubt("note", text) for text in _notes(verdict)),
        *(Doubt("limit", text) for text in _limits(verdict)),
    ]


def _notes(verdict: Verdict) -> list[str]:
    """Say what is doubtful about this file."""
    found, judged = [], verdict.judged
    if verdict.score is not None and verdict.thresholds:
        limits = {"likely_fake": verdict.thresholds.likely_fake, "likely_real": verdict.thresholds.likely_real}
        for name, limit in limits.items():
            distance = abs(verdict.score - limit)
            if distance < _NEAR:
                found.append(say("doubt_near", distance=number(distance), one=say(name), other=say("inconclusive")))
    if judged:
        who = say("person", id=judged[0].track.id)
        qualities = [seen.quality for seen in judged[0].track.observations]
        if len(qualities) < min(_FEW_FRAMES, verdict.frames_looked_at):
            found.append(say_number("doubt_few", len(qualities), who=who))
        quality = sum(qualities) / len(qualities)
        if quality < _LOW_QUALITY:
            found.append(say("doubt_quality", who=who, quality=number(quality)))
    unjudged = len(verdict.tracks) - len(judged)
    if unjudged and verdict.label:
        found.append(say_number("doubt_unjudged", unjudged))
    return found


def _limits(verdict: Verdict) -> list[str]:
    """Say what is doubtful about every scan of this kind."""
    looked, frames = verdict.frames_looked_at, verdict.probe.frames or 0
    found = []
    if 0 < looked < frames and verdict.status not in FAILURES:
        kind = "doubt_sampled" if verdict.tracks else "doubt_sampled_no_face"
        found.append(say_number(kind, looked, all=f"{frames:,}"))
    if verdict.probe.has_audio:
        found.append(say("doubt_sound"))
    if len(verdict.tracks) > 1 and not verdict.probe.is_image:
        found.append(say("doubt_split"))
    if verdict.model and verdict.tracks:
        found += [say("doubt_model", model=verdict.model.name), say("doubt_footage")]
    return found
