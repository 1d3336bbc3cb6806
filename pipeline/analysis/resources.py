"""What the machine really lets this process have: a container often shows more cores and memory than it may use."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

FILE_BYTES = 300 << 20
"""Memory that one more file at a time takes, its decoder included."""

SCANNER_BYTES = 450 << 20
"""Memory of a process that has loaded the networks."""

_MOST_FILES = 8
_CORES_OF_A_FILE = 2

_CGROUPS = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


def usable_cores(cgroups: Path = _CGROUPS, proc: Path = _PROC) -> int:
    """Number of CPU cores that this process may keep busy: those it may run on, within the quota of its cgroup."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [_quota(folder) for folder in _own_cgroups(cgroups, proc)]
    return max(1, min([cores, *(math.ceil(quota) for quota in quotas if quota)]))


def usable_memory(cgroups: Path = _CGROUPS, proc: Path = _PROC) -> int | None:
    """Bytes of memory that can still be taken without swapping, or None where the system does not say."""
    free = [_free_memory(folder) for folder in _own_cgroups(cgroups, proc)]
    free.append(_available(proc / "meminfo"))
    known = [size for size in free if size is not None]
    return min(known) if known else None


def files_at_a_time(cores: int | None = None, memory: int | None = None) -> int:
    """Number of files that one process best scans at a time: two keep two cores busy, as one is decoded while the
    faces of the other are sought.

    Args:
        cores: that the process may use; None for all.
        memory: bytes that it may use beside its own; None for what is free.
    """
    cores = cores or usable_cores()
    memory = usable_memory() if memory is None else memory
    room = _MOST_FILES if memory is None else memory // FILE_BYTES
    return max(1, min(max(2, cores // _CORES_OF_A_FILE), _MOST_FILES, room))


def worker_processes(cores: int | None = None, memory: int | None = None) -> int:
    """Number of processes that best share many files: above some cores the threads of one hinder each other."""
    by_cores = (cores or usable_cores()) // (_CORES_OF_A_FILE * _MOST_FILES)
    memory = usable_memory() if memory is None else memory
    by_memory = by_cores if memory is None else memory // (SCANNER_BYTES + _MOST_FILES * FILE_BYTES)
    return max(1, min(by_cores, by_memory))


def _own_cgroups(root: Path, proc: Path) -> Iterator[Path]:
    """Folders of the cgroups that this process is in, and of those around them; of version 1 for each controller."""
    with contextlib.suppress(OSError):
        for line in (proc / "self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            places = [root] if not controllers else [root / name for name in (controllers, *controllers.split(","))]
            for place in places:
                folder = place / path.lstrip("/")
                # Within a container the path may be that of the host, and only the root is there.
                yield from (each for each in (folder, *folder.parents) if each.is_relative_to(place) and each.is_dir())


def _quota(folder: Path) -> float | None:
    """Cores' worth of CPU time that a cgroup may take."""
    quota, _, period = (_read(folder / "cpu.max") or "").partition(" ")
    quota = quota or _read(folder / "cpu.cfs_quota_us") or ""
    period = period or _read(folder / "cpu.cfs_period_us") or ""
    if not quota or not period or quota == "max" or int(quota) <= 0:
        return None
    return int(quota) / int(period)


def _free_memory(folder: Path) -> int | None:
    for limit_file, used_file in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
        limit, used = _read(folder / limit_file), _read(folder / used_file)
        if limit and used and limit != "max":
            return max(0, int(limit) - int(used) + _idle_cache(folder))
    return None


def _idle_cache(folder: Path) -> int:
    """Bytes of files that a cgroup has read and not touched lately: they count as used, but go when room is needed."""
    facts = dict(line.split(" ", 1) for line in (_read(folder / "memory.stat") or "").splitlines())
    return int(facts.get("total_inactive_file", facts.get("inactive_file", 0)))


def _available(meminfo: Path) -> int | None:
    for line in (_read(meminfo) or "").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return None


def _read(file: Path) -> str | None:
    try:
        return file.read_text().strip()
    except OSError:
        return None
