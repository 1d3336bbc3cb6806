"""Files in, verdicts out: the whole way with the shipped weights."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path

import cv2
import jsonschema
import psutil
import pytest
from skimage import data

from pipeline import Scanner, Verdict, scan
from pipeline.media.sampling import SamplingPlan
from pipeline.results.parts import TrackEvidence, label_of
from pipeline.results.schema import schema
from tests.media_files import run_ffmpeg

SAMPLES = Path(__file__).parents[3] / "sample_videos"


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(plan=SamplingPlan.spread(16))


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("portrait") / "portrait.png"
    cv2.imwrite(str(path), data.astronaut()[..., ::-1])
    return path


def scanned(scanner: Scanner, path: Path) -> Verdict:
    """Scan a file, as its result is stored and read again."""
    document = json.loads(json.dumps(scanner.scan(path).to_json()))
    jsonschema.validate(document, schema())
    return Verdict.from_json(document)


def judged(verdict: Verdict) -> list[TrackEvidence]:
    return [item for item in verdict.tracks if item.supported]


def test_a_clip_of_one_person_has_one_track_over_its_whole_length(scanner):
    verdict = scanned(scanner, SAMPLES / "real.mp4")
    assert verdict.status == "ok"
    (item,) = judged(verdict)
    assert len(item.track.observations) == 16
    assert item.track.start_s < 0.5
    assert item.track.end_s > verdict.input.probe.duration_s - 0.5


def test_the_manipulated_clip_is_told_from_the_real_one(scanner):
    real, fake = (scanned(scanner, SAMPLES / name) for name in ("real.mp4", "manipulated.mp4"))
    assert (real.label, fake.label) == ("likely_real", "likely_fake")
    assert fake.scores.manipulated > real.scores.manipulated


def test_of_two_people_the_manipulated_one_is_named(scanner):
    verdict = scanned(scanner, SAMPLES / "two_people.mp4")
    assert verdict.label == "likely_fake"
    left, right = sorted(judged(verdict), key=lambda item: item.track.observations[0].face.box[0])
    assert label_of(left.scores.fake, verdict.thresholds) == "likely_fake"
    assert label_of(right.scores.fake, verdict.thresholds) != "likely_fake"
    assert verdict.score == left.scores.fake


def test_whoever_wants_no_more_verdicts_can_go_on_scanning(scanner):
    verdicts = scanner.scan_many([SAMPLES / name for name in ("real.mp4", "no_face.mp4", "two_people.mp4")])
    assert next(verdicts).status == "ok"
    verdicts.close()
    assert scanner.scan(SAMPLES / "real.mp4").status == "ok"


def test_one_file_is_scanned_in_one_line():
    assert scan(SAMPLES / "no_face.mp4", detector="dlib-hog").status == "no_face"


def test_no_face_is_a_status_and_never_a_score(scanner):
    verdict = scanned(scanner, SAMPLES / "no_face.mp4")
    assert (verdict.status, verdict.label, verdict.score) == ("no_face", None, None)
    assert "no face" in verdict.message


@pytest.mark.parametrize("name", ["rotated.mp4", "variable_rate.mp4"])
def test_how_a_clip_is_stored_does_not_change_its_verdict(scanner, name):
    real, other = (scanned(scanner, SAMPLES / clip) for clip in ("real.mp4", name))
    assert (other.status, other.label) == (real.status, real.label)
    (item,) = judged(other)
    # Other pixels of another encoder, sampled at other times.
    assert other.score == pytest.approx(real.score, abs=0.04)
    box, upright = (each.track.observations[0].face.box for each in (item, judged(real)[0]))
    assert box == pytest.approx(upright, abs=0.5 * float(upright[2]))


def test_the_name_of_a_file_does_not_change_its_result(scanner, tmp_path):
    renamed = tmp_path / "deepfake_fake_manipulated.mp4"
    renamed.write_bytes((SAMPLES / "real.mp4").read_bytes())
    documents = [scanned(scanner, path).to_json() for path in (SAMPLES / "real.mp4", renamed)]
    for document in documents:
        del document["timing_s"], document["input"]["path"]
    assert documents[0] == documents[1]


def test_an_image_is_a_video_of_one_frame(scanner, portrait):
    verdict = scanned(scanner, portrait)
    assert verdict.status == "ok"
    assert verdict.sampling.frames == 1
    assert verdict.input.probe.kind == "image"
    assert [len(item.track.observations) for item in judged(verdict)] == [1]


def test_a_video_of_one_frame_gives_the_verdict_of_the_image(scanner, portrait, tmp_path):
    clip = tmp_path / "one.mkv"
    run_ffmpeg("-i", portrait, "-c:v", "ffv1", "-pix_fmt", "bgr0", clip)
    still, video = scanned(scanner, portrait), scanned(scanner, clip)
    assert (video.status, video.label) == ("ok", still.label)
    assert video.score == pytest.approx(still.score, abs=0.02)


def test_a_face_seen_too_briefly_is_insufficient_evidence(scanner, portrait, tmp_path):
    clip = tmp_path / "glimpse.mp4"
    show = "between(t,1.9,2.2)"
    run_ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=512x512:rate=10:duration=5"),
        *("-loop", "1", "-t", "5", "-i", portrait),
        *("-filter_complex", f"[0][1]overlay=enable='{show}'", "-pix_fmt", "yuv420p", clip),
    )
    verdict = scanned(scanner, clip)
    assert (verdict.status, verdict.label) == ("insufficient_evidence", None)
    assert verdict.tracks
    assert "--frames" in verdict.message


def test_a_truncated_clip_gives_a_verdict_and_a_warning(scanner, tmp_path):
    fragmented, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    run_ffmpeg("-i", SAMPLES / "real.mp4", "-c", "copy", fragmented)
    content = fragmented.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    verdict = scanned(scanner, cut)
    assert verdict.status == "ok"
    assert verdict.warnings


def test_a_file_that_may_not_be_read_is_an_error(scanner, tmp_path):
    locked = tmp_path / "locked.mp4"
    locked.write_bytes((SAMPLES / "real.mp4").read_bytes())
    locked.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        # Root may read everything: become somebody else for the time of the scan.
        tmp_path.chmod(0o755)
        os.seteuid(65534)
    try:
        verdict = scanned(scanner, locked)
    finally:
        if is_root:
            os.seteuid(0)
    assert verdict.status == "error"
    assert "locked.mp4" in verdict.message


def test_every_detector_sees_the_same_person(portrait):
    found = []
    for detector in ("mtcnn", "dlib-hog"):
        verdict = scanned(Scanner(detector=detector), portrait)
        assert verdict.model.detector == detector
        most_suspicious = max(verdict.tracks, key=lambda item: item.scores.fake)
        found.append(most_suspicious.track.observations[0].face.landmarks)
    assert found[0] == pytest.approx(found[1], abs=8)


def test_a_large_picture_gets_the_verdict_of_a_small_one(scanner, portrait, tmp_path):
    image = cv2.imread(str(portrait))
    large = tmp_path / "large.png"
    cv2.imwrite(str(large), cv2.resize(image, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC))
    small_one, large_one = scanned(scanner, portrait), scanned(scanner, large)
    assert large_one.status == "ok"
    assert large_one.label == small_one.label
    assert large_one.score == pytest.approx(small_one.score, abs=0.1)


_SCAN = """
import sys
from pipeline import Scanner
verdict = Scanner().scan(sys.argv[1])
assert verdict.status == "ok" and verdict.sampling.frames == 32, verdict
"""


def peak_of_scan(path: Path) -> float:
    """Scan in a process of its own: the most memory that it and its decoder held at a time, in GB.

    Polled as proportional set size: a child that has just been forked shares all of its parent's memory.
    """
    scan = psutil.Popen([sys.executable, "-c", _SCAN, str(path)])
    peak = 0
    while scan.poll() is None:
        total = 0
        for process in [scan, *scan.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += process.memory_full_info().pss
        peak = max(peak, total)
        time.sleep(0.05)
    assert scan.returncode == 0
    return peak / 1e9


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="proportional set size is known on Linux only")
def test_memory_does_not_grow_with_the_length_of_a_video(tmp_path):
    minute, hour = tmp_path / "minute.mp4", tmp_path / "hour.mp4"
    looped = ("-stream_loop", "-1", "-i", SAMPLES / "real.mp4", "-t", "60", "-vf", "scale=1920:1080,setsar=1")
    run_ffmpeg(*looped, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "32", minute)
    run_ffmpeg("-stream_loop", "59", "-i", minute, "-c", "copy", hour)
    peaks = [peak_of_scan(path) for path in (minute, hour)]
    print(f"peak of a minute {peaks[0]:.2f} GB, of an hour {peaks[1]:.2f} GB")
    assert peaks[1] < 1.2
    assert peaks[1] < 1.1 * peaks[0]
