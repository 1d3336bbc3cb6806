"""The record of a result: every fact, by group."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata

from pipeline.evidence.report.reading import Reading, printable
from pipeline.evidence.report.texts import clock, has_text, say
from pipeline.version import __version__

_LIBRARIES = ("openvino", "opencv-python-headless", "numpy", "pillow", "jinja2")


def record(reading: Reading) -> list[tuple[str, list[tuple[str, str]]]]:
    """Give all facts by group: name and value."""
    result, probe = reading.result, reading.probe
    model, sampling = result["model"] or {}, result["sampling"] or {}
    groups = {
        "record_file": {
            "path": result["input"]["path"],
            "sha256": result["input"]["sha256"],
            "bytes": _filled("bytes_value", n=_commas(result["input"]["bytes"])),
            "kind": probe.get("kind"),
            "container": probe.get("container"),
            "codec": probe.get("codec"),
            "pixel_format": probe.get("pixel_format"),
            "dimensions": _filled("dimensions_value", width=probe.get("width"), height=probe.get("height")),
            "rotation": _filled("rotation_value", degrees=probe.get("rotation_deg") or None),
            "duration": _seconds(probe.get("duration_s")),
            "declared_duration": _seconds(probe.get("declared_duration_s")),
            "frames": _commas(probe.get("frames")),
            "frame_rate": _filled(
                "frame_rate_variable" if probe.get("variable_frame_rate") else "frame_rate_value",
                rate=probe.get("frame_rate"),
            ),
            "sound": None if not probe else say("yes" if probe.get("has_audio") else "no"),
            "color_transfer": probe.get("color_transfer"),
            "interlaced": say("yes") if probe.get("interlaced") else None,
        },
        "record_scan": {
            "status": result["status"],
            "verdict": result["verdict"],
            "score": None if result["score"] is None else f"{result['score']} ({result['score_kind']})",
            "component_manipulated": result["components"]["manipulated"],
            "component_generated": result["components"]["generated"],
            "sampling": sampling.get("plan"),
            "sampled": _commas(sampling.get("frames")),
            "detector": model.get("detector"),
            "pooling": _pooling(model.get("pooling")),
            "timing": _timing(result["timing_s"]),
        },
        "record_model": {
            "model_name": model.get("name"),
            "weights": model.get("weights_sha256"),
            "engine": " ".join(part for part in (model.get("engine"), model.get("precision")) if part) or None,
            "calibration": model.get("calibration_id"),
            "calibrated_on": model.get("calibrated_on"),
            "limits_bands": _limits(result["thresholds"]),
            "operating_point": (result["thresholds"] or {}).get("operating_point"),
        },
        "record_tools": {
            "scanned_with": " ".join(str(part) for part in (result["tool"] or {}).values()) or None,
            "decoder": probe.get("decoder"),
            "schema": (reading.foreign_schema and printable(reading.foreign_schema)) or result["schema"],
            "page_made_with": made_with(),
        },
    }
    return [
        (say(group), [(say(name), str(value)) for name, value in facts.items() if value not in (None, "")])
        for group, facts in groups.items()
    ]


def _filled(key: str, **values: object) -> str | None:
    return None if None in values.values() else say(key, **values)


def _commas(value: object) -> str | None:
    return f"{value:,}" if isinstance(value, int) else None if value is None else str(value)


def _seconds(value: object) -> str | None:
    if not isinstance(value, int | float) or not value:
        return None
    return f"{value:g} s" if value < 60 else f"{clock(value)} ({value:g} s)"


def _pooling(name: object) -> str | None:
    return say(f"pooling_{name}") if has_text(f"pooling_{name}") else name


def _timing(timing: dict) -> str | None:
    stages = ", ".join(f"{name} {seconds:g}" for name, seconds in timing.items() if name != "total")
    return say("timing_value", total=f"{timing['total']:g}", stages=stages or "-") if "total" in timing else None


def _limits(thresholds: dict | None) -> str | None:
    return thresholds and say("limits_value", real=thresholds["likely_real"], fake=thresholds["likely_fake"])


@cache
def made_with() -> str:
    """Name the versions of what makes the pages."""
    found = [f"facewitness {__version__}", f"Python {platform.python_version()}"]
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)
