"""Writes the page of one result: a single HTML file that loads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.evidence import charts
from pipeline.evidence.pictures import MAX_PERSONS, box_of
from pipeline.evidence.report import doubts
from pipeline.evidence.report.gallery import Gallery, Pictures, galleries, moments
from pipeline.evidence.report.opinions import opinion_table
from pipeline.evidence.report.provenance import provenance_view
from pipeline.evidence.report.record import made_with, record
from pipeline.evidence.report.rendering import environment
from pipeline.evidence.report.wording import answers, lead, means, means_not, reason, sentences, when, who
from pipeline.evidence.spelling import clock, number, shortened
from pipeline.evidence.texts import all_of, has_text, say, say_number
from pipeline.results.parts import Label, Observation, TrackEvidence
from pipeline.results.verdict import Verdict
from pipeline.results.writers import write_whole

_COMPACT_LANES = 8
_CAPTION_FACES = 5
_PLAIN_CARDS = 6
_NAMED_SPANS = 5


@dataclass(frozen=True, slots=True, eq=False)
class _Card:
    """One person on the page; `kind` is the band of the score, or "none" where it is not judged."""

    person: TrackEvidence
    band: Label
    name: str
    gallery: Gallery
    lane: charts.Lane | None
    strong: str
    sentences: list[str]

    @property
    def kind(self) -> str:
        return self.band if self.person.supported else "none"


def write_report(
    verdict: Verdict, pictures: Pictures | None, file: Path, *, why_no_pictures: str | None = None, stamp: str = ""
) -> None:
    """Write the page of one result.

    Args:
        verdict: the result.
        pictures: of its input, or None for a page without.
        file: where; what is there is replaced.
        why_no_pictures: one sentence, where there are none though there could be.
        stamp: by which `make_page` recognises the page later.

    Raises:
        WriteError: the file cannot be written.
    """
    write_whole(file, render_report(verdict, pictures, why_no_pictures, stamp))


def render_report(
    verdict: Verdict, pictures: Pictures | None, why_no_pictures: str | None = None, stamp: str = ""
) -> str:
    """Give the page of one result as HTML; see `write_report`."""
    from classifiers.explain import FULL_COLOUR_ODDS

    is_image, status = verdict.probe.is_image, verdict.status
    persons = verdict.people[:MAX_PERSONS]
    kind = say("image" if is_image else "video")
    cards = _cards(verdict, persons)
    name = verdict.input.name or say("unnamed")
    title = say(verdict.label or f"{status}_title")
    shown = _moments(persons, verdict, pictures)
    return (
        environment()
        .get_template("report.html")
        .render(
            title=say("report_title", verdict=title, file=shortened(name)),
            heading=title,
            name=name,
            kind=kind,
            verdict=verdict,
            cards=cards,
            judged=[card for card in cards if card.person.supported],
            unjudged=[card for card in cards if not card.person.supported],
            plain_cards=_PLAIN_CARDS,
            compact=len(cards) > _COMPACT_LANES,
            lead=lead(verdict, kind),
            scale=_scale(verdict),
            answers=answers(verdict),
            means=means(verdict, kind),
            means_not=means_not(verdict, kind),
            opinions=opinion_table(verdict),
            provenance=provenance_view(verdict),
            todo=[say(key, kind=kind) for key in all_of(f"{reason(verdict)}_do")],
            happened=_happened(verdict),
            portrait=_portrait(cards, pictures),
            doubts=doubts.doubts(verdict, why_no_pictures),
            record=record(verdict),
            pictures=pictures,
            size=verdict.probe.size,
            faces_at=_faces_at(cards, verdict),
            band=verdict.label_of,
            stamp=stamp,
            is_image=is_image,
            moments=shown,
            first=_strongest_moment(persons),
            moment_texts={key: _blanks(key) for key in ("moment_of", "moment_more", "person")},
            moment_alt=[say_number("frame_alt", len(m["faces"]), time=m["time"]) for m in shown],
            all_moments=len({seen.time_s for person in persons for seen in person.track.observations}),
            more_people=len(verdict.tracks) - len(persons),
            ticks=_ticks(verdict),
            doubtful=_doubtful(verdict),
            doubtful_spans=_doubtful_spans(verdict),
            searched=_searched(verdict),
            zone=_zone(verdict),
            caption_faces=_CAPTION_FACES,
            heat_stops=_heat_stops(),
            heat_odds=FULL_COLOUR_ODDS,
            made_with=made_with(),
        )
    )


def _blanks(key: str) -> str:
    """Give a text whose blanks the page's script fills."""
    return say(key, id="{id}", time="{time}", n="{n}")


def _cards(verdict: Verdict, persons: list[TrackEvidence]) -> list[_Card]:
    duration_s = verdict.duration_s
    step_s = charts.step(persons, verdict.pictures_s, verdict.frames_looked_at)
    unseen_s = verdict.coverage.unseen if verdict.coverage else ()
    timed = not verdict.probe.is_image and duration_s > 0
    return [
        _Card(
            person=person,
            band=verdict.label_of(person.scores.fake),
            name=who(person, verdict),
            gallery=gallery,
            lane=charts.lane(person, verdict.segments_of(person), duration_s, step_s, unseen_s) if timed else None,
            strong=when(person, verdict),
            sentences=sentences(person, verdict),
        )
        for person, gallery in zip(persons, galleries(persons), strict=True)
    ]


