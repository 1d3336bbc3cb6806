from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media.sampling import MAX_COUNT, SamplingPlan

intervals_s = st.lists(st.floats(1e-3, 10.0), min_size=1, max_size=200)
counts = st.integers(1, 64)


def timeline(intervals: list[float], start_s: float = 0.0) -> tuple[np.ndarray, float]:
    """Presentation times of frames that are shown for these intervals, and the end of the last."""
    edges = start_s + np.concatenate([[0.0], np.cumsum(intervals)])
    return edges[:-1], float(edges[-1])


@given(intervals_s, counts, st.floats(-5, 5))
def test_spread_gives_distinct_frames_in_order_and_as_many_as_there_are(intervals, count, start_s):
    times_s, end_s = timeline(intervals, start_s)
    chosen = SamplingPlan.spread(count).choose(times_s, end_s)
    assert len(chosen) == min(count, len(times_s))
    assert (np.diff(chosen) > 0).all()
    assert chosen[0] >= 0
    assert chosen[-1] < len(times_s)


@given(st.integers(2, 400), counts)
def test_spread_takes_what_is_on_screen_in_the_middle_of_each_slice(frames, count):
    times_s, end_s = timeline([0.04] * frames)
    chosen = SamplingPlan.spread(count).choose(times_s, end_s)
    if frames > count:
        centres = (np.arange(count) + 0.5) * end_s / count
        assert (times_s[chosen] <= centres + 1e-9).all()
        assert (centres <= times_s[chosen] + 0.04 + 1e-9).all()


def test_spread_follows_time_where_the_frame_rate_varies():
    times_s, end_s = timeline([1.0] * 5 + [0.01] * 500)
    chosen = SamplingPlan.spread(10).choose(times_s, end_s)
    assert (times_s[chosen] < 5).sum() == 5


def test_spread_moves_on_where_slices_share_a_frame():
    times_s, end_s = timeline([0.2, *[0.1] * 20])
    assert SamplingPlan.spread(20).choose(times_s, end_s)[:4].tolist() == [0, 1, 2, 3]


def test_spread_takes_a_held_frame_once_and_the_others_evenly_from_the_rest():
    times_s, end_s = timeline([*[0.04] * 50, 60.0, *[0.04] * 150, 30.0, *[0.04] * 100])
    chosen = SamplingPlan.spread(32).choose(times_s, end_s)
    assert np.isin([50, 201], chosen).all()
    others = chosen[~np.isin(chosen, [50, 201])]
    assert len(others) == 30
    assert set(np.diff(others)) <= {9, 10, 11}, "300 others, of which every tenth is taken"


def test_spread_keeps_a_held_frame_though_one_beside_it_is_cheaper():
    times_s, end_s = timeline([*[0.04] * 100, 60.0, *[0.04] * 100])
    cheaper = np.arange(1, 201, 2)
    chosen = SamplingPlan.spread(20, 0.45).choose(times_s, end_s, [cheaper])
    assert 100 in chosen
    assert np.isin(chosen[chosen != 100], cheaper).all()


@given(intervals_s, counts)
def test_spread_leaves_out_no_frame_that_is_shown_for_long(intervals, count):
    times_s, end_s = timeline(intervals)
    missed = np.setdiff1d(np.arange(len(intervals)), SamplingPlan.spread(count).choose(times_s, end_s))
    assert np.max(np.array(intervals)[missed], initial=0.0) <= 3 * end_s / count


@given(st.integers(1, 400), st.sampled_from([24.0, 25.0, 30000 / 1001, 60.0]), st.floats(0.1, 100.0))
def test_rate_takes_one_frame_per_tick(frames, frame_rate, fps):
    times_s = np.arange(frames) / frame_rate
    chosen = SamplingPlan.at_fps(fps).choose(times_s, frames / frame_rate)
    assert chosen[0] == 0
    assert (np.diff(chosen) > 0).all()
    assert len(chosen) <= frames / frame_rate * fps + 2
    if fps >= frame_rate:
        assert len(chosen) == frames
    else:
        # The grid of frames shifts each by less than a frame.
        assert np.abs(np.diff(times_s[chosen]) - 1 / fps).max(initial=0) < 1 / frame_rate + 1e-3 / fps + 1e-9


def test_rate_that_divides_the_frame_rate_is_exact():
    times_s = np.arange(300) / 30
    assert SamplingPlan.at_fps(10).choose(times_s, 10.0).tolist() == list(range(0, 300, 3))


