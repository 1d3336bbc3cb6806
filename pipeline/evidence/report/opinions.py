"""What each of several models says, as the report shows it."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.evidence.texts import say
from pipeline.results.verdict import Verdict

_MAX_PEOPLE = 6


@dataclass(frozen=True, slots=True)
class OpinionRow:
    """One model, or all of them together.

    Attributes:
        name: of the model.
        label: its verdict, or None.
        score: of the file, or None.
        people: its score of each of `OpinionTable.people`; None where it has none.
    """

    name: str
    label: str | None
    score: float | None
    people: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class OpinionTable:
    """Everything that is told of the opinions.

    Attributes:
        people: the ids of the people that have a column, those that count most first.
        rows: the joint verdict and then each model.
        sentences: where they agree, and what their scores are worth.
    """

    people: tuple[int, ...]
    rows: tuple[OpinionRow, ...]
    sentences: tuple[str, ...]


def opinion_table(verdict: Verdict) -> OpinionTable | None:
    """Lay the opinions on a file side by side; None where one model judged."""
    if not verdict.opinions:
        return None
    shown = verdict.judged[:_MAX_PEOPLE]
    people = tuple(person.track.id for person in shown)
    joint = OpinionRow(
        say("opinions_joint"), verdict.label, verdict.score, tuple(person.scores.fake for person in shown)
    )
    rows = [
        OpinionRow(
            opinion.model.name,
            opinion.label,
            opinion.scores.fake if opinion.scores else None,
            tuple(opinion.people[number].fake if number in opinion.people else None for number in people),
        )
        for opinion in verdict.opinions
    ]
    return OpinionTable(people, (joint, *rows), tuple(_sentences(verdict)))


def _sentences(verdict: Verdict) -> list[str]:
    found = []
    decided = [opinion for opinion in verdict.opinions if opinion.label and opinion.thresholds]
    if len(decided) > 1 and len({opinion.label for opinion in decided}) == 1:
        found.append(say("opinions_agree", n=len(decided)))
    elif len(decided) > 1:
        told = [
            say("opinions_told", model=opinion.model.name, verdict=say(opinion.label or "").lower())
            for opinion in decided
        ]
        found.append(say("opinions_differ", told=", ".join(told)))
    without = [opinion.model.name for opinion in verdict.opinions if opinion.label and not opinion.thresholds]
    if without:
        found.append(say("opinions_no_limits", who=" and ".join(without)))
    return found
