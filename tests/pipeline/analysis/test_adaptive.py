"""Adaptive sampling: which frames are asked for next, and when it is enough."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import Scanner
from pipeline.analysis.adaptive import DOUBT, FEWEST, REFINEMENT_FRAMES, doubted, rounds
from pipeline.analysis.aggregate import Evidence, weigh
from pipeline.media.holds import Hold
from pipeline.results.schema import schema
from tests.evidence import IDENTITY, THRESHOLDS, track
from tests.media_files import run_ffmpeg

SAMPLES = Path(__file__).parents[3] / "sample_videos"
TIMES = np.arange(32) / 3
MOVING = np.zeros(32, bool)


def judged(logits: np.ndarray):
    """What a track with these logits says, and with those moved by some standard errors."""

    def judge(errors: float) -> Evidence | None:
        return weigh(doubted([track(logits)], errors), len(logits), IDENTITY, THRESHOLDS)

    return judge


STEADY = np.tile([[-4.0, -8.0]], (32, 1))
DIVIDED = np.stack([np.tile([4.0, -4.0], 16), np.full(32, -8.0)], axis=1)


def test_a_steady_verdict_is_settled_by_a_quarter_of_the_frames():
    (first,) = rounds(TIMES, MOVING, judged(STEADY), THRESHOLDS)
    assert len(first) == 8
    assert set(np.diff(first).round(6)) == {round(4 / 3, 6)}


@pytest.mark.parametrize("settled", [-4.0, 0.0, 4.0])
def test_any_of_the_three_verdicts_can_be_settled(settled):
    logits = np.tile([[settled, -8.0]], (32, 1))
    assert len(list(rounds(TIMES, MOVING, judged(logits), THRESHOLDS))) == 1


def test_frames_that_disagree_are_looked_at_in_full_and_closer():
    *planned, closer = rounds(TIMES, MOVING, judged(DIVIDED), THRESHOLDS)
    assert sorted(np.concatenate(planned)) == sorted(TIMES)
    assert len(closer) == REFINEMENT_FRAMES


def test_where_no_forgery_is_possible_nothing_is_looked_at_closer():
    """What is open is whether the face is real: the frames that score highest cannot say so."""
    logits = DIVIDED - [[1.5, 0.0]]
    low, high = (judged(logits)(errors).scores.fake for errors in (-DOUBT, DOUBT))
    assert low <= THRESHOLDS.likely_real < high < THRESHOLDS.likely_fake
    planned = list(rounds(TIMES, MOVING, judged(logits), THRESHOLDS))
    assert sorted(np.concatenate(planned)) == sorted(TIMES)


def test_what_is_held_is_looked_at_first():
    held = np.isin(np.arange(32), [0, 13, 31])
    first, *others = rounds(TIMES, held, judged(DIVIDED), THRESHOLDS)
    assert np.isin(TIMES[held], first).all()
    assert (np.diff(first) > 0).all()
    assert len(first) == 3 + 7
    assert sorted(np.concatenate([first, *others[:2]])) == sorted(TIMES)


def test_of_what_is_held_nothing_is_left_to_doubt():
    rows = np.concatenate([DIVIDED[:16], [[9.0, -8.0]]])
    [moved] = doubted([track(rows, holds={16: Hold(100.0, 48.0)})], 2.0)
    error = DIVIDED[:16, 0].std(ddof=1) / np.sqrt(16)
    assert moved.observations[16].logits[0] == pytest.approx(9.0 + 2 * error * 16 / 64, abs=1e-5)
    assert doubted([track([[1.0, -8.0]], holds={0: Hold(9.0, 9.0)})], 2.0)[0].observations[0].logits[0] == 1.0


def test_without_a_face_every_frame_is_looked_at_and_none_closer():
    looked_at = list(rounds(TIMES, MOVING, lambda errors: None, THRESHOLDS))
    assert sorted(np.concatenate(looked_at)) == sorted(TIMES)


def test_a_closer_look_is_at_the_stretch_that_scores_highest():
    logits = DIVIDED.copy()
    logits[20:28, 0] += 3
    *_, closer = rounds(np.arange(32.0), MOVING, judged(logits), THRESHOLDS)
    assert 18 <= closer.min() < closer.max() <= 29


def test_somebody_who_was_seen_too_seldom_to_count_keeps_the_verdict_open():
    """One who is there for a quarter of the time is in two of the first eight frames."""

    def judge(errors: float) -> Evidence | None:
        return weigh(doubted([track(STEADY), track(DIVIDED[:2] + 6, track_id=2)], errors), 8, IDENTITY, THRESHOLDS)

    assert len(list(rounds(TIMES, MOVING, judge, THRESHOLDS))) == 3


@given(st.integers(1, 100), st.integers(0, 4))
def test_rounds_never_ask_for_a_frame_of_the_plan_twice(count, settled_after):
    times_s = np.arange(count) * 0.4
    asked = 0

    def judge(errors: float) -> Evidence | None:
        return judged(STEADY if asked > settled_after else DIVIDED)(errors)

    seen = []
    for times in rounds(times_s, np.zeros(count, bool), judge, THRESHOLDS):
        asked += 1
        seen += [time for time in times if time in times_s] if asked <= 3 else []
    assert len(seen) == len(set(seen))
    assert set(seen) <= set(times_s)
    if count < FEWEST or settled_after >= 3:
        assert sorted(seen) == sorted(times_s)


def test_doubt_moves_every_track_by_the_error_of_its_mean():
    tracks = [track(DIVIDED), track(STEADY, track_id=2)]
    low, high = doubted(tracks, -2.0), doubted(tracks, 2.0)
    error = DIVIDED[:, 0].std(ddof=1) / np.sqrt(32)
    for moved, sign in ((low, -1), (high, 1)):
        assert moved[0].observations[5].logits[0] == pytest.approx(DIVIDED[5, 0] + sign * 2 * error, abs=1e-5)
        assert moved[1].observations[5].logits[0] == pytest.approx(-4.0)
    assert tracks[0].observations[5].logits[0] == DIVIDED[5, 0]


@pytest.fixture(scope="module")
def scanners() -> tuple[Scanner, Scanner]:
    return Scanner(), Scanner(adaptive=True)


@pytest.mark.parametrize("name", ["real.mp4", "two_people.mp4", "variable_rate.mp4", "no_face.mp4"])
def test_an_adaptive_scan_says_what_a_full_one_says(scanners, name):
    full, adaptive = (scanner.scan(SAMPLES / name) for scanner in scanners)
    assert (adaptive.status, adaptive.label) == (full.status, full.label)
    sampling = adaptive.to_json()["sampling"]
    assert sampling["plan"].startswith("adaptively, of 32 evenly spread frames")
    assert sum(sampling["rounds"]) == sampling["frames"]
    assert "rounds" not in full.to_json()["sampling"]
    jsonschema.validate(adaptive.to_json(), schema())


def test_an_adaptive_scan_looks_at_fewer_frames(scanners):
    verdict = scanners[1].scan(SAMPLES / "two_people.mp4")
    times = {o.time_s for item in verdict.tracks for o in item.track.observations}
    assert verdict.sampling.frames < 32
    assert max(times) - min(times) > 0.6 * verdict.input.probe.duration_s


def test_frames_that_are_sought_one_by_one_are_decoded_round_by_round(scanners, tmp_path):
    """In a long clip each frame is decoded for itself."""
    clip = tmp_path / "long.mp4"
    run_ffmpeg("-stream_loop", "59", "-i", SAMPLES / "real.mp4", "-c", "copy", "-an", clip)
    full, adaptive = (scanner.scan(clip) for scanner in scanners)
    assert full.sampling.frames == 32
    assert adaptive.sampling.frames < 32
    assert adaptive.label == full.label


def test_no_frame_is_looked_at_twice(tmp_path):
    """A closer look at a clip of few frames meets those that were seen before."""
    clip = tmp_path / "short.mp4"
    run_ffmpeg("-i", SAMPLES / "two_people.mp4", "-frames:v", "20", clip)
    verdict = Scanner(adaptive=True).scan(clip)
    for item in verdict.tracks:
        times = [o.time_s for o in item.track.observations]
        assert times == sorted(set(times))
    assert verdict.sampling.frames <= 20
