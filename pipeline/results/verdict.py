"""The result of one file. A verdict knows how to become JSON; whatever shows it starts from there."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import asdict, dataclass, field
from importlib import resources
from typing import Literal

from classifiers.calibration import Scores, Thresholds
from pipeline.analysis.aggregate import DEFAULT_POOLING, Segment, TrackEvidence
from pipeline.media.types import MediaInfo

SCHEMA = "facewitness/verdict/1"

Status = Literal["ok", "no_face", "insufficient_evidence", "undecodable", "unsupported", "timeout", "error"]
FAILURES: tuple[Status, ...] = ("undecodable", "unsupported", "timeout", "error")
"""Statuses of files that could not be looked at."""

Label = Literal["likely_fake", "inconclusive", "likely_real"]


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What made the scores."""

    name: str
    weights_sha256: str
    engine: str
    precision: str
    device: str
    calibration_id: str
    calibrated_on: str
    detector: str
    pooling: str

    def to_json(self) -> dict[str, str]:
        """Give the fields as they stand in the result."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SamplingRecord:
    """Which frames were looked at: the plan in words, how many frames it gave, and in which rounds if in any."""

    plan: str
    frames: int
    rounds: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What was seen in one file.

    Attributes:
        path: the input as the user gave it.
        status: "ok", or why there is no verdict.
        message: one sentence for the user where the status is not "ok".
        label: the verdict, None unless the status is "ok".
        scores: of the file, None unless the status is "ok".
        thresholds: where a score becomes a label.
        tracks: every person seen, also when there is no verdict.
        segments: where the evidence is strong.
        media: facts about the file, None if it could not be probed.
        model: what made the scores.
        sampling: which frames were looked at.
        timing_s: seconds spent, by stage and in "total".
        warnings: what the user should know about this result.
    """

    path: os.PathLike[str] | str
    status: Status
    message: str | None
    label: Label | None
    scores: Scores | None
    thresholds: Thresholds
    tracks: list[TrackEvidence]
    segments: list[Segment]
    media: MediaInfo | None
    model: ModelIdentity
    sampling: SamplingRecord
    timing_s: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def score(self) -> float | None:
        """0 to 1, 1 = fake; None unless the status is "ok"."""
        return self.scores.fake if self.scores else None

    def to_json(self) -> dict[str, object]:
        """Give the result as plain data, valid against `schema()`."""
        from pipeline.version import __version__

        scores = self.scores
        return {
            "schema": SCHEMA,
            "status": self.status,
            "message": self.message,
            "verdict": self.label,
            "score": _round(self.score),
            # The calibration was fitted on single tracks; only their maximum keeps it.
            "score_kind": "calibrated" if self.model.pooling == DEFAULT_POOLING else "raw",
            "components": {
                "manipulated": _round(scores.manipulated if scores else None),
                "generated": _round(scores.generated if scores else None),
            },
            "thresholds": {
                "likely_fake": self.thresholds.likely_fake,
                "likely_real": self.thresholds.likely_real,
                "operating_point": self.thresholds.operating_point,
            },
            "tracks": [_track(item) for item in self.tracks],
            "segments": [
                {
                    "start_s": _round(s.start_s),
                    "end_s": _round(s.end_s),
                    "track": s.track,
                    "score": _round(s.score),
                }
                for s in self.segments
            ],
            "input": _input(self.path, self.media),
            "model": self.model.to_json(),
            "tool": {"name": "facewitness", "version": __version__},
            "sampling": _sampling(self.sampling),
            "timing_s": {stage: _round(seconds, 3) for stage, seconds in self.timing_s.items()},
            "warnings": list(self.warnings),
        }

    def __repr__(self):
        said = self.status if self.score is None else f"{self.label} {_round(self.score)}"
        return f"<Verdict on {display_path(self.path)!r}: {said}>"

    def _repr_html_(self) -> str:
        """Show the verdict in a notebook, which asks for a method of this name."""
        from pipeline.evidence.notebook_view import to_html

        return to_html(self.to_json())


def label_of(score: float, thresholds: Thresholds) -> Label:
    """Put a score into its band, rounded as it stands in the result, so that the two never disagree."""
    score = _round(score)
    if score >= thresholds.likely_fake:
        return "likely_fake"
    return "likely_real" if score <= thresholds.likely_real else "inconclusive"


def display_path(path: os.PathLike[str] | str) -> str:
    """Spell a path in valid Unicode; bytes that are no UTF-8 become backslash escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@functools.cache
def schema() -> dict[str, object]:
    """Load the JSON Schema that every result is valid against."""
    text = resources.files("pipeline.results").joinpath("schema/verdict-1.json").read_text(encoding="utf-8")
    return json.loads(text)


def _sampling(record: SamplingRecord) -> dict[str, object]:
    rounds = {} if record.rounds is None else {"rounds": list(record.rounds)}
    return {"plan": record.plan, "frames": record.frames, **rounds}


def _track(item: TrackEvidence) -> dict[str, object]:
    track = item.track
    return {
        "id": track.id,
        "start_s": _round(track.start_s),
        "end_s": _round(track.end_s),
        "score": _round(item.scores.fake),
        "components": {
            "manipulated": _round(item.scores.manipulated),
            "generated": _round(item.scores.generated),
        },
        "supported": item.supported,
        "observations": [
            {
                "time_s": _round(o.time_s),
                "frame": o.frame,
                "box": [_round(v, 1) for v in o.face.box.tolist()],
                "landmarks": [[_round(v, 1) for v in point] for point in o.face.landmarks.tolist()],
                "detection_confidence": _round(o.face.confidence),
                "quality": _round(o.quality),
                "score": _round(score),
            }
            for o, score in zip(track.observations, item.observation_scores, strict=True)
        ],
    }


def _input(path: os.PathLike[str] | str, media: MediaInfo | None) -> dict[str, object]:
    facts = None
    if media is not None:
        facts = {
            "kind": media.kind,
            "container": media.container,
            "codec": media.codec,
            "pixel_format": media.pixel_format,
            "width": media.width,
            "height": media.height,
            "rotation_deg": media.rotation_deg,
            "mirrored": media.mirrored,
            "duration_s": _round(media.duration_s),
            "declared_duration_s": _round(media.declared_duration_s),
            "frames": media.frame_count,
            "frame_rate": _round(media.frame_rate),
            "variable_frame_rate": media.variable_frame_rate,
            "start_time_s": _round(media.start_time_s),
            "time_base": str(media.time_base) if media.time_base else None,
            "has_audio": media.has_audio,
            "color_transfer": media.color_transfer,
            "interlaced": media.interlaced,
            "decoder": media.decoder,
        }
    return {
        "path": display_path(path),
        "sha256": media.sha256 if media else None,
        "bytes": media.bytes if media else None,
        "probe": facts,
    }


def _round(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(float(value), digits)
