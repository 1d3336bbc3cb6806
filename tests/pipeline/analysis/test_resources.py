"""Cores and memory that a container allows, whatever the machine has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.analysis.resources import FILE_BYTES, files_at_a_time, usable_cores, usable_memory, worker_processes

MACHINE_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
GIB = 1 << 30


@pytest.fixture
def machine(tmp_path):
    """Builds a /sys/fs/cgroup and a /proc from the contents of their files."""

    def build(membership: str, available: int | None = 8 * GIB, **files: str) -> tuple[Path, Path]:
        cgroups, proc = tmp_path / "cgroup", tmp_path / "proc"
        (proc / "self").mkdir(parents=True)
        (proc / "self/cgroup").write_text(membership)
        if available is not None:
            (proc / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable:   {available >> 10} kB\n")
        for name, content in files.items():
            file = cgroups / name.replace("__", "/").replace("_dot_", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content + "\n")
        return cgroups, proc

    return build


def test_without_a_limit_all_cores_and_all_free_memory_may_be_used(machine):
    where = machine("0::/\n", cpu_dot_max="max 100000", memory_dot_max="max", memory_dot_current=str(GIB))
    assert usable_cores(*where) == MACHINE_CORES
    assert usable_memory(*where) == 8 * GIB


def test_where_the_system_says_nothing_all_cores_are_used(tmp_path):
    assert usable_cores(tmp_path, tmp_path) == MACHINE_CORES
    assert usable_memory(tmp_path, tmp_path) is None


@pytest.mark.parametrize(("quota", "cores"), [("50000 100000", 1), ("100000 100000", 1), ("110000 100000", 2)])
def test_a_quota_limits_the_cores(machine, quota, cores):
    assert usable_cores(*machine("0::/\n", cpu_dot_max=quota)) == min(cores, MACHINE_CORES)


def test_memory_that_the_container_has_taken_is_not_free(machine):
    where = machine("0::/\n", memory_dot_max=str(2 * GIB), memory_dot_current=str(GIB // 2))
    assert usable_memory(*where) == 3 * GIB // 2


def test_a_limit_holds_for_the_groups_within(machine):
    where = machine(
        "0::/a/b\n",
        a__cpu_dot_max="100000 100000",
        a__b__cpu_dot_max="max 100000",
        a__memory_dot_max=str(GIB),
        a__memory_dot_current="0",
    )
    (where[0] / "a/b/memory.max").write_text("max\n")
    assert usable_cores(*where) == 1
    assert usable_memory(*where) == GIB


def test_control_groups_of_version_1(machine):
    where = machine(
        "4:cpu,cpuacct:/docker/x\n3:memory:/docker/x\n1:name=systemd:/\n",
        **{
            "cpu,cpuacct__cpu_dot_cfs_quota_us": "100000",
            "cpu,cpuacct__cpu_dot_cfs_period_us": "100000",
            "memory__memory_dot_limit_in_bytes": str(3 * GIB),
            "memory__memory_dot_usage_in_bytes": str(GIB),
        },
    )
    assert usable_cores(*where) == 1
    assert usable_memory(*where) == 2 * GIB


@pytest.mark.parametrize(
    ("cores", "memory", "files"),
    [(1, 8 * GIB, 2), (2, 8 * GIB, 2), (8, 64 * GIB, 4), (64, 64 * GIB, 8), (8, FILE_BYTES + 1, 1), (8, 0, 1)],
)
def test_as_many_files_at_a_time_as_cores_and_memory_allow(cores, memory, files):
    assert files_at_a_time(cores, memory) == files


def test_files_that_lie_in_the_cache_do_not_count_as_taken(machine):
    where = machine(
        "0::/\n",
        memory_dot_max=str(2 * GIB),
        memory_dot_current=str(2 * GIB),
        memory_dot_stat=f"anon 1000\ninactive_file {GIB}\nactive_file 5",
    )
    assert usable_memory(*where) == GIB


@pytest.mark.parametrize(
    ("cores", "memory", "processes"),
    [(1, 8 * GIB, 1), (31, 64 * GIB, 1), (64, 64 * GIB, 4), (64, 6 * GIB, 2), (64, 0, 1)],
)
def test_as_many_processes_as_cores_and_memory_allow(cores, memory, processes):
    assert worker_processes(cores, memory) == processes
