"""How a verdict looks in a Jupyter notebook: the band, the score on its scale, and a timeline for every person.

All styles stand inline, because notebooks drop style sheets, and all colours are readable on dark and light pages.
"""

from __future__ import annotations

from html import escape

from pipeline.evidence.report import charts
from pipeline.evidence.report.reading import Person, Reading, read_result
from pipeline.evidence.report.texts import clock, number, say

_COLOURS = {"likely_fake": "#d55e00", "inconclusive": "#8b7a2f", "likely_real": "#0072b2", None: "#76808c"}
_MOST_PERSONS = 12
_LANE_PIXELS = (420, 44)

_CARD = "font:14px/1.5 system-ui,sans-serif;max-width:720px;border:1px solid #8888;border-radius:8px;padding:14px 18px"
_CHIP = "display:inline-block;padding:2px 12px;border-radius:999px;color:#fff;font-weight:600;background:{}"
_DOT = "display:inline-block;width:10px;height:10px;border-radius:50%;background:{}"
_SOFT = "opacity:.75;font-size:13px"
_ROW = "display:flex;flex-wrap:wrap;gap:4px 14px;align-items:center;margin-top:10px"


def to_html(result: dict[str, object]) -> str:
    """Draw a result as a piece of HTML without scripts, style sheets or outside files.

    Args:
        result: valid against `pipeline.results.verdict.schema()`.
    """
    reading = read_result(result)
    parts = [_head(reading), *(_row(person, reading) for person in reading.persons[:_MOST_PERSONS])]
    if len(reading.persons) > _MOST_PERSONS:
        parts.append(_note(f"and {len(reading.persons) - _MOST_PERSONS} more with lower scores"))
    parts += [_note(f"⚠ {warning}") for warning in reading.result["warnings"]]
    parts.append(_note(_made_with(reading)))
    return f'<div style="{_CARD}">{"".join(parts)}</div>'


def _head(reading: Reading) -> str:
    result = reading.result
    band = result["verdict"]
    name = escape(reading.file_name or say("unnamed"))
    title = say(band or f"{result['status']}_title")
    chip = f'<span style="{_CHIP.format(_COLOURS[band])}">{escape(title)}</span>'
    if result["score"] is None:
        return f"<div>{chip} &ensp; {name}</div>" + _note(str(result["message"] or ""))
    score = f'<b style="font-size:17px">{number(result["score"])}</b>'
    return f"<div>{chip} &ensp; {score} &ensp; {name}</div>{_scale(result)}"


def _scale(result: dict) -> str:
    """Draw the score between 0 and 1, with the limits of the bands."""
    real, fake, score = (round(100 * value, 2) for value in (*_limits(result), result["score"]))
    words = f"Score {number(result['score'])}; likely real up to {real / 100:.2f}, likely fake from {fake / 100:.2f}"
    zones = ((0, real, "likely_real"), (real, fake, "inconclusive"), (fake, 100, "likely_fake"))
    bars = "".join(
        f'<rect x="{left}%" y="5" width="{right - left:.2f}%" height="6" fill="{_COLOURS[band]}" opacity=".45"/>'
        for left, right, band in zones
    )
    marker = f'<rect x="{score}%" y="1" width="4" height="14" rx="2" transform="translate(-2)" fill="currentColor"/>'
    style = "display:block;width:100%;max-width:420px;height:16px;margin-top:10px;overflow:visible"
    return f'<svg role="img" aria-label="{words}" style="{style}"><title>{words}</title>{bars}{marker}</svg>'


def _row(person: Person, reading: Reading) -> str:
    band = person.band if person.supported else None
    words = say(band or "not_judged")
    label = f"<b>{escape(say('person', id=person.id))}</b>"
    dot = f'<span style="{_DOT.format(_COLOURS[band])}"></span>'
    said = f"{dot} <b>{escape(words)}</b> {number(person.score)}"
    lane = "" if reading.probe.get("kind") == "image" else _lane(person, reading)
    return f'<div style="{_ROW}"><span style="width:84px">{label}</span>{lane}<span>{said}</span></div>'


def _lane(person: Person, reading: Reading) -> str:
    """Draw the score of a person over the time of the file, 1 at the top."""
    duration_s = reading.duration_s or 1.0
    frames = (reading.result["sampling"] or {}).get("frames", 0)
    drawn = charts.lane(person, duration_s, charts.step(reading.persons, duration_s, frames))
    real, fake = _limits(reading.result)
    width, height = _LANE_PIXELS
    zones = "".join(
        f'<rect y="{top}" width="{charts.LANE_WIDTH}" height="{tall}" fill="{_COLOURS[band]}" opacity=".14"/>'
        for band, (top, tall) in (("likely_fake", charts.zone(fake, 1)), ("likely_real", charts.zone(0, real)))
    )
    stroke = _COLOURS[person.band if person.supported else None]
    lines = (
        f'<path d="{drawn.line}" fill="none" stroke="{stroke}" stroke-width="1.5" vector-effect="non-scaling-stroke"/>'
        f'<path d="{drawn.dots}" stroke="{stroke}" stroke-width="4.5" stroke-linecap="round" '
        'vector-effect="non-scaling-stroke"/>'
    )
    words = escape(
        f"{say('person', id=person.id)}: score {number(person.score)}, "
        f"seen from {clock(person.start_s)} to {clock(person.end_s)} of {clock(duration_s)}"
    )
    return (
        f'<svg role="img" aria-label="{words}" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'viewBox="0 0 {charts.LANE_WIDTH} {charts.LANE_HEIGHT}" style="max-width:100%;border-bottom:1px solid #8888">'
        f"<title>{words}</title>{zones}{lines}</svg>"
    )


def _limits(result: dict) -> tuple[float, float]:
    return float(result["thresholds"]["likely_real"]), float(result["thresholds"]["likely_fake"])


def _made_with(reading: Reading) -> str:
    model, sampling, digest = (reading.result[name] for name in ("model", "sampling", "input"))
    facts = [f"{sampling['frames']} frames", f"{model['name']}, {model['engine']} {model['precision']}"]
    if digest["sha256"]:
        facts.append(f"SHA-256 {digest['sha256'][:12]}…")
    return " · ".join(facts) + " · a score is a reason to look closer, not a proof"


def _note(text: str) -> str:
    return f'<div style="{_SOFT};margin-top:8px;overflow-wrap:anywhere">{escape(text)}</div>' if text else ""