def test_rate_takes_what_is_on_screen_where_no_frame_starts_for_a_whole_tick():
    times_s, end_s = timeline([0.1, 5.0, 0.1, 0.1])
    assert SamplingPlan.at_fps(1).choose(times_s, end_s).tolist() == [0, 1, 2]
    assert SamplingPlan.at_fps(0.2).choose(times_s, end_s).tolist() == [0, 2]
    held_to_the_end, end_s = timeline([0.1, 0.1, 5.0])
    assert SamplingPlan.at_fps(1).choose(held_to_the_end, end_s).tolist() == [0, 2]


def test_every_frame():
    times_s, end_s = timeline([0.1] * 7)
    assert SamplingPlan.every_frame().choose(times_s, end_s).tolist() == list(range(7))


@pytest.mark.parametrize("plan", [SamplingPlan.spread(4), SamplingPlan.at_fps(2), SamplingPlan.every_frame()])
def test_no_frames(plan):
    assert plan.choose(np.empty(0), 0.0).tolist() == []


@pytest.mark.parametrize("count", [0, -1, MAX_COUNT + 1])
def test_count_out_of_bounds(count):
    with pytest.raises(ValueError, match="spread"):
        SamplingPlan.spread(count)


@pytest.mark.parametrize("fps", [0, -1.0, float("nan"), float("inf")])
def test_rate_out_of_bounds(fps):
    with pytest.raises(ValueError, match="per second"):
        SamplingPlan.at_fps(fps)


def test_not_both():
    with pytest.raises(ValueError, match="not both"):
        SamplingPlan(count=3, fps=1.0)


def test_words():
    assert str(SamplingPlan.spread()) == "32 evenly spread frames"
    assert str(SamplingPlan.spread(8, 0.45)) == "8 evenly spread frames, or cheaper ones near them"
    assert str(SamplingPlan.at_fps(2)) == "2 frames per second"
    assert str(SamplingPlan.spread(1, 0.45)) == "1 evenly spread frame, or a cheaper one near it"
    assert str(SamplingPlan.at_fps(1)) == "1 frame per second"
    assert str(SamplingPlan.at_times([1.0])) == "1 chosen frame"
    assert str(SamplingPlan.every_frame()) == "every frame"


def test_spread_prefers_cheaper_frames_that_are_near():
    times_s, anchors = np.arange(300) / 30, np.arange(0, 300, 4)
    exact = SamplingPlan.spread(32).choose(times_s, 10.0)
    near = SamplingPlan.spread(32, tolerance=0.25).choose(times_s, 10.0, [anchors])
    assert np.isin(near, anchors).all()
    assert np.abs(near - exact).max() == 2
    # Of anchors every half second only some lie within a quarter of a slice.
    rare = SamplingPlan.spread(32, tolerance=0.25).choose(times_s, 10.0, [anchors[::4]])
    assert 5 < np.isin(rare, anchors[::4]).sum() < 32
    assert np.abs(rare - exact).max() <= 2
    both = SamplingPlan.spread(32, tolerance=0.25).choose(times_s, 10.0, [anchors[::4], anchors])
    assert both.tolist() == np.where(np.isin(rare, anchors[::4]), rare, near).tolist()


def test_spread_takes_exact_frames_without_tolerance_or_cheaper_ones():
    times_s, anchors = np.arange(300) / 30, np.arange(0, 300, 4)
    exact = SamplingPlan.spread(32).choose(times_s, 10.0).tolist()
    assert SamplingPlan.spread(32).choose(times_s, 10.0, [anchors]).tolist() == exact
    assert SamplingPlan.spread(32, tolerance=0.25).choose(times_s, 10.0).tolist() == exact


@given(intervals_s, counts, st.floats(0, 0.49), st.integers(1, 9))
def test_spread_gives_as_many_distinct_frames_whatever_is_cheaper(intervals, count, tolerance, step):
    times_s, end_s = timeline(intervals)
    chosen = SamplingPlan.spread(count, tolerance).choose(times_s, end_s, [np.arange(0, len(times_s), step)])
    assert len(chosen) == min(count, len(times_s))
    assert (np.diff(chosen) > 0).all()


@pytest.mark.parametrize("tolerance", [-0.1, 0.5])
def test_impossible_tolerance(tolerance):
    with pytest.raises(ValueError, match="tolerance"):
        SamplingPlan.spread(32, tolerance)
