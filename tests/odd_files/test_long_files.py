"""Long files of which seconds are forged: those are found, wherever they are, where enough frames are looked at."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from pipeline import Scanner
from pipeline.media import SamplingPlan
from tests.media_files import run_ffmpeg

SAMPLES = Path(__file__).parents[2] / "sample_videos"
FORGED_S = 5

rate = cache(lambda fps: Scanner(plan=SamplingPlan.at_fps(fps)))


def joined(path: Path, before_s: int, forged: bool, after_s: int) -> Path:
    """Join copies of the real sample, and between them the forged one if there is to be any."""
    names = ["real"] * (before_s // 5) + ["manipulated"] * forged + ["real"] * (after_s // 5)
    if path.suffix == ".ts":
        # Parts of a transport stream may be put one after the other.
        parts = {name: path.with_name(f"{name}.ts") for name in set(names)}
        for name, part in parts.items():
            run_ffmpeg("-i", SAMPLES / f"{name}.mp4", "-c", "copy", part)
        names = [str(parts[name]) for name in names]
    else:
        names = [str(SAMPLES / f"{name}.mp4") for name in names]
    playlist = path.with_name("playlist.txt")
    playlist.write_text("".join(f"file '{name}'\n" for name in names), encoding="utf-8")
    run_ffmpeg("-f", "concat", "-safe", 0, "-i", playlist, "-c", "copy", path)
    return path


@pytest.mark.parametrize(
    ("name", "before_s", "after_s", "fps"),
    [
        pytest.param("end.mkv", 50, 0, 2, id="at the end of a minute, MKV"),
        pytest.param("middle.mp4", 60, 60, 2, id="amid two minutes, MP4", marks=pytest.mark.slow),
        pytest.param("start.mov", 0, 120, 1, id="at the start of two minutes, MOV, 1 fps", marks=pytest.mark.slow),
        pytest.param("middle.ts", 20, 20, 2, id="amid 45 seconds, TS", marks=pytest.mark.slow),
        pytest.param("ten.mp4", 395, 200, 2, id="in ten minutes, MP4", marks=pytest.mark.slow),
    ],
)
def test_five_forged_seconds_of_a_long_file_are_found(tmp_path, name, before_s, after_s, fps):
    verdict = rate(fps).scan(joined(tmp_path / name, before_s, True, after_s))
    assert verdict.label == "likely_fake"
    [segment] = verdict.segments
    assert segment.start_s == pytest.approx(before_s, abs=1)
    assert segment.end_s == pytest.approx(before_s + FORGED_S, abs=1)


@pytest.mark.slow
def test_a_long_file_without_any_stays_real(tmp_path):
    verdict = rate(2).scan(joined(tmp_path / "real.mp4", 60, False, 0))
    assert (verdict.label, verdict.segments) == ("likely_real", [])
