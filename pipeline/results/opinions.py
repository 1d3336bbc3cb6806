"""What each of several models says of one file, beside the joint verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from classifiers.calibration import Scores, Thresholds
from pipeline.results.parts import Label, ModelIdentity, rounded


@dataclass(frozen=True, slots=True)
class Opinion:
    """The verdict of one model of several.

    Attributes:
        model: which.
        label: its verdict, None where the joint one is none either.
        scores: of the file, None without a verdict.
        score_kind: "calibrated" if its scores are chances, "raw" if they are not.
        thresholds: where its scores become labels; None where nobody has said.
        people: its scores of each track, by the track's id.
    """

    model: ModelIdentity
    label: Label | None
    scores: Scores | None
    score_kind: Literal["calibrated", "raw"]
    thresholds: Thresholds | None
    people: Mapping[int, Scores]

    def to_json(self) -> dict[str, Any]:
        """Give it as an entry of `opinions` in a result."""
        return {
            "model": {name: value for name, value in asdict(self.model).items() if value is not None},
            "verdict": self.label,
            "score": rounded(self.scores.fake if self.scores else None),
            "score_kind": self.score_kind,
            "components": components(self.scores),
            "thresholds": asdict(self.thresholds) if self.thresholds else None,
            "tracks": [
                {"id": number, "score": rounded(scores.fake), "components": components(scores)}
                for number, scores in self.people.items()
            ],
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Opinion:
        """Read an entry that is valid against the schema."""
        return cls(
            model=ModelIdentity(**entry["model"]),
            label=entry["verdict"],
            scores=read_scores(entry),
            score_kind=entry["score_kind"],
            thresholds=Thresholds(**entry["thresholds"]) if entry["thresholds"] else None,
            people={item["id"]: scores for item in entry["tracks"] if (scores := read_scores(item)) is not None},
        )


def components(scores: Scores | None) -> dict[str, float | None]:
    """Give the scores of each kind of forgery as a result stores them."""
    return {
        "manipulated": rounded(scores.manipulated if scores else None),
        "generated": rounded(scores.generated if scores else None),
    }


def read_scores(part: Mapping[str, Any]) -> Scores | None:
    """Read the scores of a result, an opinion or a track; None where one is missing."""
    found = part.get("components") or {}
    fake, manipulated, generated = part.get("score"), found.get("manipulated"), found.get("generated")
    if fake is None or manipulated is None or generated is None:
        return None
    return Scores(fake, manipulated, generated)
