"""What a page says in sentences: who, when, how sure, and what that means."""

from __future__ import annotations

from typing import Literal

from pipeline.evidence.spelling import clock, number, shortened
from pipeline.evidence.texts import say, say_number
from pipeline.results.coverage import percent
from pipeline.results.parts import Label, TrackEvidence
from pipeline.results.verdict import Verdict

_LEFT, _RIGHT = 0.42, 0.58
"""Shares of the width between which a face is in the middle."""


def who(person: TrackEvidence, verdict: Verdict) -> str:
    """Name a person so that a viewer finds it."""
    side = _side(person, verdict)
    if side is None:
        return say("person", id=person.track.id)
    return say("person_at", id=person.track.id, side=say(f"side_{side}"))


def _who_within(person: TrackEvidence, verdict: Verdict) -> str:
    """Name a person within a sentence."""
    side = _side(person, verdict)
    if side is None:
        return say("person", id=person.track.id)
    return say("person_at_within", id=person.track.id, side=say(f"side_{side}"))


def _side(person: TrackEvidence, verdict: Verdict) -> Literal["left", "middle", "right"] | None:
    """Find on which side of the picture a person is on average; None where that tells nobody apart."""
    if not person.supported or len(verdict.judged) < 2:
        return None
    centres = []
    for seen in person.track.observations:
        size = verdict.frame_size(seen)
        if size is None:
            return None
        left, _, width, _ = seen.face.box.tolist()
        centres.append((left + width / 2) / size[0])
    centre = sum(centres) / len(centres)
    return "left" if centre < _LEFT else "right" if centre > _RIGHT else "middle"


def when(person: TrackEvidence, verdict: Verdict) -> str:
    """Say when the evidence is strong, "" where it is not."""
    segments = verdict.segments_of(person)
    if not segments:
        return ""
    start, end = clock(segments[0].start_s), clock(segments[0].end_s)
    if len(segments) > 1:
        return say("when_parts", n=len(segments), start=start, end=end)
    return say("when_part", start=start, end=end)


def sentences(person: TrackEvidence, verdict: Verdict) -> list[str]:
    """Say of one person when it was seen and what was found."""
    told, n = [], len(person.track.observations)
    if verdict.probe.is_image:
        told.append(say("person_image"))
    else:
        start, end = clock(person.track.start_s), clock(person.track.end_s)
        told.append(say_number("person_seen", n, start=start, end=end))
        if strong := when(person, verdict):
            told.append(say("person_strong", when=strong))
    kinds = {name: number(getattr(person.scores, name)) for name in ("manipulated", "generated")}
    told.append(say("person_kinds", **kinds))
    if not person.supported:
        told.append(say("person_unsupported"))
    return told


def reason(verdict: Verdict) -> str:
    """Name why there is no verdict: the status, or "unseen" where the file rather than its faces gives too little."""
    is_unseen = not verdict.tracks or (verdict.coverage is not None and not verdict.coverage.allows_verdict)
    return "unseen" if verdict.status == "insufficient_evidence" and is_unseen else verdict.status


def lead(verdict: Verdict, kind: str) -> str:
    """Say the result, and how much of the file it rests on where that is not nearly all."""
    coverage = verdict.coverage
    if coverage is None or coverage.is_whole or not coverage.seen:
        return _result(verdict, kind)
    share = percent(coverage.seen)
    if reason(verdict) == "unseen":
        return say("unseen_lead", share=share, kind=kind)
    return f"{_result(verdict, kind)} {say('seen_part', share=share, kind=kind)}"


def _result(verdict: Verdict, kind: str) -> str:
    judged = verdict.judged
    if verdict.label is None or verdict.scores is None:
        return say(f"{verdict.status}_lead", kind=kind)
    if verdict.thresholds is None:
        return say("lead_undecided")
    if verdict.label == "likely_fake":
        drawn = verdict.scores.generated > verdict.scores.manipulated
        what = say("what_generated" if drawn else "what_manipulated")
        fakes = [person for person in judged if verdict.label_of(person.scores.fake) == "likely_fake"]
        if not fakes:
            return say("lead_fake_part", what=what)
        name, times = who(fakes[0], verdict), when(fakes[0], verdict) or say("when_whole")
        within = _who_within(fakes[0], verdict)
        if verdict.probe.is_image:
            return say("lead_image_fake", who=within, what=what)
        if len(fakes) == 1:
            return say("lead_fake_one", who=within, what=what, when=times)
        return say("lead_fake_many", n=len(fakes), judged=len(judged), who=name, when=times)
    return say_number("lead_real" if verdict.label == "likely_real" else "lead_inconclusive", len(judged))


