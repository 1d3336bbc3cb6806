"""From a plan to what it takes: time, money, memory, storage and network, and what is used up first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scaling.clips import Clips
from scaling.events import Outcome, simulate
from scaling.fleet import Driver, Fleet

RESULT_BYTES = 18_950
"""JSON of a result: the mean of six sample videos."""

GZIP_BYTES = 3_590
LEDGER_BYTES = 315
"""A row of the ledger with its indexes."""

CORE_BYTES = 0.37 * 2**30
"""Memory for each core: a process with two clips at a time took 0.72 GiB."""

AS_BUILT = Driver(dispatch_s=1e-3, record_s=5e-3)
"""The driver makes the JSON of each result and writes it to disk: measured; what a task costs is assumed."""

LEDGER_ONLY = Driver(dispatch_s=1e-3, record_s=0.2e-3)
"""The driver keeps the ledger and the workers write the results: the part of the ledger as it was measured."""

_USED_UP = 0.9
_SAMPLED_FOLDERS = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """A scan of very many clips.

    Attributes:
        name: what it is called in tables.
        files: number of clips.
        fleet: all cores together, and what the store gives to them all; its driver is that of each folder.
        folders: output folders, each with a driver and a ledger of its own, that share clips, cores and store evenly.
    """

    name: str
    files: int
    fleet: Fleet
    folders: int = 1


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan takes. Shares are of all the time of all cores, of the driver or of the store.

    Attributes:
        plan: the plan.
        wall_s: until the last of the folders that were simulated is done.
        core_hours: all cores, each until its folder is done.
        scan, fetch, lost: what the cores do in the time that is paid for; the rest they wait, load or are down.
        driver, store: how long these are busy.
    """

    plan: Plan
    wall_s: float
    core_hours: float
    scan: float
    fetch: float
    lost: float
    driver: float
    store: float

    @property
    def limit(self) -> str:
        """What is used up; where nothing is, the time is that of the last few long files or of waiting."""
        used = {"driver": self.driver, "store": self.store, "cores": self.scan + self.fetch}
        name = max(used, key=lambda each: used[each])
        return name if used[name] >= _USED_UP else "last files"


def estimate(plan: Plan, clips: Clips, seed: int) -> Estimate:
    """Simulate a plan; of many folders three, since they differ only by chance.

    Raises:
        ValueError: there are more folders than cores.
    """
    if plan.fleet.cores < plan.folders:
        raise ValueError(f"{plan.folders} folders need as many cores and not {plan.fleet.cores}")
    fleet = replace(
        plan.fleet,
        cores=plan.fleet.cores // plan.folders,
        store_bytes_per_s=plan.fleet.store_bytes_per_s / plan.folders,
    )
    outcomes: list[Outcome] = []
    for folder in range(min(plan.folders, _SAMPLED_FOLDERS)):
        rng = np.random.default_rng([seed, folder])
        workload = clips.draw(plan.files // plan.folders, rng)
        outcomes.append(simulate(workload, fleet, rng))
    wall_s = sum(each.wall_s for each in outcomes)
    core_s = wall_s * fleet.cores
    return Estimate(
        plan=plan,
        wall_s=max(each.wall_s for each in outcomes),
        core_hours=core_s / len(outcomes) * plan.folders / 3600,
        scan=sum(each.scan_s for each in outcomes) / core_s,
        fetch=sum(each.fetch_s for each in outcomes) / core_s,
        lost=sum(each.lost_s for each in outcomes) / core_s,
        driver=sum(each.driver_s for each in outcomes) / wall_s,
        store=sum(each.store_s for each in outcomes) / wall_s,
    )
