"""Writes the page of one result: a single HTML file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from pipeline.evidence.pictures import Sighting
from pipeline.evidence.report import charts, doubts
from pipeline.evidence.report.pictures import MAX_PERSONS, Gallery, Pictures, galleries, moments
from pipeline.evidence.report.reading import Person, Reading, band_of
from pipeline.evidence.report.record import made_with, record
from pipeline.evidence.report.texts import LANGUAGE, all_of, clock, has_text, number, say, say_number, shortened
from pipeline.evidence.report.wording import answers, lead, means, means_not, sentences, when, who
from pipeline.results.writers import write_whole

_LONG_TEXT = 300
_COMPACT_LANES = 8
_CAPTION_FACES = 5
_PLAIN_CARDS = 6


@dataclass(frozen=True, slots=True, eq=False)
class _Card:
    """One person on the page."""

    person: Person
    name: str
    gallery: Gallery
    lane: charts.Lane | None
    strong: str
    sentences: list[str]


def write_report(
    reading: Reading, pictures: Pictures | None, file: Path, *, why_no_pictures: str | None = None, stamp: str = ""
) -> None:
    """Write the page of one result.

    Args:
        reading: the result.
        pictures: of its input, or None for a page without.
        file: where; what is there is replaced.
        why_no_pictures: one sentence, where there are none though there could be.
        stamp: by which `make_page` recognises the page later.

    Raises:
        WriteError: the file cannot be written.
    """
    write_whole(file, render_report(reading, pictures, why_no_pictures, stamp))


def render_report(
    reading: Reading, pictures: Pictures | None, why_no_pictures: str | None = None, stamp: str = ""
) -> str:
    """Give the page of one result as HTML; see `write_report`."""
    from classifiers.explain import FULL_COLOUR_ODDS

    result, persons = reading.result, reading.persons[:MAX_PERSONS]
    kind = say("image" if reading.is_image else "video")
    cards = _cards(reading, persons)
    status, verdict = result["status"], result["verdict"]
    name = reading.file_name or say("unnamed")
    title = say(verdict) if verdict else say(f"{status}_title")
    shown = _moments(persons, reading, pictures)
    return (
        environment()
        .get_template("report.html")
        .render(
            title=say("report_title", verdict=title, file=shortened(name)),
            heading=title,
            name=name,
            kind=kind,
            reading=reading,
            result=result,
            cards=cards,
            judged=[card for card in cards if card.person.supported],
            unjudged=[card for card in cards if not card.person.supported],
            plain_cards=_PLAIN_CARDS,
            compact=len(cards) > _COMPACT_LANES,
            lead=lead(reading, kind),
            scale=_scale(reading),
            answers=answers(reading),
            means=means(reading, kind),
            means_not=means_not(reading, kind),
            todo=[say(key, kind=kind) for key in all_of(f"{status}_do")],
            happened=_happened(reading),
            portrait=_portrait(cards, pictures),
            doubts=doubts.doubts(reading, why_no_pictures),
            record=record(reading),
            pictures=pictures,
            size=reading.size,
            faces_at=_faces_at(cards, reading),
            band=lambda score: band_of(score, result["thresholds"]),
            stamp=stamp,
            is_image=reading.is_image,
            moments=shown,
            first=_strongest_moment(persons),
            moment_texts={key: _blanks(key) for key in ("moment_of", "moment_more", "person")},
            moment_alt=[say("frame_alt", time=m["time"], n=len(m["faces"])) for m in shown],
            all_moments=len({s.time_s for person in persons for s in person.sightings}),
            more_people=len(reading.persons) - len(persons),
            ticks=_ticks(reading),
            zone=_zone(reading),
            caption_faces=_CAPTION_FACES,
            heat_stops=_heat_stops(),
            heat_odds=FULL_COLOUR_ODDS,
            heat_outputs=sorted(set(pictures.heat_output.values())) if pictures else [],
            made_with=made_with(),
        )
    )


@cache
def environment():
    """Load the templates."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.evidence.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.globals.update(
        say=say,
        say_number=say_number,
        source=_source,
        script_hash=_script_hash,
        language=LANGUAGE,
        long_text=_LONG_TEXT,
    )
    made.filters.update(clock=clock, score=number, shortened=shortened, commas=lambda n: f"{n:,}")
    return made


def _source(name: str) -> object:
    """Give a style sheet or script of ours, which is put into a page as it is."""
    import markupsafe

    return markupsafe.Markup(_file(name))


