"""Several things at a time: results in order, not too far ahead, and processes that may die."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.analysis.concurrency import in_order
from pipeline.batch.worker_processes import WorkerDiedError, WorkerProcesses


def test_results_come_in_order_though_the_first_is_the_last_to_be_done():
    others_done = threading.Semaphore(0)

    def work(number: int) -> int:
        if number == 0:
            assert all(others_done.acquire(timeout=20) for _ in range(2))
        else:
            others_done.release()
        return number * 10

    assert [(n, done.result()) for n, done in in_order(range(3), work, 3)] == [(0, 0), (1, 10), (2, 20)]


def test_items_are_taken_as_there_is_room():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    for given, _ in enumerate(in_order(items(), lambda number: number, 3), start=1):
        assert len(taken) <= given + 6
    assert len(taken) == 100


def test_an_error_belongs_to_its_item():
    def work(number: int) -> float:
        return 1 / number

    done = dict(in_order([1, 0, 2], work, 2))
    assert done[2].result() == 0.5
    with pytest.raises(ZeroDivisionError):
        done[0].result()


def test_whoever_stops_early_leaves_nothing_running():
    before = threading.active_count()
    with contextlib.closing(in_order(range(1000), lambda number: number, 2)) as results:
        next(results)
    assert threading.active_count() == before


def prepare():
    return do, "ready"


def fail():
    raise ValueError("no such thing")


def do(task: str) -> int:
    if task == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills in another way")
class TestWorkerProcesses:
    def test_tasks_are_done_elsewhere_and_several_at_a_time(self):
        with WorkerProcesses(prepare, 2, 2) as workers, ThreadPoolExecutor(4) as threads:
            assert workers.told() == "ready"
            processes = set(threads.map(workers.do, ["live"] * 20))
        assert 1 <= len(processes) <= 2
        assert os.getpid() not in processes

    def test_a_task_that_kills_its_process_costs_no_other(self):
        def outcome(task: str) -> str:
            try:
                return "done" if workers.do(task) else ""
            except WorkerDiedError:
                return "died"

        main = sys.modules["__main__"]
        with WorkerProcesses(prepare, 2, 2) as workers, ThreadPoolExecutor(4) as threads:
            tasks = ["live", "die", "live", "live", "die", "live", "live", "live"]
            outcomes = list(threads.map(outcome, tasks))
        assert outcomes == ["died" if task == "die" else "done" for task in tasks]
        assert sys.modules["__main__"] is main, "several were started at a time"

    def test_what_goes_wrong_while_a_process_is_prepared_is_raised_here(self):
        with WorkerProcesses(fail, 1, 1) as workers, pytest.raises(ValueError, match="no such thing"):
            workers.told()