def _scale(verdict: Verdict) -> dict[str, Any] | None:
    if verdict.thresholds is None or verdict.label is None:
        return None
    limits = {"fake": verdict.thresholds.likely_fake, "real": verdict.thresholds.likely_real}
    label = say(
        "scale_label",
        score=number(verdict.score),
        verdict=say(verdict.label),
        **{name: number(limit) for name, limit in limits.items()},
    )
    return {"score": verdict.score, **limits, "label": label}


def _happened(verdict: Verdict) -> str:
    key = f"{reason(verdict)}_happened"
    if has_text(f"{key}_many"):
        return say_number(key, verdict.frames_looked_at)
    return say(key) if has_text(key) else ""


def _doubtful(verdict: Verdict) -> list[charts.Doubtful]:
    """Place what was not seen, or not as it is, on the timeline; nothing where there is no timeline."""
    if verdict.probe.is_image or not verdict.duration_s or not (verdict.coverage and verdict.coverage.seen):
        return []
    return charts.doubtful(verdict.coverage, verdict.duration_s)


def _doubtful_spans(verdict: Verdict) -> list[str]:
    """Say when nothing was seen, or only what may be otherwise, and why."""
    told = []
    for kind, spans in charts.spans_by_kind(verdict.coverage).items():
        texts = [say("span", start=clock(start_s), end=clock(end_s)) for start_s, end_s in spans]
        named = ", ".join(texts[:_NAMED_SPANS])
        if len(texts) > _NAMED_SPANS:
            named = say("spans_more", spans=named, n=len(texts) - _NAMED_SPANS)
        told.append(say(f"spans_{kind}", spans=named))
    return told


def _searched(verdict: Verdict) -> list[tuple[float, float]]:
    """Give the parts of the timeline that were seen, for a file in which nobody was."""
    return charts.searched(verdict.duration_s, verdict.coverage.unseen) if verdict.coverage else []


def _portrait(cards: list[_Card], pictures: Pictures | None) -> dict[str, Any] | None:
    """The one face that a viewer should see first."""
    card = next((card for card in cards if card.person.supported), None)
    if card is None or pictures is None:
        return None
    strongest = card.person.strongest[0]
    close_up = pictures.close_ups.get(strongest)
    return {"crop": close_up.crop, "card": card, "seen": strongest} if close_up else None


def _moments(persons: list[TrackEvidence], verdict: Verdict, pictures: Pictures | None) -> list[dict[str, Any]]:
    """Give what the timeline shows of each frame: its time, place on the axis, picture and faces."""
    duration_s = verdict.duration_s or 1.0
    at: dict[float, list[tuple[TrackEvidence, Observation]]] = {}
    for person in persons:
        for seen in person.track.observations:
            at.setdefault(seen.time_s, []).append((person, seen))
    return [
        {
            "time": clock(time_s),
            "x": round(time_s / duration_s, 5),
            "picture": pictures.moments.get(time_s) if pictures else None,
            "size": verdict.frame_size(at[time_s][0][1]),
            "faces": [
                _marked(person, seen, verdict) for person, seen in sorted(at[time_s], key=lambda p: -p[1].weighed_score)
            ],
        }
        for time_s in moments(persons)
    ]


def _marked(person: TrackEvidence, seen: Observation, verdict: Verdict) -> dict[str, Any]:
    return {
        "id": person.track.id,
        "score": number(seen.score),
        "band": verdict.label_of(seen.weighed_score),
        "box": box_of(seen),
    }


def _faces_at(cards: list[_Card], verdict: Verdict) -> dict[float, list[dict[str, Any]]]:
    """Give all faces of the frames that are shown whole, by time."""
    times = {card.gallery.whole_frame.time_s for card in cards if card.gallery.whole_frame}
    found: dict[float, list[dict[str, Any]]] = {time_s: [] for time_s in times}
    for card in cards:
        for seen in card.person.track.observations:
            if seen.time_s in times:
                found[seen.time_s].append(_marked(card.person, seen, verdict))
    return found


def _strongest_moment(persons: list[TrackEvidence]) -> int:
    """Find which of the moments shows the most suspicious person at its strongest."""
    return moments(persons).index(persons[0].strongest[0].time_s) if persons else 0


def _ticks(verdict: Verdict) -> list[tuple[str, float]]:
    duration_s = verdict.duration_s
    if verdict.probe.is_image or not duration_s:
        return []
    return [(clock(time_s).removesuffix(".0"), 100 * time_s / duration_s) for time_s in charts.ticks(duration_s)]


def _zone(verdict: Verdict) -> tuple[float, float] | None:
    return charts.zone(verdict.thresholds.likely_fake, 1.0) if verdict.thresholds else None


@cache
def _heat_stops() -> list[tuple[int, str]]:
    """Give the colours of heat maps from little to much, for their legend."""
    from classifiers.explain import colours

    shares = np.linspace(0, 1, 7)
    hexes = ("#" + bytes(np.rint(colour).astype(np.uint8)).hex() for colour in colours(shares))
    return [(round(100 * share), colour) for share, colour in zip(shares, hexes, strict=True)]
