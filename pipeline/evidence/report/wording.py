"""What a page says in sentences: who, when, how sure, and what that means."""

from __future__ import annotations

from pipeline.evidence.report.reading import Person, Reading
from pipeline.evidence.report.texts import clock, number, say, say_number, shortened


def who(person: Person, reading: Reading) -> str:
    """Name a person so that a viewer finds it."""
    if person.side is None or not person.supported or len(reading.judged) < 2:
        return say("person", id=person.id)
    return say("person_at", id=person.id, side=say(f"side_{person.side}"))


def _who_within(person: Person, reading: Reading) -> str:
    """Name a person within a sentence."""
    name = who(person, reading)
    if name == say("person", id=person.id):
        return name
    return say("person_at_within", id=person.id, side=say(f"side_{person.side}"))


def when(person: Person) -> str:
    """Say when the evidence is strong, "" where it is not."""
    if not person.segments:
        return ""
    (start, end), *others = person.segments
    if others:
        return say("when_parts", n=len(person.segments), start=clock(start), end=clock(end))
    return say("when_part", start=clock(start), end=clock(end))


def sentences(person: Person, reading: Reading) -> list[str]:
    """Say of one person when it was seen and what was found."""
    told = []
    if reading.is_image:
        told.append(say("person_image"))
    elif len(person.sightings) == 1:
        told.append(say("person_seen_once", start=clock(person.start_s)))
    else:
        told.append(say("person_seen", n=len(person.sightings), start=clock(person.start_s), end=clock(person.end_s)))
        if person.segments:
            told.append(say("person_strong", when=when(person)))
    kinds = {name: number(score) for name, score in person.components.items()}
    told.append(say("person_kinds", **kinds))
    if not person.supported:
        told.append(say("person_unsupported"))
    return told


def lead(reading: Reading, kind: str) -> str:
    """Say the result in a sentence."""
    result, judged = reading.result, reading.judged
    verdict = result["verdict"]
    if verdict is None:
        return say(f"{result['status']}_lead", kind=kind)
    if verdict == "likely_fake":
        drawn = (result["components"]["generated"] or 0) > (result["components"]["manipulated"] or 0)
        what = say("what_generated" if drawn else "what_manipulated")
        fakes = [person for person in judged if person.band == "likely_fake"]
        if not fakes:
            return say("lead_fake_part", what=what)
        name, times = who(fakes[0], reading), when(fakes[0]) or say("when_whole")
        within = _who_within(fakes[0], reading)
        if reading.is_image:
            return say("lead_image_fake", who=within, what=what)
        if len(fakes) == 1:
            return say("lead_fake_one", who=within, what=what, when=times)
        return say("lead_fake_many", n=len(fakes), judged=len(judged), who=name, when=times)
    return say_number("lead_real" if verdict == "likely_real" else "lead_inconclusive", len(judged))


def answers(reading: Reading) -> list[tuple[str, str, str]]:
    """Answer what a viewer asks first: question, answer, remark."""
    result, found = reading.result, []
    if result["verdict"]:
        found += [_answer_who(reading), _answer_when(reading)]
        limits = {name: number(result["thresholds"][f"likely_{name}"]) for name in ("fake", "real")}
        remark = say(f"sure_{result['verdict'].removeprefix('likely_')}", **limits)
        found.append((say("ask_sure"), say("sure_of", score=number(result["score"])), remark))
    else:
        found.append((say("ask_found"), *_found(reading)))
    found.append((say("ask_file"), shortened(reading.file_name or say("unnamed"), 60), _file_facts(reading)))
    return found


def _file_facts(reading: Reading) -> str:
    sha256 = reading.result["input"]["sha256"]
    if not sha256:
        return say("file_unhashed")
    if reading.size is None:
        return say("file_hash", start=sha256[:12])
    length = "" if reading.is_image else say("file_length", length=clock(reading.duration_s))
    return say("file_facts", length=length, width=reading.size[0], height=reading.size[1], start=sha256[:12])


def _found(reading: Reading) -> tuple[str, str]:
    """Say what was seen where there is no verdict."""
    if reading.persons:
        return say_number("found_some", len(reading.persons)), say("found_some_note")
    if reading.result["status"] != "no_face":
        return say("found_unread"), say("found_unread_note")
    if reading.is_image:
        return say("found_none"), say("found_none_image")
    return say("found_none"), say("found_none_note", frames=reading.frames_looked_at, length=clock(reading.duration_s))


def _answer_who(reading: Reading) -> tuple[str, str, str]:
    judged = reading.judged
    if reading.result["verdict"] == "likely_fake" and judged:
        rest = say("who_of", n=len(judged)) if len(judged) > 1 else say("who_alone")
        return say("ask_who"), who(judged[0], reading), rest
    rest = say("who_highest", who=who(judged[0], reading)) if len(judged) > 1 else ""
    return say("ask_who"), say_number("who_judged", len(judged)), rest


def _answer_when(reading: Reading) -> tuple[str, str, str]:
    if reading.is_image:
        return say("ask_when"), say("when_image"), say("when_image_note")
    judged, length = reading.judged, clock(reading.duration_s)
    first = judged[0] if judged else None
    if first and first.segments and reading.result["verdict"] == "likely_fake":
        start, end = first.segments[0][0], first.segments[-1][1]
        remark = say("when_strong", length=length) if len(first.segments) == 1 else when(first)
        return say("ask_when"), say("when_all", start=clock(start), end=clock(end)), remark
    start = min((person.start_s for person in judged), default=0.0)
    end = max((person.end_s for person in judged), default=reading.duration_s)
    return say("ask_when"), say("when_all", start=clock(start), end=clock(end)), say("when_seen", length=length)


def means(reading: Reading, kind: str) -> list[str]:
    """Say what the verdict means; nothing where there is none."""
    result = reading.result
    verdict = result["verdict"]
    if verdict is None:
        return []
    told = [say(f"means_{verdict}")]
    if verdict == "likely_fake" and len(reading.judged) > 1:
        told.append(say("means_likely_fake_person", kind=kind))
    if verdict == "likely_real":
        told.append(say("means_likely_real_rest"))
    if verdict == "inconclusive":
        told.append(say("means_inconclusive_do"))
    calibrated = result["score_kind"] == "calibrated"
    told.append(say("means_calibrated", percent=round(100 * result["score"])) if calibrated else say("means_raw"))
    return told


def means_not(reading: Reading, kind: str) -> list[str]:
    """Say what the verdict does not mean."""
    keys = {
        "likely_fake": ("not_likely_fake_proof", "not_likely_fake_who"),
        "inconclusive": ("not_inconclusive", "not_inconclusive_real"),
        "likely_real": ("not_likely_real_proof", "not_likely_real_context"),
    }
    return [say(key, kind=kind) for key in keys.get(reading.result["verdict"], ())]
