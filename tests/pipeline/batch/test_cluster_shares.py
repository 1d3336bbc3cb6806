"""How many processes are put on which machines."""

from __future__ import annotations

import pytest

from pipeline.batch.cluster_shares import Node, share_out

GB = 1 << 30


def node(cores: int, memory: int = 512 * GB) -> Node:
    return Node(cores, memory)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node(1)], (1, 1)),
        ([node(2)], (1, 2)),
        ([node(8)], (1, 8)),
        ([node(64)], (4, 16)),
        ([node(20)], (2, 10)),
        ([node(0), node(4), node(4)], (2, 4)),
        ([node(2), node(64)], (4, 16)),
        ([node(8), node(64)], (9, 8)),
    ],
    ids=str,
)
def test_hardly_a_core_is_left_idle_by_processes_as_large_as_may_be(nodes, expected):
    share = share_out(nodes)
    assert (share.processes, share.cores) == expected


@pytest.mark.parametrize(("workers", "cores"), [(1, 2), (2, 1)])
def test_more_processes_are_smaller_ones(workers, cores):
    share = share_out([node(2)], workers)
    assert (share.processes, share.cores) == (workers, cores)


def test_processes_that_there_is_no_room_for_yet_are_as_large_as_those_that_there_is():
    share = share_out([node(16)], 40)
    assert (share.processes, share.cores) == (40, 16)


def test_a_process_takes_no_more_memory_than_there_is():
    nodes = [node(32, 4 * GB), node(32, 16 * GB)]
    share = share_out(nodes)
    assert share.processes
    assert share.processes <= sum(each.memory // share.memory for each in nodes)


def test_more_cores_scan_more_files_at_a_time():
    assert share_out([node(2)]).files == 2
    assert share_out([node(16)]).files == 8


@pytest.mark.parametrize("nodes", [[], [node(0)], [node(4, GB // 4)]], ids=["none", "no cores", "no memory"])
def test_there_may_be_no_room_at_all(nodes):
    assert share_out(nodes) is None
