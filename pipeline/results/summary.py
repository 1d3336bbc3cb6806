"""What lists and tables show of a result."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.media.types import display_path
from pipeline.results.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Summary:
    """A verdict in a line.

    Attributes:
        path: of the file, as in the result.
        status: what came of the scan.
        label: the verdict; None if there is none.
        score: chance of a forgery, 0 to 1; None if there is no verdict.
        faces: number of people of whom enough was seen.
        seen: share of the file that was looked at, 0 to 1; None if it is not known.
        with_face: share of the file in which there is a face, 0 to 1; None if it is not known.
        seconds: that the scan took.
        note: in a few words, what a reader must know; "" if that is nothing.
    """

    path: str
    status: str
    label: str | None = None
    score: float | None = None
    faces: int = 0
    seen: float | None = None
    with_face: float | None = None
    seconds: float = 0.0
    note: str = ""

    @classmethod
    def of(cls, verdict: Verdict) -> Summary:
        """Sum a verdict up."""
        coverage = verdict.coverage
        return cls(
            path=display_path(verdict.input.path),
            status=verdict.status,
            label=verdict.label,
            score=verdict.score,
            faces=sum(item.supported for item in verdict.tracks),
            seen=coverage.seen if coverage else None,
            with_face=coverage.with_face if coverage else None,
            seconds=verdict.timing_s.get("total", 0.0),
            note=_note(verdict),
        )


def _note(verdict: Verdict) -> str:
    remark = verdict.provenance.remark if verdict.provenance else None
    notes = [remark] if remark else []
    if verdict.message:
        return "; ".join([verdict.message, *notes])
    if verdict.label and verdict.opinions:
        notes.append(", ".join(f"{each.model.name} {each.scores.fake:.2f}" for each in verdict.opinions if each.scores))
    supported = [item for item in verdict.tracks if item.supported]
    if verdict.label == "likely_fake" and len(supported) > 1:
        worst = max(supported, key=lambda item: item.scores.fake).track
        notes.append(f"track {worst.id}, {worst.start_s:.1f} to {worst.end_s:.1f} s")
    notes += [warning.rstrip(".") for warning in verdict.warnings]
    return "; ".join(notes)
