"""The newest picture is kept and no other, and each is said to be due when it was."""

from __future__ import annotations

import itertools
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.live.clock import Clock
from pipeline.live.delays import Delays
from pipeline.live.reader import Newest


def test_a_new_item_takes_the_place_of_one_that_nobody_took():
    newest: Newest[int] = Newest()
    assert [newest.put(number) for number in range(4)] == [None, 0, 1, 2]
    assert newest.take(0) == 3
    assert newest.take(0) is None
    assert newest.put(4) is None


def test_whoever_is_slow_takes_later_items_and_never_an_older_one():
    newest: Newest[int] = Newest()
    put = threading.Thread(target=lambda: [(newest.put(number), time.sleep(0.001)) for number in range(200)])
    put.start()
    taken = []
    while put.is_alive() or not taken:
        if (item := newest.take(0.02)) is not None:
            taken.append(item)
        time.sleep(0.01)
    put.join()
    taken += [item for item in [newest.take(0)] if item is not None]
    assert taken == sorted(set(taken)) and taken[-1] == 199 and len(taken) < 100


def test_waiting_ends_when_an_item_comes():
    newest: Newest[str] = Newest()
    threading.Timer(0.05, newest.put, ["here"]).start()
    assert newest.take(20) == "here"


@given(st.lists(st.floats(0, 3), min_size=1, max_size=50), st.floats(-1e4, 1e4), st.floats(0, 1e5))
def test_what_plays_by_itself_is_late_by_what_held_it_up(held_up, start_s, now):
    clock = Clock()
    stamps = [clock.stamp(start_s + n / 10, now + n / 10 + late, paced=False) for n, late in enumerate([0.0, *held_up])]
    times = [time_s for time_s, _ in stamps]
    assert all(a < b for a, b in itertools.pairwise(times))
    for n, (late, (_, due)) in enumerate(zip([0.0, *held_up], stamps, strict=True)):
        assert abs(now + n / 10 + late - due - late) < 0.02


def test_pictures_that_waited_at_the_start_do_not_count_as_the_pace():
    """The first ones wait until ffmpeg knows the stream, and come at once."""
    clock = Clock()
    for n in range(20):
        clock.stamp(n / 10, 2.0, paced=False)
    _, due = clock.stamp(5.0, 5.1, paced=False)
    assert abs(due - 5.1) < 0.01


def test_a_source_that_begins_anew_goes_on_from_now():
    clock = Clock()
    clock.stamp(100.0, 10.0, paced=False)
    last_s, _ = clock.stamp(105.0, 15.0, paced=False)
    clock.begin()
    back_s, due = clock.stamp(3.0, 25.0, paced=False)
    assert (last_s, back_s, due) == (5.0, 15.0, 25.0)


@pytest.mark.parametrize("source_s", [90_000.0, 0.5, -40.0])
def test_times_that_jump_within_a_source_do_too(source_s):
    clock = Clock()
    clock.stamp(0.0, 10.0, paced=False)
    clock.stamp(3.0, 13.0, paced=False)
    assert clock.stamp(source_s, 13.1, paced=False) == pytest.approx((3.1, 13.1))


def test_what_is_paced_is_due_as_its_time_says():
    clock = Clock()
    clock.stamp(0.0, 10.0, paced=True)
    assert clock.stamp(1.0, 10.2, paced=True) == (1.0, 11.0)
    assert clock.stamp(2.0, 14.0, paced=True) == (2.0, 12.0)


@given(st.lists(st.floats(0, 200), min_size=1))
def test_quantiles_of_delays_are_those_of_the_list(delays):
    counted = Delays()
    for delay in delays:
        counted.add(delay)
    expected = sorted(delays)[max(0, -(-len(delays) * 95 // 100) - 1)]
    assert counted.count == len(delays)
    assert abs(counted.quantile(0.95) - min(expected, 60.0)) <= 0.011
