"""Streams whose bytes were changed: what could not be read is not called "no face"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.results.coverage import percent
from pipeline.results.summary import Summary
from tests.media_files import SAMPLES, change_packets, sample_clip

ENCODERS = {
    "mkv": ["-c:v", "libx264", "-preset", "veryfast", "-g", 20],
    "ts": ["-c:v", "libx264", "-preset", "veryfast", "-g", 20],
    "mp4": ["-c:v", "libx264", "-preset", "veryfast", "-g", 250],
    "hevc.mp4": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=20"],
    "intra.mp4": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=1"],
    "webm": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", 8, "-b:v", "300k", "-g", 20],
    "avi": ["-c:v", "mpeg4", "-q:v", 5, "-g", 20],
    "mpg": ["-c:v", "mpeg2video", "-q:v", 5, "-g", 20],
    "mjpeg.avi": ["-c:v", "mjpeg", "-q:v", 5],
}

SLOW_KINDS = ("ts", "hevc.mp4", "avi")

Make = Callable[[str, str, str], Path]


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes 2.4 s of a sample, of whose packets bytes are changed: one in so many, an expression of ffmpeg's."""
    folder = tmp_path_factory.mktemp("damaged")

    def make(sample: str, kind: str, one_in: str) -> Path:
        whole = folder / f"{sample}.{kind}"
        if not whole.exists():
            sample_clip(whole, sample, ENCODERS[kind])
        return change_packets(whole, folder / f"changed-{len(list(folder.iterdir()))}.{kind}", one_in)

    return make


@pytest.mark.parametrize(
    ("sample", "kind", "one_in"),
    [
        pytest.param("real", "mp4", "200", id="a face in H.264, MP4, one key frame, 1 byte in 200"),
        pytest.param("real", "mkv", "1000", id="a face in H.264, MKV, 1 byte in 1000", marks=pytest.mark.slow),
        pytest.param("no_face", "mkv", "4000", id="no face in H.264, MKV, 1 byte in 4000"),
        pytest.param("no_face", "ts", "200", id="no face in H.264, TS, 1 byte in 200", marks=pytest.mark.slow),
        pytest.param("no_face", "hevc.mp4", "200", id="no face in HEVC, MP4, 1 byte in 200"),
        pytest.param("no_face", "webm", "200", id="no face in VP9, WebM, 1 byte in 200"),
        pytest.param("no_face", "avi", "1000", id="no face in MPEG-4, AVI, 1 byte in 1000"),
        pytest.param("no_face", "mpg", "1000", id="no face in MPEG-2, MPG, 1 byte in 1000", marks=pytest.mark.slow),
        pytest.param("no_face", "mjpeg.avi", "200", id="no face in Motion JPEG, AVI, 1 byte in 200"),
        pytest.param("no_face", "mkv", "if(lt(n,20),100,0)", id="no face, the first GOP of three alone"),
        pytest.param(
            "no_face", "mkv", "if(gt(n,39),100,0)", id="no face, the last GOP of three alone", marks=pytest.mark.slow
        ),
    ],
)
def test_what_could_not_be_read_is_no_absence_of_faces(scan_few, damaged, sample, kind, one_in):
    verdict = scan_few(damaged(sample, kind, one_in))
    if "lt" in one_in or "gt" in one_in:
        assert verdict.status == "no_face"
        assert 0.6 < verdict.coverage.seen < 0.75
        ((start_s, end_s),) = verdict.coverage.not_readable
        first_s = 0.0 if "lt" in one_in else 1.6
        assert (start_s, end_s) == (pytest.approx(first_s, abs=0.15), pytest.approx(first_s + 0.8, abs=0.15))
        assert any(warning.startswith("Only 6") and "could not be read" in warning for warning in verdict.warnings)
    else:
        assert verdict.status in ("undecodable", "insufficient_evidence")
        assert verdict.coverage.seen < 0.6
        assert verdict.message
        assert verdict.coverage.not_readable


def test_nothing_readable_is_undecodable_in_a_sentence_that_names_the_file(scan_few, damaged):
    path = damaged("no_face", "mkv", "200")
    verdict = scan_few(path)
    assert (verdict.status, verdict.coverage.seen, verdict.tracks) == ("undecodable", 0.0, [])
    assert verdict.message == f"'{path}' is damaged: not one of the frames that were looked at could be read."


@pytest.mark.parametrize(
    ("kind", "whole"),
    [
        pytest.param("mjpeg.avi", 5, id="1 of 8 frames, Motion JPEG, AVI"),
        pytest.param("mjpeg.avi", 12, id="2 of 8 frames, Motion JPEG, AVI"),
        pytest.param("intra.mp4", 12, id="2 of 8 frames, HEVC, MP4"),
    ],
)
def test_a_verdict_does_not_rest_on_a_few_frames_of_a_broken_file(scan_few, damaged, kind, whole):
    verdict = scan_few(damaged("real", kind, f"if(gt(n,{whole}),2,0)"))
    assert verdict.status == "insufficient_evidence"
    assert verdict.coverage.seen < 0.25
    assert verdict.message == f"only {percent(verdict.coverage.readable)} of the pictures could be read"


def test_a_verdict_on_faces_in_damaged_pictures_says_so(scan_few, damaged):
    verdict = scan_few(damaged("real", "mpg", "if(lt(n,20),0,20000)"))
    assert verdict.status == "ok"
    assert verdict.coverage.damaged
    assert not verdict.coverage.not_readable
    assert any("in damaged pictures" in warning for warning in verdict.warnings)


def test_half_of_a_clip_gives_a_verdict_that_says_how_much(scan_few, tmp_path):
    half = change_packets(SAMPLES / "real.mp4", tmp_path / "half.mp4", "if(gt(n,62),3,0)")
    verdict = scan_few(half)
    assert (verdict.status, verdict.label) == ("ok", "likely_real")
    assert 0.4 < verdict.coverage.seen < 0.65
    summary = Summary.of(verdict)
    assert summary.seen == verdict.coverage.seen
    assert f"Only {percent(summary.seen)} of the file's 5.0 s was seen" in summary.note


@pytest.mark.parametrize("kind", ["mkv", *(pytest.param(kind, marks=pytest.mark.slow) for kind in SLOW_KINDS)])
def test_a_whole_clip_is_seen_whole(scan_few, tmp_path, kind):
    verdict = scan_few(sample_clip(tmp_path / f"clip.{kind}", "no_face", ENCODERS[kind]))
    assert (verdict.status, verdict.coverage.seen, verdict.warnings) == ("no_face", 1.0, [])
    assert verdict.coverage.unseen == ()
