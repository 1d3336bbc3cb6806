"""The record of a result: every fact, by group."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata

from pipeline.evidence.spelling import clock
from pipeline.evidence.texts import has_text, say, say_number
from pipeline.results.coverage import percent
from pipeline.results.schema import SCHEMA
from pipeline.results.verdict import Verdict
from pipeline.version import __version__

_LIBRARIES = ("openvino", "opencv-python-headless", "numpy", "pillow", "jinja2")


def record(verdict: Verdict) -> list[tuple[str, list[tuple[str, str]]]]:
    """Give all facts by group: name and value."""
    groups: dict[str, dict[str, object]] = {
        "record_file": _file(verdict),
        "record_scan": _scan(verdict),
        "record_model": _model(verdict),
        "record_tools": {
            "scanned_with": f"{verdict.tool.name} {verdict.tool.version}" if verdict.tool else None,
            "decoder": verdict.probe.decoder,
            "schema": verdict.stored_schema or SCHEMA,
            "page_made_with": made_with(),
        },
    }
    return [
        (say(group), [(say(name), str(value)) for name, value in facts.items() if value not in (None, "")])
        for group, facts in groups.items()
    ]


def _file(verdict: Verdict) -> dict[str, object]:
    probe = verdict.probe
    return {
        "path": verdict.input.path,
        "sha256": verdict.input.sha256,
        "bytes": None if verdict.input.bytes is None else say_number("bytes_value", verdict.input.bytes),
        "kind": probe.kind,
        "container": probe.container,
        "codec": probe.codec,
        "pixel_format": probe.pixel_format,
        "dimensions": _filled("dimensions_value", width=probe.width, height=probe.height),
        "pixel_shape": _filled("pixel_shape_value", ratio=probe.sample_aspect_ratio),
        "not_looked_at": "; ".join(probe.not_looked_at or ()),
        "rotation": _filled("rotation_value", degrees=probe.rotation_deg or None),
        "duration": _seconds(probe.duration_s),
        "declared_duration": _seconds(probe.declared_duration_s),
        "frames": _commas(probe.frames),
        "frame_rate": _filled(
            "frame_rate_variable" if probe.variable_frame_rate else "frame_rate_value", rate=probe.frame_rate
        ),
        "sound": say("yes" if probe.has_audio else "no") if verdict.input.probe else None,
        "color_transfer": probe.color_transfer,
        "interlaced": say("yes") if probe.interlaced else None,
    }


def _scan(verdict: Verdict) -> dict[str, object]:
    scores = verdict.scores
    return {
        "status": verdict.status,
        "verdict": verdict.label,
        "score": f"{scores.fake} ({verdict.score_kind})" if scores else None,
        "component_manipulated": scores.manipulated if scores else None,
        "component_generated": scores.generated if scores else None,
        "sampling": verdict.sampling.plan if verdict.sampling else None,
        "sampled": _commas(verdict.sampling.frames) if verdict.sampling else None,
        **_coverage(verdict),
        "detector": verdict.model.detector if verdict.model else None,
        "pooling": _pooling(verdict.model.pooling) if verdict.model else None,
        "timing": _timing(verdict.timing_s),
    }


def _coverage(verdict: Verdict) -> dict[str, object]:
    coverage = verdict.coverage
    if coverage is None or not coverage.duration_s:
        return {}
    return {
        "seen": say("seen_value", share=percent(coverage.seen), length=clock(coverage.duration_s)),
        "with_face": say("with_face_value", share=percent(coverage.with_face)),
    }


def _model(verdict: Verdict) -> dict[str, object]:
    model, limits = verdict.model, verdict.thresholds
    facts: dict[str, object] = {}
    if model:
        facts |= {
            "model_name": model.name,
            "weights": model.weights_sha256,
            "engine": " ".join(filter(None, (model.engine, model.precision))),
            "calibration": model.calibration_id,
            "calibrated_on": model.calibrated_on,
        }
    if limits:
        facts |= {
            "limits_bands": say("limits_value", real=limits.likely_real, fake=limits.likely_fake),
            "operating_point": limits.operating_point,
        }
    return facts


def _filled(key: str, **values: object) -> str | None:
    return None if None in values.values() else say(key, **values)


def _commas(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"


def _seconds(value: float | None) -> str | None:
    if not value:
        return None
    return f"{value:g} s" if value < 60 else f"{clock(value)} ({value:g} s)"


def _pooling(name: str) -> str:
    return say(f"pooling_{name}") if has_text(f"pooling_{name}") else name


def _timing(timing_s: dict[str, float]) -> str | None:
    stages = ", ".join(f"{name} {seconds:g}" for name, seconds in timing_s.items() if name != "total")
    return say("timing_value", total=f"{timing_s['total']:g}", stages=stages or "-") if "total" in timing_s else None


@cache
def made_with() -> str:
    """Name the versions of what makes the pages."""
    return ", ".join(f"{name} {version}" for name, version in versions().items())


@cache
def versions() -> dict[str, str]:
    """Give the versions of what makes the pages, by name."""
    found = {"facewitness": __version__, "Python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
