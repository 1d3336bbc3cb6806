"""How a verdict looks in a Jupyter notebook: the band, the score on its scale, and a timeline for every person.

All styles stand inline, because notebooks drop style sheets, and all colours are readable on dark and light pages.
"""

from __future__ import annotations

from html import escape

from classifiers.numerals import counted
from pipeline.evidence import charts
from pipeline.evidence.spelling import clock, number, printable
from pipeline.evidence.texts import say
from pipeline.results.coverage import percent
from pipeline.results.parts import Label, TrackEvidence
from pipeline.results.verdict import Verdict

_COLOURS: dict[str | None, str] = {
    "likely_fake": "#d55e00",
    "inconclusive": "#8b7a2f",
    "likely_real": "#0072b2",
    None: "#76808c",
}
_DOUBTFUL = {"not_looked_at": "#8884", "not_readable": "#7a52c9b0", "damaged": "#7a52c930"}
"""Translucent, so that they show on any page."""
_MOST_PERSONS = 12
_LANE_PIXELS = (420, 44)

_CARD = "font:14px/1.5 system-ui,sans-serif;max-width:720px;border:1px solid #8888;border-radius:8px;padding:14px 18px"
_CHIP = "display:inline-block;padding:2px 12px;border-radius:999px;color:#fff;font-weight:600;background:{}"
_DOT = "display:inline-block;width:10px;height:10px;border-radius:50%;background:{}"
_SOFT = "opacity:.75;font-size:13px"
_ROW = "display:flex;flex-wrap:wrap;gap:4px 14px;align-items:center;margin-top:10px"


def to_html(verdict: Verdict) -> str:
    """Draw a verdict as a piece of HTML without scripts, style sheets or outside files."""
    verdict = verdict.as_stored()
    people = verdict.people
    parts = [_head(verdict), *(_row(person, verdict) for person in people[:_MOST_PERSONS])]
    if len(people) > _MOST_PERSONS:
        parts.append(_note(f"and {len(people) - _MOST_PERSONS} more with lower scores"))
    parts += [_note(f"⚠ {warning}") for warning in verdict.warnings]
    parts.append(_note(_made_with(verdict)))
    return f'<div style="{_CARD}">{"".join(parts)}</div>'


def _head(verdict: Verdict) -> str:
    name = _shown(verdict.input.name or say("unnamed"))
    title = say(verdict.label or f"{verdict.status}_title")
    chip = f'<span style="{_CHIP.format(_COLOURS[verdict.label])}">{_shown(title)}</span>'
    if verdict.score is None:
        return f"<div>{chip} &ensp; {name}</div>" + _note(verdict.message or "")
    score = f'<b style="font-size:17px">{number(verdict.score)}</b>'
    return f"<div>{chip} &ensp; {score} &ensp; {name}</div>{_scale(verdict, verdict.score)}"


def _scale(verdict: Verdict, score: float) -> str:
    """Draw the score between 0 and 1, with the limits of the bands."""
    if verdict.thresholds is None:
        return ""
    limits = verdict.thresholds
    real, fake, place = (round(100 * value, 2) for value in (limits.likely_real, limits.likely_fake, score))
    words = f"Score {number(score)}; likely real up to {real / 100:.2f}, likely fake from {fake / 100:.2f}"
    zones = ((0, real, "likely_real"), (real, fake, "inconclusive"), (fake, 100, "likely_fake"))
    bars = "".join(
        f'<rect x="{left}%" y="5" width="{right - left:.2f}%" height="6" fill="{_COLOURS[band]}" opacity=".45"/>'
        for left, right, band in zones
    )
    marker = f'<rect x="{place}%" y="1" width="4" height="14" rx="2" transform="translate(-2)" fill="currentColor"/>'
    style = "display:block;width:100%;max-width:420px;height:16px;margin-top:10px;overflow:visible"
    return f'<svg role="img" aria-label="{words}" style="{style}"><title>{words}</title>{bars}{marker}</svg>'


def _row(person: TrackEvidence, verdict: Verdict) -> str:
    band = verdict.label_of(person.scores.fake) if person.supported else None
    label = f"<b>{_shown(say('person', id=person.track.id))}</b>"
    dot = f'<span style="{_DOT.format(_COLOURS[band])}"></span>'
    said = f"{dot} <b>{_shown(say(band or 'not_judged'))}</b> {number(person.scores.fake)}"
    lane = "" if verdict.probe.is_image else _lane(person, verdict)
    return f'<div style="{_ROW}"><span style="width:84px">{label}</span>{lane}<span>{said}</span></div>'


def _lane(person: TrackEvidence, verdict: Verdict) -> str:
    """Draw the score of a person over the time of the file, 1 at the top."""
    duration_s = verdict.duration_s or 1.0
    step_s = charts.step(verdict.tracks, verdict.pictures_s, verdict.frames_looked_at)
    drawn = charts.lane(person, verdict.segments_of(person), duration_s, step_s)
    width, height = _LANE_PIXELS
    zones = "".join(
        f'<rect y="{top}" width="{charts.LANE_WIDTH}" height="{tall}" fill="{_COLOURS[band]}" opacity=".14"/>'
        for band, (top, tall) in _zones(verdict)
    )
    doubtful = "".join(
        f'<rect x="{10 * part.left}" width="{10 * part.width}" height="{charts.LANE_HEIGHT}" '
        f'fill="{_DOUBTFUL[part.kind]}"><title>{_shown(say(f"key_{part.kind}"))}</title></rect>'
        for part in charts.doubtful(verdict.coverage, duration_s)
    )
    stroke = _COLOURS[verdict.label_of(person.scores.fake) if person.supported else None]
    lines = (
        f'<path d="{drawn.line}" fill="none" stroke="{stroke}" stroke-width="1.5" vector-effect="non-scaling-stroke"/>'
        f'<path d="{drawn.dots}" stroke="{stroke}" stroke-width="4.5" stroke-linecap="round" '
        'vector-effect="non-scaling-stroke"/>'
    )
    words = _shown(
        f"{say('person', id=person.track.id)}: score {number(person.scores.fake)}, "
        f"seen from {clock(person.track.start_s)} to {clock(person.track.end_s)} of {clock(duration_s)}"
    )
    return (
        f'<svg role="img" aria-label="{words}" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'viewBox="0 0 {charts.LANE_WIDTH} {charts.LANE_HEIGHT}" style="max-width:100%;border-bottom:1px solid #8888">'
        f"<title>{words}</title>{zones}{doubtful}{lines}</svg>"
    )


def _zones(verdict: Verdict) -> list[tuple[Label, tuple[float, float]]]:
    """Give the bands at both ends of the scale: top and height in a lane."""
    if verdict.thresholds is None:
        return []
    fake, real = verdict.thresholds.likely_fake, verdict.thresholds.likely_real
    return [("likely_fake", charts.zone(fake, 1)), ("likely_real", charts.zone(0, real))]


def _made_with(verdict: Verdict) -> str:
    facts = [counted(verdict.frames_looked_at, "frame")]
    if verdict.coverage:
        facts.append(f"{percent(verdict.coverage.seen)} seen")
    if model := verdict.model:
        facts.append(f"{model.name}, {model.engine} {model.precision}")
    if verdict.input.sha256:
        facts.append(f"SHA-256 {verdict.input.sha256[:12]}…")
    return " · ".join(facts) + " · a score is a reason to look closer, not a proof"


def _note(text: str) -> str:
    return f'<div style="{_SOFT};margin-top:8px;overflow-wrap:anywhere">{_shown(text)}</div>' if text else ""


def _shown(text: str) -> str:
    return escape(printable(text))
