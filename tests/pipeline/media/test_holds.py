"""How long the frames that are looked at stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media.holds import HOLD, shares
from pipeline.media.sampling import SamplingPlan

intervals_s = st.lists(st.floats(1e-3, 10.0), min_size=1, max_size=200)
plans = st.sampled_from(
    [
        SamplingPlan.spread(8),
        SamplingPlan.spread(32, 0.45),
        SamplingPlan.at_fps(2),
        SamplingPlan.at_fps(25),
        SamplingPlan.every_frame(),
    ]
)


def shares_of(intervals: list[float], plan: SamplingPlan) -> tuple[np.ndarray, np.ndarray]:
    """The frames that a plan takes, and the seconds that each stands for."""
    times_s, end_s = np.cumsum([0.0, *intervals])[:-1], float(np.sum(intervals))
    chosen = plan.choose(times_s, end_s)
    return chosen, shares(np.diff(times_s, append=end_s), chosen)


@given(intervals_s, plans)
def test_together_the_frames_stand_for_all_of_the_video(intervals, plan):
    _, shares_s = shares_of(intervals, plan)
    assert shares_s.sum() == pytest.approx(sum(intervals))


@given(intervals_s, plans)
def test_a_frame_stands_for_as_long_as_it_is_shown_or_for_as_long_as_the_others(intervals, plan):
    chosen, shares_s = shares_of(intervals, plan)
    is_held = shares_s > shares_s.min()
    np.testing.assert_allclose(shares_s[is_held], np.array(intervals)[chosen][is_held], rtol=1e-9)


@pytest.mark.parametrize("frame_rate", [24.0, 25.0, 30000 / 1001, 60.0])
@pytest.mark.parametrize("plan", [SamplingPlan.spread(32), SamplingPlan.at_fps(2), SamplingPlan.every_frame()], ids=str)
def test_at_a_constant_rate_all_stand_for_exactly_the_same(frame_rate, plan):
    _, shares_s = shares_of([1 / frame_rate] * 700, plan)
    assert len(set(shares_s.tolist())) == 1


@pytest.mark.parametrize(
    "plan", [SamplingPlan.spread(32, 0.45), SamplingPlan.at_fps(2), SamplingPlan.every_frame()], ids=str
)
def test_clocks_of_whole_milliseconds_and_dropped_frames_make_no_difference(plan):
    """Scores of such clips are means over frames that weigh alike, to the last digit."""
    clock = np.diff(np.round(np.arange(701) * 1000 / 29.97)) / 1000
    clock[::40] *= 2
    _, shares_s = shares_of(clock.tolist(), plan)
    assert len(set(shares_s.tolist())) == 1


@pytest.mark.parametrize("plan", [SamplingPlan.spread(32), SamplingPlan.at_fps(2), SamplingPlan.every_frame()], ids=str)
@pytest.mark.parametrize("place", [0, 77, 199])
def test_a_minute_on_screen_stands_for_a_minute(plan, place):
    intervals = [0.04] * 200
    intervals[place] = 60.0
    chosen, shares_s = shares_of(intervals, plan)
    assert shares_s[chosen == place] == pytest.approx([60.0])
    assert len(set(shares_s[chosen != place].tolist())) == 1


def test_gaps_of_a_variable_rate_are_no_holds():
    """Some frames are shown for longer than their slice of the clip, none for long."""
    intervals = [0.04, 0.08, 0.04, 0.2, 0.04, 0.16, 0.04, 0.04] * 10
    _, shares_s = shares_of(intervals, SamplingPlan.spread(50))
    assert max(intervals) > sum(intervals) / 50
    assert len(set(shares_s.tolist())) == 1


def test_slides_and_their_transitions_stand_for_their_time():
    """Slides of little more than their slices are told from transitions all the same."""
    intervals = [2.8, *[0.04] * 5] * 20
    chosen, shares_s = shares_of(intervals, SamplingPlan.spread(32))
    assert shares_s[chosen % 6 == 0] == pytest.approx([2.8] * 20)
    assert shares_s[chosen % 6 != 0].sum() == pytest.approx(20 * 5 * 0.04)
    assert shares_s.max() > HOLD * shares_s.min()


@pytest.mark.parametrize("short", [0.01, 0.039])
def test_a_last_frame_that_is_cut_short_makes_no_holds_of_the_others(short):
    intervals = [*[0.04] * 10, 4.0, *[0.041] * 10, short]
    _, shares_s = shares_of(intervals, SamplingPlan.every_frame())
    assert np.flatnonzero(shares_s > shares_s.min()).tolist() == [10]
    assert shares_s.sum() == pytest.approx(sum(intervals))


def test_nothing_stands_for_nothing():
    assert shares(np.array([0.0]), np.array([0])).tolist() == [0.0]
    assert shares(np.empty(0), np.empty(0, np.int64)).tolist() == []
