"""What scans: cores, the driver that hands out files and keeps the ledger, the store they come from; and formulas."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Driver:
    """The one process that hands out tasks and takes in results, one after the other.

    Attributes:
        dispatch_s: seconds for each task that it hands out.
        record_s: seconds for each result that it takes in.
    """

    dispatch_s: float = 1e-3
    record_s: float = 5e-3

    def task_s(self, files: int) -> float:
        """Give its seconds for a task of so many files."""
        return self.dispatch_s + self.record_s * files


@dataclass(frozen=True, slots=True)
class Fleet:
    """Machines that scan into one output folder.

    Attributes:
        cores: each has one clip at a time.
        cores_a_node: cores that are lost together.
        files_a_task: files that a worker is given at a time; their results come back together.
        load_s: seconds in which a worker starts and loads the model.
        failures_an_hour: of each node.
        down_s: seconds until a lost node is replaced.
        store_bytes_per_s: what the store gives to all cores together.
        stream_bytes_per_s: what it gives to one.
        driver: of the output folder.
    """

    cores: int
    cores_a_node: int = 16
    files_a_task: int = 4
    load_s: float = 2.2
    failures_an_hour: float = 0.05
    down_s: float = 120.0
    store_bytes_per_s: float = 125e9
    stream_bytes_per_s: float = 50e6
    driver: Driver = Driver()


def driver_limit(task_s: float, driver_s: float) -> float:
    """Give the number of cores at which one driver has no second left.

    Args:
        task_s: seconds for which a core has a task.
        driver_s: seconds for which the driver has it; meanwhile the core waits.
    """
    return (task_s + driver_s) / driver_s


def store_limit(clip_s: float, clip_bytes: float, store_bytes_per_s: float) -> float:
    """Give the number of cores at which the store gives all that it can.

    Args:
        clip_s: seconds from one clip of a core to its next.
        clip_bytes: bytes that are fetched for a clip.
        store_bytes_per_s: what the store gives to all cores together.
    """
    return clip_s / (clip_bytes / store_bytes_per_s)


def tasks_per_s(cores: int, task_s: float, driver_s: float) -> tuple[float, float]:
    """Give bounds on the tasks a second of cores that share a driver, whatever the order in which they ask.

    The asymptotic bounds of a closed queueing network: at the lower one every core always waits for all the others.
    """
    return cores / (task_s + cores * driver_s), min(1 / driver_s, cores / (task_s + driver_s))


def attempt_factor(task_s: float, failures_per_s: float) -> float:
    """Give how often a task is worked through on the average, parts of attempts counted, until it is not interrupted.

    Failures are a Poisson process and every attempt begins anew, so the time is (exp(rate * task) - 1) / rate.
    """
    exponent = failures_per_s * task_s
    return math.expm1(exponent) / exponent if exponent else 1.0