def _script_hash(name: str) -> str:
    """Give the hash by which the page's policy lets this script run, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(_file(name).encode()).digest()).decode()


@cache
def _file(name: str) -> str:
    return resources.files("pipeline.evidence.report").joinpath("templates", name).read_text(encoding="utf-8")


def _blanks(key: str) -> str:
    """Give a text whose blanks the page's script fills."""
    return say(key, id="{id}", time="{time}", n="{n}")


def _cards(reading: Reading, persons: list[Person]) -> list[_Card]:
    duration_s = reading.duration_s
    step_s = charts.step(persons, duration_s, reading.frames_looked_at)
    timed = not reading.is_image and duration_s > 0
    return [
        _Card(
            person=person,
            name=who(person, reading),
            gallery=gallery,
            lane=charts.lane(person, duration_s, step_s) if timed else None,
            strong=when(person),
            sentences=sentences(person, reading),
        )
        for person, gallery in zip(persons, galleries(persons), strict=True)
    ]


def _scale(reading: Reading) -> dict | None:
    result = reading.result
    if result["thresholds"] is None or result["score"] is None:
        return None
    limits = {"fake": result["thresholds"]["likely_fake"], "real": result["thresholds"]["likely_real"]}
    label = say(
        "scale_label",
        score=number(result["score"]),
        verdict=say(result["verdict"]),
        **{name: number(limit) for name, limit in limits.items()},
    )
    return {"score": result["score"], **limits, "label": label}


def _happened(reading: Reading) -> str:
    key = f"{reading.result['status']}_happened"
    return say(key, frames=reading.frames_looked_at) if has_text(key) else ""


def _portrait(cards: list[_Card], pictures: Pictures | None) -> dict | None:
    """The one face that a viewer should see first."""
    card = next((card for card in cards if card.person.supported), None)
    if card is None or pictures is None:
        return None
    strongest = card.person.strongest[0]
    close_up = pictures.close_ups.get((strongest.track, strongest.position))
    return close_up and {"crop": close_up.crop, "card": card, "sighting": strongest}


def _moments(persons: list[Person], reading: Reading, pictures: Pictures | None) -> list[dict]:
    """Give what the timeline shows of each frame: its time, place on the axis, picture and faces."""
    duration_s = reading.duration_s or 1.0
    at: dict[float, list[Sighting]] = {}
    for person in persons:
        for sighting in person.sightings:
            at.setdefault(sighting.time_s, []).append(sighting)
    return [
        {
            "time": clock(time_s),
            "x": round(time_s / duration_s, 5),
            "picture": pictures.moments.get(time_s) if pictures else None,
            "faces": [_marked(s, reading) for s in sorted(at[time_s], key=lambda s: -s.score)],
        }
        for time_s in moments(persons)
    ]


def _marked(sighting: Sighting, reading: Reading) -> dict:
    return {
        "id": sighting.track,
        "score": number(sighting.score),
        "band": band_of(sighting.score, reading.result["thresholds"]),
        "box": sighting.observation["box"],
    }


def _faces_at(cards: list[_Card], reading: Reading) -> dict[float, list[dict]]:
    """Give all faces of the frames that are shown whole, by time."""
    times = {card.gallery.whole_frame.time_s for card in cards if card.gallery.whole_frame}
    found: dict[float, list[dict]] = {time_s: [] for time_s in times}
    for card in cards:
        for sighting in card.person.sightings:
            if sighting.time_s in times:
                found[sighting.time_s].append(_marked(sighting, reading))
    return found


def _strongest_moment(persons: list[Person]) -> int:
    """Find which of the moments shows the most suspicious person at its strongest."""
    return moments(persons).index(persons[0].strongest[0].time_s) if persons else 0


def _ticks(reading: Reading) -> list[tuple[str, float]]:
    duration_s = reading.duration_s
    if reading.is_image or not duration_s:
        return []
    return [(clock(time_s).removesuffix(".0"), 100 * time_s / duration_s) for time_s in charts.ticks(duration_s)]


def _zone(reading: Reading) -> tuple[float, float] | None:
    limits = reading.result["thresholds"]
    return charts.zone(limits["likely_fake"], 1.0) if limits else None


@cache
def _heat_stops() -> list[tuple[int, str]]:
    """Give the colours of heat maps from little to much, for their legend."""
    from classifiers.explain import colours

    shares = np.linspace(0, 1, 7)
    hexes = ("#" + bytes(np.rint(colour).astype(np.uint8)).hex() for colour in colours(shares))
    return [(round(100 * share), colour) for share, colour in zip(shares, hexes, strict=True)]
