"""From the logits of many crops to the score of a person and of a file."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from classifiers.calibration import Calibration, Isotonic, Platt, Thresholds, sigmoid
from pipeline.analysis.aggregate import MIN_OBSERVATIONS, MIN_QUALITY, POOLINGS, Evidence, weigh
from pipeline.analysis.tracks import Track
from pipeline.media.holds import Hold
from tests.evidence import IDENTITY, track

STRONG = 0.8
THRESHOLDS = Thresholds(STRONG, 0.2, "made up for tests")


def weighed(*tracks: Track, sampled_frames: int = 32, pooling: str = "track_max") -> Evidence:
    return weigh(tracks, sampled_frames, IDENTITY, THRESHOLDS, pooling)


def manipulated(*logits: float) -> list[tuple[float, float]]:
    """Logits of crops that show no sign of having been generated."""
    return [(logit, -20.0) for logit in logits]


logit_rows = st.tuples(st.floats(-8, 8), st.floats(-8, 8))
# Shorter than two windows: the mean of the whole track is all there is.
short_tracks = st.lists(logit_rows, min_size=MIN_OBSERVATIONS, max_size=15)
any_tracks = st.lists(logit_rows, min_size=MIN_OBSERVATIONS, max_size=40)


@given(short_tracks, st.lists(st.floats(0.2, 1), min_size=15, max_size=15))
def test_components_of_a_short_track_lie_between_those_of_its_observations(rows, qualities):
    [item] = weighed(track(rows, qualities[: len(rows)])).tracks
    for column, score in enumerate((item.scores.manipulated, item.scores.generated)):
        chances = [sigmoid(row[column]) for row in rows]
        assert min(chances) - 1e-6 <= score <= max(chances) + 1e-6
    assert item.scores.fake <= max(o.score for o in item.track.observations) + 1e-6


@given(any_tracks)
def test_score_of_a_track_is_at_least_that_of_its_mean_logits(rows):
    [item] = weighed(track(rows)).tracks
    assert item.scores.fake >= IDENTITY.scores(*np.mean(rows, axis=0)).fake - 1e-6


@given(any_tracks, any_tracks.map(lambda rows: [(-abs(a) - 8, -abs(b) - 8) for a, b in rows]))
def test_real_bystander_does_not_lower_the_score_of_the_file(rows, bystander):
    alone = weighed(track(rows)).scores
    assert weighed(track(rows), track(bystander, track_id=2)).scores == alone
    assert weighed(track(bystander), track(rows, track_id=2)).scores == alone


def test_most_suspicious_person_decides():
    evidence = weighed(track(manipulated(*[-2] * 5)), track(manipulated(*[3] * 5), track_id=2))
    assert evidence.scores.fake == pytest.approx(sigmoid(3))
    assert [item.scores.fake for item in evidence.tracks] == pytest.approx([sigmoid(-2), sigmoid(3)])


def test_scores_are_calibrated():
    calibration = Calibration("", "", Platt(2, 1), Platt(0.5, -1), Platt(0.9, -0.2))
    evidence = weigh([track([(0.5, -60.0)] * 4)], 32, calibration, THRESHOLDS)
    assert evidence.scores.manipulated == pytest.approx(sigmoid(2))
    assert evidence.scores.generated == pytest.approx(sigmoid(-31))
    assert evidence.scores.fake == pytest.approx(sigmoid(0.9 * 2 - 0.2))
    assert [o.score for o in evidence.tracks[0].track.observations] == pytest.approx([evidence.scores.fake] * 4)


def test_better_observations_weigh_more():
    [item] = weighed(track(manipulated(0, 4, 0, 4), quality=[0.9, 0.3, 0.9, 0.3])).tracks
    assert item.scores.fake == pytest.approx(sigmoid(1))


@pytest.mark.parametrize("arrangement", ["alternating", "in one stretch"])
@pytest.mark.parametrize("worthless_logit", [9.0, -9.0])
def test_observations_without_quality_decide_nothing(arrangement, worthless_logit):
    worthless = [False, True] * 20 if arrangement == "alternating" else [False] * 20 + [True] * 20
    logits = [worthless_logit if bad else 0.5 for bad in worthless]
    evidence = weighed(track(manipulated(*logits), quality=[0.0 if bad else 1.0 for bad in worthless]))
    assert evidence.scores.fake == pytest.approx(sigmoid(0.5), abs=0.01)
    assert evidence.segments == []


def test_too_few_observations_are_no_evidence():
    seen_twice = track(manipulated(*[6] * (MIN_OBSERVATIONS - 1)))
    evidence = weighed(seen_twice)
    assert evidence.scores is None and evidence.segments == []
    assert [item.supported for item in evidence.tracks] == [False]
    assert evidence.tracks[0].scores.fake > 0.9, "what was seen is told all the same"


def test_file_of_one_frame_needs_one_observation():
    evidence = weighed(track(manipulated(2)), sampled_frames=1)
    assert evidence.scores.fake == pytest.approx(sigmoid(2))


@pytest.mark.parametrize("quality, supported", [(MIN_QUALITY - 0.01, False), (MIN_QUALITY + 0.01, True)])
def test_track_of_bad_faces_is_no_evidence(quality, supported):
    evidence = weighed(track(manipulated(*[3] * 10), quality=quality))
    assert (evidence.scores is not None) == supported
    assert bool(evidence.segments) == supported


def test_no_tracks_are_no_evidence():
    evidence = weighed()
    assert (evidence.scores, evidence.tracks, evidence.segments) == (None, [], [])


def test_unsupported_track_does_not_count():
    passer_by = track(manipulated(9), track_id=2)
    assert weighed(track(manipulated(*[-3] * 9)), passer_by).scores.fake == pytest.approx(sigmoid(-3))


@pytest.mark.parametrize("start", [0, 13, 48])
def test_fake_stretch_of_a_real_video_is_found(start):
    rng = np.random.default_rng(1)
    logits = rng.normal(-3, 0.7, 64)
    logits[start : start + 16] = rng.normal(4, 0.7, 16)
    evidence = weighed(track(manipulated(*logits)))
    [segment] = evidence.segments
    assert segment.track == 1
    assert (segment.start_s, segment.end_s) == (pytest.approx(start, abs=3), pytest.approx(start + 15, abs=3))
    assert segment.score > 0.9
    assert evidence.scores.fake > 0.5 > 0.25 > sigmoid(float(logits.mean()))


def test_segments_are_in_order_of_time_and_name_their_track():
    early, late = manipulated(*[5] * 20, *[-5] * 20), manipulated(*[-5] * 20, *[5] * 20)
    evidence = weighed(track(late), track(early, track_id=2))
    assert [segment.track for segment in evidence.segments] == [2, 1]
    first, second = evidence.segments
    assert first.start_s == 0 and second.end_s == 39
    assert first.end_s < second.start_s


def test_segment_may_be_strong_though_none_of_its_observations_is():
    concave = Isotonic(((-1.0, -10.0), (0.0, 1.0), (1.0, 1.5)))
    calibration = Calibration("", "", concave, concave, Platt(1.0, 0.0))
    alternating = track([(1.0, -1.0), (-1.0, 1.0)] * 4)
    evidence = weigh([alternating], 32, calibration, Thresholds(sigmoid(1.6), 0.2, ""))
    assert max(o.score for o in evidence.tracks[0].track.observations) < sigmoid(1.6) < evidence.scores.fake
    assert [(segment.start_s, segment.end_s) for segment in evidence.segments] == [(0.0, 7.0)]


def test_weak_evidence_gives_no_segment():
    assert weighed(track(manipulated(*[math.log(STRONG / (1 - STRONG)) - 0.1] * 20))).segments == []
    [segment] = weighed(track(manipulated(*[math.log(STRONG / (1 - STRONG)) + 0.1] * 20))).segments
    assert (segment.start_s, segment.end_s) == (0, 19)


def test_score_of_an_honest_video_hardly_grows_with_its_length():
    def mean_excess(length: int) -> float:
        """By how much the logit of a track of pure noise exceeds its mean, over many such tracks."""
        rng = np.random.default_rng(length)
        excess = []
        for logits in rng.normal(-2, 1, (10, length)):
            score = weighed(track(manipulated(*logits))).scores.fake
            excess.append(math.log(score / (1 - score)) - logits.mean())
        return float(np.mean(excess))

    assert mean_excess(16) < 0.05
    assert mean_excess(64) < 0.05
    # A maximum over windows without the confidence bound would exceed it by 1.
    assert mean_excess(1000) < 0.25


@pytest.mark.parametrize("pooling", POOLINGS)
@given(data=st.data())
def test_every_pooling_gives_scores_between_0_and_1(pooling, data):
    rows = data.draw(st.lists(any_tracks, min_size=1, max_size=3))
    evidence = weighed(*(track(logits, track_id=number) for number, logits in enumerate(rows, 1)), pooling=pooling)
    for score in (evidence.scores.fake, evidence.scores.manipulated, evidence.scores.generated):
        assert 0 <= score <= 1


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling_tells_a_fake_from_a_real_person(pooling):
    fake, real = [weighed(track(manipulated(*[logit] * 20)), pooling=pooling).scores.fake for logit in (4, -4)]
    assert fake == pytest.approx(sigmoid(4)) and real == pytest.approx(sigmoid(-4))


@pytest.mark.parametrize(
    "pooling, expected",
    [
        # Two people of four frames each: logits -3, -3, 1, 1 and 0, 2, -2, 4.
        ("track_max", sigmoid(1)),
        ("mean", np.mean([sigmoid(x) for x in (-3, -3, 1, 1, 0, 2, -2, 4)])),
        ("logit_mean", sigmoid(0)),
        ("top_k", sigmoid(3)),
        ("confident", np.mean([sigmoid(x) for x in (-3, -3, 1, 1, 0, 2, -2, 4)])),
        ("frame_max", np.mean([sigmoid(x) for x in (0, 2, 1, 4)])),
    ],
)
def test_poolings_of_a_known_case(pooling, expected):
    people = track(manipulated(-3, -3, 1, 1)), track(manipulated(0, 2, -2, 4), track_id=2)
    assert weighed(*people, pooling=pooling).scores.fake == pytest.approx(expected)


def test_top_k_pooling_keeps_a_quarter_of_the_faces():
    assert weighed(track(manipulated(*range(-6, 6))), pooling="top_k").scores.fake == pytest.approx(sigmoid(4))
    assert weighed(track(manipulated(-3, 1, 2)), pooling="top_k").scores.fake == pytest.approx(sigmoid(2))


@pytest.mark.parametrize(
    "logits, counted",
    [
        ([2] * 12 + [0] * 10, [2] * 12),
        # Many, but not more than eleven; and more than eleven, but not many.
        ([2] * 11 + [0] * 10, [2] * 11 + [0] * 10),
        ([2] * 12 + [0] * 18, [2] * 12 + [0] * 18),
        ([-2] * 19 + [1], [-2] * 19),
        ([-2] * 9 + [1], [-2] * 9 + [1]),
    ],
)
def test_confident_pooling_keeps_the_clear_faces_if_they_are_many(logits, counted):
    score = weighed(track(manipulated(*logits)), pooling="confident").scores.fake
    assert score == pytest.approx(np.mean([sigmoid(x) for x in counted]))


def test_a_closer_look_does_not_pull_the_whole_to_where_it_is():
    few = track(manipulated(*[-2.0] * 8))
    looked_closer = track(manipulated(*[-2.0] * 8, *[3.0] * 6))
    looked_closer.observations[8:] = [replace(o, refinement=True) for o in looked_closer.observations[8:]]
    assert weighed(looked_closer).scores == weighed(few).scores


def test_a_closer_look_shows_a_part_that_the_plan_only_touched():
    planned = manipulated(*[-3.0] * 30, 4.0, 4.0)
    looked_closer = track([*planned, *manipulated(*[4.0] * 12)])
    looked_closer.observations[32:] = [replace(o, refinement=True) for o in looked_closer.observations[32:]]
    assert weighed(looked_closer).scores.fake > weighed(track(planned)).scores.fake + 0.3


@pytest.mark.parametrize("pooling", POOLINGS)
@settings(max_examples=20)
@given(short_tracks, st.integers(0, 14), st.integers(2, 9))
def test_a_held_face_counts_as_often_as_it_would_have_been_seen(pooling, rows, place, weight):
    rows, place = rows[:7], place % len(rows[:7])
    held = track(rows, holds={place: Hold(9.0, float(weight))})
    repeated = track([*rows[:place], *[rows[place]] * weight, *rows[place + 1 :]])
    expected = weighed(repeated, pooling=pooling).scores.fake
    if pooling == "track_max":
        # A longer track is looked at in parts as well.
        expected = IDENTITY.scores(*np.mean([o.logits for o in repeated.observations], axis=0)).fake
    assert weighed(held, pooling=pooling).scores.fake == pytest.approx(expected, abs=1e-6)


def test_a_held_face_of_worth_outweighs_what_else_was_seen():
    rows = manipulated(*[-2] * 20, 3, *[-2] * 11)
    assert weighed(track(rows)).scores.fake < 0.21
    evidence = weighed(track(rows, holds={20: Hold(600.0, 600.0)}))
    assert evidence.scores.fake == pytest.approx(sigmoid(3), abs=0.02)
    assert [(segment.start_s, segment.end_s) for segment in evidence.segments] == [(20.0, 620.0)]


def test_a_held_face_counts_for_its_time_in_a_long_track_as_well():
    """There, three faces are one step, and the part of eight steps around it decides."""
    logits = np.full(96, -2.0)
    logits[40] = 3.0
    [item] = weighed(track(manipulated(*logits), step_s=0.1, holds={40: Hold(95.0, 95.0)})).tracks
    assert item.scores.fake == pytest.approx(sigmoid((95 * 3 - 23 * 2) / 118), abs=0.01)


def test_one_held_face_is_evidence_enough():
    alone = track(manipulated(3), holds={0: Hold(6.0, 3.0)})
    evidence = weighed(alone)
    assert evidence.scores.fake == pytest.approx(sigmoid(3))
    assert [(segment.start_s, segment.end_s) for segment in evidence.segments] == [(0.0, 6.0)]
    assert weighed(track(manipulated(3), holds={0: Hold(5.0, 2.5)})).scores is None


def wandering(steps: int, seed: int) -> np.ndarray:
    """Logits of an honest face twice a second: now and then it looks more suspicious for some seconds."""
    rng = np.random.default_rng(seed)
    slow = lfilter([0.5], [1, -0.85], rng.normal(0, 1, steps + 50))[50:]
    return -2 + 0.8 * slow + rng.normal(0, 0.3, steps)


@pytest.mark.parametrize(
    ("minutes", "start_s"),
    [(0.5, 12), (1, 0), (2, 60), (2, 115), (10, 0), (10, 301.5), (10, 595), (60, 1234)],
)
def test_five_forged_seconds_are_found_in_minutes(minutes, start_s):
    logits = wandering(round(120 * minutes), 1) * 0.25 - 1.5
    first = round(2 * start_s)
    logits[first : first + 10] = np.random.default_rng(2).normal(2.5, 0.3, 10)
    evidence = weighed(track(manipulated(*logits), step_s=0.5))
    [segment] = evidence.segments
    assert (segment.start_s, segment.end_s) == (start_s, start_s + 4.5)
    assert evidence.scores.fake >= STRONG


def test_two_short_forgeries_are_two_segments():
    logits = wandering(600, 1) * 0.25 - 1.5
    logits[100:110] = logits[300:310] = 2.5
    evidence = weighed(track(manipulated(*logits), step_s=0.5))
    assert [(segment.start_s, segment.end_s) for segment in evidence.segments] == [(50, 54.5), (150, 154.5)]


@pytest.mark.parametrize("step_s", [0.04, 0.25, 1.0])
def test_parts_last_some_seconds_at_any_rate(step_s):
    """At one frame a second five forged seconds are five frames."""
    logits = np.random.default_rng(3).normal(-2, 0.3, round(120 / step_s))
    first = round(40 / step_s)
    last = first + round(5 / step_s) - 1
    logits[first : last + 1] = 2.5
    [segment] = weighed(track(manipulated(*logits), step_s=step_s)).segments
    assert (segment.start_s, segment.end_s) == (pytest.approx(first * step_s), pytest.approx(last * step_s))


@pytest.mark.parametrize("minutes", [2, 10, 60])
def test_an_honest_face_does_not_become_fake_by_its_worst_seconds(minutes):
    for seed in range(1 + 10 // minutes):
        logits = wandering(120 * minutes, seed)
        evidence = weighed(track(manipulated(*logits), step_s=0.5))
        worst = np.convolve(logits, np.ones(8) / 8, mode="valid").max()
        assert evidence.scores.fake < sigmoid(float(logits.mean())) + 0.05
        assert sigmoid(worst) > sigmoid(float(logits.mean())) + 0.1, "without a guard it would be higher"
        assert evidence.segments == []


def test_the_more_parts_there_are_the_more_one_must_stand_out():
    def counts(minutes: int, excess: float) -> bool:
        # The same spread at every length, so that only the number of parts differs.
        logits = np.tile(np.repeat(np.random.default_rng(5).normal(-2, 0.5, 30), 8), minutes // 2)
        logits[48:56] = -2 + excess
        return weighed(track(manipulated(*logits), step_s=0.5)).scores.fake > 0.3

    enough = next(excess for excess in np.arange(1.2, 5.0, 0.05) if counts(4, excess))
    assert not counts(60, enough)
    assert counts(60, 1.4 * enough)


def test_many_worthless_seconds_are_no_part():
    logits = np.full(600, -2.0)
    logits[100:120] = 6.0
    quality = np.ones(600)
    quality[100:120] = 0.01
    evidence = weighed(track(manipulated(*logits), quality=quality.tolist(), step_s=0.5))
    assert evidence.segments == []
    assert weighed(track(manipulated(*logits), quality=0.01, step_s=0.5)).scores is None
