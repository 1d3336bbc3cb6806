"""A simulation of a scan, event by event: cores ask, are given tasks, fetch, scan and bring results; nodes are lost."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from scaling.clips import Workload
from scaling.fleet import Fleet


class _Event(Enum):
    ASK = auto()  # a core is idle, or brings the results of its task
    GET = auto()  # a core has its task and begins to fetch
    FAIL = auto()  # a node is lost


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scan went; all times in seconds.

    Attributes:
        wall_s: from its start until the last result is in the ledger.
        scan_s: for which cores scanned what came to a result.
        fetch_s: for which cores waited for bytes of it.
        lost_s: for which cores had tasks that a lost node took with it.
        driver_s: for which the driver was busy.
        store_s: for which the store gave all that it could.
        failures: nodes that were lost.
        attempts: [tasks] how often each task was begun.
    """

    wall_s: float
    scan_s: float
    fetch_s: float
    lost_s: float
    driver_s: float
    store_s: float
    failures: int
    attempts: np.ndarray


@dataclass(slots=True)
class _Core:
    task: int | None = None
    began_s: float | None = None
    # Events that were planned before its node was lost are of an earlier life.
    life: int = 0


@dataclass(slots=True)
class _Queue:
    """One that serves all in the order in which they come."""

    free_s: float = 0.0
    busy_s: float = 0.0

    def serve(self, now_s: float, seconds: float) -> float:
        """Give the time at which it is done."""
        self.free_s = max(now_s, self.free_s) + seconds
        self.busy_s += seconds
        return self.free_s


def simulate(clips: Workload, fleet: Fleet, rng: np.random.Generator) -> Outcome:
    """Scan clips into one output folder.

    A core waits until its results are in the ledger and takes the next task then, so nothing piles up at the driver
    beyond one task for each core. A node is lost with all tasks of its cores; they are begun anew before others.

    Args:
        clips: at least one, in the order in which they are handed out.
        fleet: what scans them.
        rng: for the times at which nodes are lost.
    """
    return _Scan(clips, fleet, rng).run()


class _Scan:
    """The state of a scan, and what each event changes about it."""

    def __init__(self, clips: Workload, fleet: Fleet, rng: np.random.Generator) -> None:
        firsts = np.arange(0, len(clips.seconds), fleet.files_a_task)
        # Lists: Python reads a number from them faster than from arrays.
        self._scan_s = np.add.reduceat(clips.seconds, firsts).tolist()
        self._bytes = np.add.reduceat(clips.bytes, firsts).tolist()
        self._files = np.diff(np.append(firsts, len(clips.seconds))).tolist()
        self._attempts = [0] * len(firsts)
        self._waiting = deque(range(len(firsts)))
        self._missing = len(firsts)
        self._fleet, self._rng = fleet, rng
        self._cores = [_Core() for _ in range(fleet.cores)]
        self._idle: set[int] = set()
        self._driver, self._store = _Queue(), _Queue()
        self._fetch_s = self._lost_s = 0.0
        self._failures = 0
        self._events: list[tuple[float, int, _Event, int, int]] = []
        self._planned = itertools.count()

    def run(self) -> Outcome:
        for number in range(self._fleet.cores):
            self._plan(self._fleet.load_s, _Event.ASK, number)
        for node in range(-(-self._fleet.cores // self._fleet.cores_a_node)):
            self._plan_failure(0.0, node)
        while self._missing:
            now_s, _, event, who, life = heapq.heappop(self._events)
            if event is _Event.FAIL:
                self._fail(now_s, who)
            elif life == self._cores[who].life:
                (self._ask if event is _Event.ASK else self._get)(now_s, who)
        return Outcome(
            wall_s=self._driver.free_s,
            scan_s=float(sum(self._scan_s)),
            fetch_s=self._fetch_s,
            lost_s=self._lost_s,
            driver_s=self._driver.busy_s,
            store_s=self._store.busy_s,
            failures=self._failures,
            attempts=np.array(self._attempts),
        )

    def _ask(self, now_s: float, who: int) -> None:
        core = self._cores[who]
        if core.task is not None and core.began_s is not None:
            self._driver.serve(now_s, self._fleet.driver.record_s * self._files[core.task])
            self._fetch_s += now_s - core.began_s - self._scan_s[core.task]
            self._missing -= 1
        core.task = core.began_s = None
        if not self._waiting:
            self._idle.add(who)
            return
        core.task = self._waiting.popleft()
        self._attempts[core.task] += 1
        self._plan(self._driver.serve(now_s, self._fleet.driver.dispatch_s), _Event.GET, who)

    def _get(self, now_s: float, who: int) -> None:
        core = self._cores[who]
        assert core.task is not None, "a core fetches what it was given"
        core.began_s = now_s
        size = self._bytes[core.task]
        given_s = self._store.serve(now_s, size / self._fleet.store_bytes_per_s)
        fetched_s = max(given_s, now_s + size / self._fleet.stream_bytes_per_s)
        self._plan(fetched_s + self._scan_s[core.task], _Event.ASK, who)

    def _fail(self, now_s: float, node: int) -> None:
        self._failures += 1
        back_s = now_s + self._fleet.down_s
        self._plan_failure(back_s, node)
        first = node * self._fleet.cores_a_node
        for number in range(first, min(first + self._fleet.cores_a_node, self._fleet.cores)):
            core = self._cores[number]
            if core.task is not None:
                self._waiting.appendleft(core.task)
            if core.began_s is not None:
                self._lost_s += now_s - core.began_s
            core.task = core.began_s = None
            core.life += 1
            self._idle.discard(number)
            self._plan(back_s + self._fleet.load_s, _Event.ASK, number)
        for number in sorted(self._idle)[: len(self._waiting)]:
            self._idle.remove(number)
            self._plan(now_s, _Event.ASK, number)

    def _plan(self, time_s: float, event: _Event, who: int) -> None:
        # The number decides between events of one time: what was planned first comes first.
        heapq.heappush(self._events, (time_s, next(self._planned), event, who, self._cores[who].life))

    def _plan_failure(self, up_s: float, node: int) -> None:
        if self._fleet.failures_an_hour:
            time_s = up_s + self._rng.exponential(3600 / self._fleet.failures_an_hour)
            heapq.heappush(self._events, (time_s, next(self._planned), _Event.FAIL, node, 0))
