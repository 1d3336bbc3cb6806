"""The result of one file. A verdict knows how to become JSON and to be read back from it; this is the one place where
the JSON of a result is spelled out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from classifiers.calibration import Scores, Thresholds
from extractors.face import Face
from pipeline.media.holds import Hold
from pipeline.results import notebook
from pipeline.results.coverage import Coverage, Span, length
from pipeline.results.opinions import Opinion, components, read_scores
from pipeline.results.parts import (
    InputRecord,
    Label,
    ModelIdentity,
    Observation,
    ProbeRecord,
    SamplingRecord,
    Segment,
    Status,
    Tool,
    Track,
    TrackEvidence,
    label_of,
    rounded,
)
from pipeline.results.provenance import Provenance
from pipeline.results.schema import READ_SCHEMAS, SCHEMA, schema, valid_facts, valid_parts


class NotAResultError(Exception):
    """A document that holds no result; the message is the end of a sentence that begins with the document's name."""


class NotJsonError(NotAResultError):
    """A text that is no whole JSON, so that nobody can tell what it was meant to be."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What was seen in one file.

    A scan fills all of it. Where a stored result was damaged or changed by hand, the parts that could not be read are
    named in `unreadable`, and are None or empty.

    Attributes:
        input: the file.
        status: "ok", or why there is no verdict.
        message: one sentence for the user where the status is not "ok".
        label: the verdict, None unless the status is "ok".
        scores: of the file, None unless the status is "ok".
        score_kind: "calibrated" if a score is a chance, "raw" if it is not.
        thresholds: where a score becomes a label; None where nobody has said for this model, and every score is
            inconclusive.
        tracks: every person seen, also when there is no verdict, in order of appearance.
        segments: where the evidence is strong.
        model: what made the scores.
        sampling: which frames were looked at.
        timing_s: seconds spent, by stage and in "total".
        warnings: what the user should know about this result.
        coverage: how much of the file was seen; None if it could not be opened, or an earlier version did not say.
        opinions: what each of several models says, whose joint verdict this is; none where one model judged.
        provenance: what the file says of its origin; None if it could not be opened, or an earlier version did not say.
        tool: what made the result.
        stored_schema: that of the document it was read from, None if it was not.
        unreadable: names of the parts of that document that are missing or not as the schema says.
    """

    input: InputRecord
    status: Status
    message: str | None
    label: Label | None
    scores: Scores | None
    score_kind: Literal["calibrated", "raw"]
    thresholds: Thresholds | None
    tracks: list[TrackEvidence]
    segments: list[Segment]
    model: ModelIdentity | None
    sampling: SamplingRecord | None
    timing_s: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    coverage: Coverage | None = None
    opinions: list[Opinion] = field(default_factory=list)
    provenance: Provenance | None = None
    tool: Tool | None = field(default_factory=Tool)
    stored_schema: str | None = None
    unreadable: tuple[str, ...] = ()

    @property
    def score(self) -> float | None:
        """0 to 1, 1 = fake; None unless the status is "ok"."""
        return self.scores.fake if self.scores else None

    @property
    def has_foreign_schema(self) -> bool:
        """Whether it was read from a document of a version that is not known here."""
        return self.stored_schema is not None and self.stored_schema not in READ_SCHEMAS

    @property
    def probe(self) -> ProbeRecord:
        """Facts about the file; all None where it could not be probed."""
        return self.input.probe or ProbeRecord()

    @property
    def people(self) -> list[TrackEvidence]:
        """The tracks as a reader wants them: those that count for the file first, the highest score first."""
        return sorted(self.tracks, key=lambda item: (not item.supported, -item.scores.fake, item.track.id))

    @property
    def judged(self) -> list[TrackEvidence]:
        """The people of whom enough was seen, the highest score first."""
        return [item for item in self.people if item.supported]

    @property
    def frames_looked_at(self) -> int:
        """Number of frames that were searched for faces."""
        return self.sampling.frames if self.sampling else 0

    @property
    def duration_s(self) -> float:
        """Time in seconds at which the file ends: not before the last face that was seen."""
        ends_s = [item.track.end_s for item in self.tracks]
        return max(self.coverage.duration_s if self.coverage else 0.0, self.probe.duration_s or 0.0, *ends_s)

    @property
    def pictures_s(self) -> float:
        """Seconds of the file in which there are pictures."""
        return self.duration_s - length(self.coverage.not_looked_at if self.coverage else ())

    def frame_size(self, seen: Observation) -> tuple[int, int] | None:
        """Give width and height in pixels of the frame that a face was seen in; None where they are unknown."""
        return seen.frame_size or self.probe.size

    def segments_of(self, item: TrackEvidence) -> list[Segment]:
        """Give the stretches in which the evidence about one person is strong."""
        return [segment for segment in self.segments if segment.track == item.track.id]

    def label_of(self, score: float) -> Label:
        """Put the score of a person or of a face into its band; "inconclusive" where the limits are unknown."""
        return label_of(score, self.thresholds) if self.thresholds else "inconclusive"

    def as_stored(self) -> Verdict:
        """Give the verdict as it is read back from its file, so that what is drawn of both is the same."""
        return self if self.stored_schema else Verdict.from_json(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Give the result as plain data, valid against `pipeline.results.schema.schema()`."""
        return {
            "schema": SCHEMA,
            "status": self.status,
            "message": self.message,
            "verdict": self.label,
            "score": rounded(self.score),
            "score_kind": self.score_kind,
            "components": components(self.scores),
            "thresholds": asdict(self.thresholds) if self.thresholds else None,
            "tracks": [_track(item, self.probe.size) for item in self.tracks],
            "segments": [
                {
                    "start_s": rounded(segment.start_s),
                    "end_s": rounded(segment.end_s),
                    "track": segment.track,
                    "score": rounded(segment.score),
                }
                for segment in self.segments
            ],
            "input": _input(self.input),
            "model": _without_none(asdict(self.model)) if self.model else None,
            **({"opinions": [opinion.to_json() for opinion in self.opinions]} if self.opinions else {}),
            **({"provenance": self.provenance.to_json()} if self.provenance else {}),
            "tool": asdict(self.tool) if self.tool else None,
            "sampling": _sampling(self.sampling) if self.sampling else None,
            "timing_s": {stage: rounded(seconds, 3) for stage, seconds in self.timing_s.items()},
            "coverage": _coverage(self.coverage) if self.coverage else None,
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_json(cls, document: object) -> Verdict:
        """Read a stored result of any version.

        Parts that are not as the schema says are left out and named in `unreadable`.

        Args:
            document: what a JSON file held.

        Raises:
            NotAResultError: it is no result at all.
        """
        if not isinstance(document, dict) or not str(document.get("schema", "")).startswith("facewitness/verdict/"):
            raise NotAResultError("is not a result of `facewitness scan`")
        parts = valid_parts(document)
        if parts.get("score_kind") != "raw" and parts.get("thresholds", ...) is None:
            del parts["thresholds"]  # only raw scores are without limits
        tracks = _read_tracks(parts.get("tracks", []))
        is_short = "tracks" in parts and len(tracks) < len(document["tracks"])
        expected = [name for name in schema()["properties"] if name in document or name in schema()["required"]]
        unreadable = [name for name in expected if name not in parts or (name == "tracks" and is_short)]
        status, label, scores = parts.get("status", "error"), parts.get("verdict"), read_scores(parts)
        thresholds = Thresholds(**parts["thresholds"]) if parts.get("thresholds") else None
        # A verdict without its parts, or parts of one without a verdict, would be shown as what they are not.
        undecided = label == "inconclusive" and "thresholds" in parts
        if status == "ok" and (label is None or scores is None or not (thresholds or undecided)):
            status = "error"
            unreadable = unreadable or ["verdict"]
        if status != "ok":
            label = scores = None
        return cls(
            input=_read_input(parts.get("input")),
            status=status,
            message=parts.get("message"),
            label=label,
            scores=scores,
            score_kind=parts.get("score_kind", "calibrated"),
            thresholds=thresholds,
            tracks=tracks,
            segments=[Segment(**item) for item in parts.get("segments", [])],
            model=ModelIdentity(**parts["model"]) if parts.get("model") else None,
            sampling=_read_sampling(parts.get("sampling")),
            timing_s=parts.get("timing_s", {}),
            warnings=parts.get("warnings", []),
            coverage=_read_coverage(parts.get("coverage")),
            opinions=[Opinion.from_json(item) for item in parts.get("opinions", [])],
            provenance=Provenance.from_json(parts["provenance"]) if "provenance" in parts else None,
            tool=Tool(**parts["tool"]) if parts.get("tool") else None,
            stored_schema=str(document["schema"]),
            unreadable=tuple(unreadable),
        )

    def __repr__(self) -> str:
        said = self.status if self.score is None else f"{self.label} {rounded(self.score)}"
        return f"<Verdict on {self.input.path!r}: {said}>"

    def _repr_html_(self) -> str | None:
        """Show the verdict in a notebook, which asks for a method of this name."""
        return notebook.html_view(self) if notebook.html_view else None


def parse_verdict(text: bytes | str) -> Verdict:
    """Read the text of a stored result of any version; see `Verdict.from_json`.

    Raises:
        NotJsonError: the text is no JSON.
        NotAResultError: it is JSON of something else.
    """
    return Verdict.from_json(_document(text))


def read_verdict(text: bytes | str) -> Verdict | None:
    """Read a stored result of a known version; None where the text is not a whole one."""
    try:
        verdict = parse_verdict(text)
    except NotAResultError:
        return None
    return None if verdict.has_foreign_schema or verdict.unreadable else verdict


def stored_path(text: bytes | str) -> str:
    """Give the path of the input that a stored result names, "" where it names none; faster than reading all of it."""
    try:
        return str(_document(text)["input"]["path"])
    except (NotJsonError, LookupError, TypeError):
        return ""


def _document(text: bytes | str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotJsonError("is not readable JSON") from error


def _input(record: InputRecord) -> dict[str, Any]:
    return {**asdict(record), "confinement": None if record.confinement is None else list(record.confinement)}


def _track(item: TrackEvidence, usual_size: tuple[int, int] | None) -> dict[str, Any]:
    track = item.track
    return {
        "id": track.id,
        "start_s": rounded(track.start_s),
        "end_s": rounded(track.end_s),
        "score": rounded(item.scores.fake),
        "components": components(item.scores),
        "supported": item.supported,
        "observations": [_observation(each, usual_size) for each in track.observations],
    }


def _observation(seen: Observation, usual_size: tuple[int, int] | None) -> dict[str, Any]:
    # Quality, logits and weights are kept whole: with them the evidence can be weighed again, to the same digits.
    optional: dict[str, Any] = {}
    if seen.logits is not None:
        optional["logits"] = [float(str(logit)) for logit in np.asarray(seen.logits, np.float32)]
    if seen.refinement:
        optional["refinement"] = True
    if seen.frame_size not in (None, usual_size):
        optional["frame_size"] = list(seen.frame_size)
    if seen.turned_deg:
        optional["turned_deg"] = seen.turned_deg
    if seen.opinions is not None:
        optional["opinions"] = [[float(str(logit)) for logit in row] for row in np.asarray(seen.opinions, np.float32)]
    if seen.hold:
        optional["hold"] = {"shown_s": rounded(seen.hold.shown_s), "weight": seen.hold.weight}
    return {
        "time_s": rounded(seen.time_s),
        "frame": seen.frame,
        "box": [rounded(value, 1) for value in seen.face.box.tolist()],
        "landmarks": [[rounded(value, 1) for value in point] for point in seen.face.landmarks.tolist()],
        "detection_confidence": rounded(seen.face.confidence),
        "quality": float(seen.quality),
        **optional,
        "score": rounded(seen.score),
    }


def _sampling(record: SamplingRecord) -> dict[str, Any]:
    rounds = {} if record.rounds is None else {"rounds": list(record.rounds)}
    return {"plan": record.plan, "frames": record.frames, **rounds}


def _coverage(coverage: Coverage) -> dict[str, Any]:
    def spans(of: Sequence[Span]) -> list[dict[str, float | None]]:
        return [{"start_s": rounded(start_s), "end_s": rounded(end_s)} for start_s, end_s in of]

    return {
        "duration_s": rounded(coverage.duration_s),
        "seen": rounded(coverage.seen),
        "with_face": rounded(coverage.with_face),
        "not_looked_at": spans(coverage.not_looked_at),
        "not_readable": spans(coverage.not_readable),
        "damaged": spans(coverage.damaged),
    }


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _read_tracks(items: Sequence[Mapping[str, Any]]) -> list[TrackEvidence]:
    # Of two tracks with one id nobody could tell whose faces are whose: the first is kept.
    by_id: dict[int, TrackEvidence] = {}
    for item in items:
        scores = read_scores(item)
        if scores is not None and item["id"] not in by_id:
            track = Track(item["id"], [_read_observation(seen) for seen in item["observations"]])
            by_id[track.id] = TrackEvidence(track, scores, item["supported"])
    return list(by_id.values())


def _read_observation(seen: Mapping[str, Any]) -> Observation:
    box, landmarks = np.array(seen["box"], np.float32), np.array(seen["landmarks"], np.float32)
    return Observation(
        frame=seen["frame"],
        time_s=seen["time_s"],
        face=Face(box, landmarks, seen.get("detection_confidence", 0.0)),
        quality=seen["quality"],
        logits=np.array(seen["logits"], np.float32) if "logits" in seen else None,
        score=seen["score"],
        refinement=seen.get("refinement", False),
        frame_size=tuple(seen["frame_size"]) if "frame_size" in seen else None,
        turned_deg=seen.get("turned_deg", 0),
        hold=Hold(**seen["hold"]) if "hold" in seen else None,
        opinions=np.array(seen["opinions"], np.float32) if "opinions" in seen else None,
    )


def _read_input(part: Mapping[str, Any] | None) -> InputRecord:
    if part is None:
        return InputRecord("")
    facts = part["probe"]
    probe = None if facts is None else ProbeRecord(**valid_facts(facts))
    confinement = part.get("confinement")
    return InputRecord(
        part["path"], part["sha256"], part["bytes"], probe, None if confinement is None else tuple(confinement)
    )


def _read_coverage(part: Mapping[str, Any] | None) -> Coverage | None:
    if part is None:
        return None

    def spans(kind: str) -> tuple[Span, ...]:
        return tuple((span["start_s"], span["end_s"]) for span in part[kind])

    kinds = ("not_looked_at", "not_readable", "damaged")
    return Coverage(part["duration_s"], part["seen"], part["with_face"], *map(spans, kinds))


def _read_sampling(part: Mapping[str, Any] | None) -> SamplingRecord | None:
    if part is None:
        return None
    return SamplingRecord(part["plan"], part["frames"], tuple(part["rounds"]) if "rounds" in part else None)
