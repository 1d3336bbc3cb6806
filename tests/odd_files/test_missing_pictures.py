"""Files with sound and no picture for a part of their time: there nothing was looked at, and nobody is absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.evidence.report import render_report
from pipeline.results.coverage import percent
from tests.media_files import SAMPLES, run_ffmpeg
from tests.stored_results import text_of

LATE_MP4 = pytest.param("late.mp4", [(0.0, 5.0)], id="pictures begin after 5 s, MP4")
LATE_MKV = pytest.param("late.mkv", [(0.0, 5.0)], id="pictures begin after 5 s, MKV")
EARLY_MP4 = pytest.param("early.mp4", [(5.0, 10.0)], id="pictures end after 5 s, MP4")
EARLY_MKV = pytest.param("early.mkv", [(5.0, 10.0)], id="pictures end after 5 s, MKV", marks=pytest.mark.slow)
EARLY_TS = pytest.param("early.ts", [(5.0, 10.0)], id="pictures end after 5 s, TS")
EARLY_MOV = pytest.param("early.mov", [(5.0, 10.0)], id="pictures end after 5 s, MOV", marks=pytest.mark.slow)


def with_long_sound(path: Path, sample: str) -> Path:
    """Give a sample of 5 s sound of 10 s; "late" in the name puts the pictures to its end."""
    delay = ["-itsoffset", 5] if path.name.startswith("late") else []
    tone = ["-f", "lavfi", "-i", "sine=d=10"]
    source = SAMPLES / f"{sample}.mp4"
    run_ffmpeg(*tone, *delay, "-i", source, "-map", "1:v", "-map", "0:a", "-c:v", "copy", "-c:a", "aac", path)
    return path


@pytest.mark.parametrize(("name", "spans"), [LATE_MP4, LATE_MKV, EARLY_MP4, EARLY_TS])
def test_no_face_in_half_of_the_time_is_not_enough_to_say_so_of_the_file(scan_few, tmp_path, name, spans):
    verdict = scan_few(with_long_sound(tmp_path / name, "no_face"))
    assert verdict.status == "insufficient_evidence"
    assert verdict.coverage.seen == pytest.approx(0.5, abs=0.02)
    assert [tuple(round(end, 1) for end in span) for span in verdict.coverage.not_looked_at] == spans
    assert not verdict.coverage.not_readable
    assert verdict.message.startswith("no face was found, but only ")


@pytest.mark.parametrize(("name", "spans"), [LATE_MP4, LATE_MKV, EARLY_MKV, EARLY_MOV])
def test_a_verdict_on_half_of_the_time_says_so(scan_few, tmp_path, name, spans):
    verdict = scan_few(with_long_sound(tmp_path / name, "real"))
    assert verdict.label == "likely_real"
    assert [tuple(round(end, 1) for end in span) for span in verdict.coverage.not_looked_at] == spans
    assert verdict.warnings[0].startswith(f"Only {percent(verdict.coverage.seen)} of the file's 10.0 s was seen: ")
    assert f"there is no picture from {spans[0][0]} to {spans[0][1]} s" in verdict.warnings[0]


def test_the_page_of_late_pictures_ends_when_the_file_does(scan_few, tmp_path):
    verdict = scan_few(with_long_sound(tmp_path / "late.mp4", "real"))
    assert verdict.duration_s == pytest.approx(10.0)
    text = text_of(render_report(verdict, None))
    assert "in a video of 0:10.0" in text
    assert "Only 50% of the video was seen." in text
    assert "Not looked at, as there is no picture: 0:00.0 to 0:05.0." in text


@pytest.mark.parametrize("shift_s", [0.0, 0.3])
def test_sound_that_runs_on_for_a_moment_is_no_lack_of_pictures(scan_few, tmp_path, shift_s):
    clip = tmp_path / "clip.mp4"
    tone = ["-f", "lavfi", "-i", "sine=d=5.4"]
    source = SAMPLES / "no_face.mp4"
    run_ffmpeg(*tone, "-itsoffset", shift_s, "-i", source, "-map", "1:v", "-map", "0:a", "-c:v", "copy", clip)
    verdict = scan_few(clip)
    assert (verdict.status, verdict.coverage.seen, verdict.warnings) == ("no_face", 1.0, [])