def answers(verdict: Verdict) -> list[tuple[str, str, str]]:
    """Answer what a viewer asks first: question, answer, remark."""
    found = []
    if verdict.label:
        found += [_answer_who(verdict), _answer_when(verdict)]
        remark = say("sure_undecided")
        if verdict.thresholds:
            limits = {"fake": number(verdict.thresholds.likely_fake), "real": number(verdict.thresholds.likely_real)}
            remark = say(f"sure_{verdict.label.removeprefix('likely_')}", **limits)
        found.append((say("ask_sure"), say("sure_of", score=number(verdict.score)), remark))
    else:
        found.append((say("ask_found"), *_found(verdict)))
    found.append((say("ask_file"), shortened(verdict.input.name or say("unnamed"), 60), _file_facts(verdict)))
    return found


def _file_facts(verdict: Verdict) -> str:
    sha256, size = verdict.input.sha256, verdict.probe.size
    if not sha256:
        return say("file_unhashed")
    if size is None:
        return say("file_hash", start=sha256[:12])
    length = "" if verdict.probe.is_image else say("file_length", length=clock(verdict.duration_s))
    return say("file_facts", length=length, width=size[0], height=size[1], start=sha256[:12])


def _found(verdict: Verdict) -> tuple[str, str]:
    """Say what was seen where there is no verdict."""
    is_unseen = reason(verdict) == "unseen"
    if verdict.tracks:
        note = say("found_unseen_note" if is_unseen else "found_some_note")
        return say_number("found_some", len(verdict.tracks)), note
    if verdict.status != "no_face" and not is_unseen:
        return say("found_unread"), say("found_unread_note")
    if verdict.probe.is_image:
        return say("found_none"), say("found_none_image")
    length = clock(verdict.duration_s)
    return say("found_none"), say_number("found_none_note", verdict.frames_looked_at, length=length)


def _answer_who(verdict: Verdict) -> tuple[str, str, str]:
    judged = verdict.judged
    if verdict.label == "likely_fake" and judged:
        rest = say("who_of", n=len(judged)) if len(judged) > 1 else say("who_alone")
        return say("ask_who"), who(judged[0], verdict), rest
    rest = say("who_highest", who=who(judged[0], verdict)) if len(judged) > 1 else ""
    return say("ask_who"), say_number("who_judged", len(judged)), rest


def _answer_when(verdict: Verdict) -> tuple[str, str, str]:
    if verdict.probe.is_image:
        return say("ask_when"), say("when_image"), say("when_image_note")
    judged, length = verdict.judged, clock(verdict.duration_s)
    segments = verdict.segments_of(judged[0]) if judged else []
    if segments and verdict.label == "likely_fake":
        start, end = segments[0].start_s, segments[-1].end_s
        remark = say("when_strong", length=length) if len(segments) == 1 else when(judged[0], verdict)
        return say("ask_when"), say("when_all", start=clock(start), end=clock(end)), remark
    start = min((person.track.start_s for person in judged), default=0.0)
    end = max((person.track.end_s for person in judged), default=verdict.duration_s)
    return say("ask_when"), say("when_all", start=clock(start), end=clock(end)), say("when_seen", length=length)


def means(verdict: Verdict, kind: str) -> list[str]:
    """Say what the verdict means; nothing where there is none."""
    if verdict.label is None or verdict.score is None:
        return []
    if verdict.thresholds is None:
        return [say("means_undecided"), say("means_raw")]
    told = [say(f"means_{verdict.label}")]
    if verdict.label == "likely_fake" and len(verdict.judged) > 1:
        told.append(say("means_likely_fake_person", kind=kind))
    if verdict.label == "likely_real":
        told.append(say("means_likely_real_rest"))
    if verdict.label == "inconclusive":
        told.append(say("means_inconclusive_do"))
    calibrated = verdict.score_kind == "calibrated"
    told.append(say("means_calibrated", percent=round(100 * verdict.score)) if calibrated else say("means_raw"))
    return told


_MEANS_NOT: dict[Label, tuple[str, str]] = {
    "likely_fake": ("not_likely_fake_proof", "not_likely_fake_who"),
    "inconclusive": ("not_inconclusive", "not_inconclusive_real"),
    "likely_real": ("not_likely_real_proof", "not_likely_real_context"),
}


def means_not(verdict: Verdict, kind: str) -> list[str]:
    """Say what the verdict does not mean; nothing where there is none."""
    return [say(key, kind=kind) for key in _MEANS_NOT[verdict.label]] if verdict.label else []
