"""The simulation of very large scans agrees with what theory says where theory says something."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from scaling.clips import ALIKE, PUBLISHED_S, Clips, Workload
from scaling.estimate import AS_BUILT, Plan, estimate
from scaling.events import Outcome, simulate
from scaling.fleet import Driver, Fleet, attempt_factor, driver_limit, store_limit, tasks_per_s
from scaling.measuring import measure_ledger, measure_results

from tests.stored_results import stored

CLIP_S, CLIP_BYTES = 2.0, 1e6
NO_DRIVER = Driver(dispatch_s=0.0, record_s=0.0)
IDEAL = Fleet(
    8,
    files_a_task=1,
    load_s=0.0,
    failures_an_hour=0.0,
    store_bytes_per_s=math.inf,
    stream_bytes_per_s=math.inf,
    driver=NO_DRIVER,
)


def alike(count: int) -> Workload:
    return Workload(np.full(count, CLIP_S), np.full(count, CLIP_BYTES))


def run(clips: Workload, fleet: Fleet, seed: int = 0) -> Outcome:
    return simulate(clips, fleet, np.random.default_rng(seed))


class TestAgainstTheory:
    def test_nothing_in_the_way_takes_the_work_by_the_cores(self):
        outcome = run(alike(1000), IDEAL)
        assert outcome.wall_s == pytest.approx(1000 * CLIP_S / 8)
        assert outcome.scan_s == 1000 * CLIP_S
        assert outcome.fetch_s == outcome.lost_s == outcome.failures == 0

    def test_every_worker_loads_the_model_once(self):
        assert run(alike(80), replace(IDEAL, load_s=5.0)).wall_s == pytest.approx(5.0 + 10 * CLIP_S)

    @pytest.mark.parametrize("share", [0.25, 0.5, 2.0, 8.0])
    def test_a_driver_is_full_at_the_number_of_cores_that_the_formula_gives(self, share: float):
        driver = Driver(dispatch_s=0.01, record_s=0.02)
        task_s, driver_s = 4 * CLIP_S, driver.task_s(4)
        cores = round(share * driver_limit(task_s, driver_s))
        tasks = 40 * cores
        outcome = run(alike(4 * tasks), replace(IDEAL, cores=cores, files_a_task=4, driver=driver))
        rate = tasks / outcome.wall_s
        expected = cores / (task_s + driver_s) if share < 1 else 1 / driver_s
        assert rate == pytest.approx(expected, rel=0.05)
        assert outcome.driver_s == pytest.approx(tasks * driver_s)

    def test_a_store_is_full_at_the_number_of_cores_that_the_formula_gives(self):
        store = replace(IDEAL, store_bytes_per_s=20e6)
        cores = store_limit(CLIP_S, CLIP_BYTES, store.store_bytes_per_s)
        assert cores == pytest.approx(40)
        below, above = (run(alike(4000), replace(store, cores=number)) for number in (20, 400))
        assert below.wall_s == pytest.approx(4000 * (CLIP_S + CLIP_BYTES / 20e6) / 20, rel=0.03)
        assert above.wall_s == pytest.approx(4000 * CLIP_BYTES / 20e6, rel=0.03)

    def test_a_stream_adds_the_time_of_its_bytes(self):
        outcome = run(alike(800), replace(IDEAL, stream_bytes_per_s=1e6))
        assert outcome.wall_s == pytest.approx(100 * (CLIP_S + 1.0))
        assert outcome.fetch_s == pytest.approx(800 * 1.0)

    @pytest.mark.parametrize("failures_an_hour", [60, 600])
    def test_work_that_is_lost_is_what_the_formula_says(self, failures_an_hour: float):
        # Nodes of one core, so that each failure is a draw of its own.
        fleet = replace(IDEAL, files_a_task=4, cores_a_node=1, down_s=1.0, failures_an_hour=failures_an_hour)
        outcome = run(alike(80_000), fleet)
        factor = attempt_factor(4 * CLIP_S, failures_an_hour / 3600)
        assert outcome.lost_s / outcome.scan_s == pytest.approx(factor - 1, rel=0.05)
        # As many attempts as a chance of exp(-rate * task) for each gives.
        assert outcome.attempts.mean() == pytest.approx(math.exp(failures_an_hour / 3600 * 4 * CLIP_S), rel=0.02)

    def test_one_long_file_holds_up_the_end(self):
        clips = alike(800)
        clips.seconds[-1] = 600.0
        assert run(clips, IDEAL).wall_s == pytest.approx(99 * CLIP_S + 600.0)
        clips.seconds[:] = clips.seconds[::-1]
        assert run(clips, IDEAL).wall_s == pytest.approx(600.0)


fleets = st.builds(
    Fleet,
    cores=st.integers(1, 40),
    cores_a_node=st.integers(1, 8),
    files_a_task=st.integers(1, 6),
    load_s=st.floats(0, 5),
    failures_an_hour=st.sampled_from([0.0, 1.0, 20.0]),
    down_s=st.floats(1, 100),
    store_bytes_per_s=st.floats(1e6, 1e9),
    stream_bytes_per_s=st.floats(1e6, 1e8),
    driver=st.builds(Driver, dispatch_s=st.floats(0, 0.1), record_s=st.floats(0, 0.1)),
)
workloads = st.lists(st.tuples(st.floats(0.1, 60), st.integers(0, 10**7)), min_size=1, max_size=120).map(
    lambda pairs: Workload(*np.array(pairs).T)
)


class TestAlways:
    @settings(max_examples=60)
    @given(clips=workloads, fleet=fleets, seed=st.integers(0, 99))
    def test_all_files_are_scanned_and_nothing_is_faster_than_its_parts(self, clips: Workload, fleet: Fleet, seed: int):
        outcome = run(clips, fleet, seed)
        tasks = -(-len(clips.seconds) // fleet.files_a_task)
        again = outcome.attempts - 1
        assert len(again) == tasks and (again >= 0).all()
        assert outcome.scan_s == pytest.approx(clips.seconds.sum())
        # It is what is left of the time of tasks, and so as inexact as these are.
        assert outcome.fetch_s >= clips.bytes.sum() / fleet.stream_bytes_per_s - 1e-6
        work_s = outcome.scan_s + outcome.fetch_s + outcome.lost_s
        least_s = max(outcome.driver_s, work_s / fleet.cores, clips.bytes.sum() / fleet.store_bytes_per_s)
        assert outcome.wall_s >= least_s * 0.999
        assert again.sum() <= outcome.failures * fleet.cores_a_node
        if not outcome.failures:
            assert outcome.lost_s == again.sum() == 0

    @settings(max_examples=60)
    @given(clips=workloads, fleet=fleets, seed=st.integers(0, 99))
    def test_the_same_seed_gives_the_same_scan(self, clips: Workload, fleet: Fleet, seed: int):
        one, other = run(clips, fleet, seed), run(clips, fleet, seed)
        assert (one.wall_s, one.failures, one.lost_s) == (other.wall_s, other.failures, other.lost_s)

    @settings(max_examples=60)
    @given(cores=st.integers(1, 60), rounds=st.integers(1, 30), driver_s=st.floats(0.001, 2))
    def test_tasks_a_second_are_between_the_bounds_of_a_closed_network(self, cores: int, rounds: int, driver_s: float):
        tasks = cores * rounds
        outcome = run(alike(tasks), replace(IDEAL, cores=cores, driver=Driver(driver_s / 2, driver_s / 2)))
        low, high = tasks_per_s(cores, CLIP_S, driver_s)
        # At its begin and its end a scan is not yet, or no more, what it is between.
        assert low * 0.999 <= tasks / outcome.wall_s <= high * (1 + 1 / rounds)

    @given(task_s=st.floats(0.1, 100), failures_per_s=st.floats(0, 1e-3))
    def test_more_failures_never_lose_less(self, task_s: float, failures_per_s: float):
        more = attempt_factor(task_s, failures_per_s)
        assert 1 + failures_per_s * task_s / 2 <= more * (1 + 1e-9)
        assert more <= attempt_factor(task_s, failures_per_s + 1e-4)


class TestClips:
    def test_clips_that_are_alike_cost_what_was_measured(self):
        drawn = ALIKE.draw(100, np.random.default_rng(0))
        assert drawn.seconds == pytest.approx(PUBLISHED_S)
        assert drawn.bytes == pytest.approx(10 * ALIKE.bits_per_s / 8)

    def test_lengths_are_spread_around_the_median_and_some_files_are_stuck(self):
        clips = Clips(stuck=0.01)
        drawn = clips.draw(100_000, np.random.default_rng(0))
        assert np.median(drawn.bytes) == pytest.approx(clips.median_s * clips.bits_per_s / 8, rel=0.02)
        assert np.log(drawn.bytes).std() == pytest.approx(clips.sigma, rel=0.02)
        assert (drawn.seconds == clips.timeout_s).mean() == pytest.approx(0.01, rel=0.2)
        assert drawn.seconds.max() == clips.timeout_s

    def test_a_clip_without_an_index_costs_all_its_frames(self):
        hour = Clips(median_s=3600.0, sigma=0.0, unindexed=1.0, stuck=0.0)
        assert hour.draw(10, np.random.default_rng(0)).seconds == pytest.approx(516 + PUBLISHED_S)


class TestEstimate:
    def test_folders_share_cores_and_store(self):
        fleet = replace(IDEAL, cores=8, store_bytes_per_s=8e6, driver=AS_BUILT)
        one = estimate(Plan("", 1000, replace(fleet, cores=1, store_bytes_per_s=1e6)), ALIKE, 0)
        eight = estimate(Plan("", 8000, fleet, folders=8), ALIKE, 0)
        assert eight.wall_s == pytest.approx(one.wall_s)
        assert eight.core_hours == pytest.approx(8 * one.core_hours)

    @pytest.mark.parametrize(
        ("changes", "limit"),
        [
            ({}, "cores"),
            ({"cores": 200, "driver": Driver(0.0, 0.1)}, "driver"),
            ({"cores": 200, "store_bytes_per_s": 60e6}, "store"),
            ({"cores": 900}, "last files"),
        ],
    )
    def test_it_names_what_is_used_up(self, changes: dict, limit: str):
        assert estimate(Plan("", 1000, replace(IDEAL, **changes)), ALIKE, 0).limit == limit

    def test_more_folders_than_cores_are_refused(self):
        with pytest.raises(ValueError, match="3 folders need as many cores and not 2"):
            estimate(Plan("", 10, replace(IDEAL, cores=2), folders=3), ALIKE, 0)


class TestMeasuring:
    def test_a_ledger_has_a_cost_and_shared_commits_are_cheaper(self, tmp_path: Path):
        alone, shared = (measure_ledger(tmp_path, 500, files) for files in (1, 100))
        assert 0 < shared.seconds < alone.seconds
        assert 100 < alone.bytes < 1000

    def test_results_are_received_and_written_and_take_their_bytes(self, tmp_path: Path):
        texts = [json.dumps(stored(path=path)) for path in ("a.mp4", "much/further/down.mp4")]
        (tmp_path / "results").mkdir()
        for number, text in enumerate(texts):
            (tmp_path / "results" / f"{number}.json").write_text(text, encoding="utf-8")
        cost = measure_results(tmp_path / "results", tmp_path, repetitions=1)
        assert cost.json_bytes == sum(map(len, texts)) / 2 > cost.gzip_bytes > 0
        assert cost.receive_s > 0 and cost.write_s > 0
        assert (tmp_path / "1.json").read_text(encoding="utf-8") == texts[1]

    def test_a_folder_without_results_is_refused(self, tmp_path: Path):
        with pytest.raises(ValueError, match="no results are in"):
            measure_results(tmp_path, tmp_path)
