"""How the cores and the memory of several machines are shared out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.analysis.resources import FILE_BYTES, SCANNER_BYTES, files_at_a_time

_MOST_CORES = 16
"""Above some cores the threads of one process hinder each other; see `pipeline.analysis.resources`."""

_NEARLY_ALL = 0.9


@dataclass(frozen=True, slots=True)
class Node:
    """What a machine has: CPU cores, and bytes of memory."""

    cores: int
    memory: int


@dataclass(frozen=True, slots=True)
class Share:
    """How many processes there are to be on all machines, and what each of them takes.

    Attributes:
        processes: their number.
        cores: of each.
        memory: bytes of each.
        files: that each scans at a time.
    """

    processes: int
    cores: int
    memory: int
    files: int


def share_out(nodes: Sequence[Node], processes: int | None = None) -> Share | None:
    """Find the largest processes that leave hardly a core idle.

    Args:
        nodes: the machines.
        processes: how many there are to be, which makes them smaller if need be. If there is no room for so many, they
            are as large as if the number were not given, and some have to wait for other machines. None for as many as
            there is room for.

    Returns:
        None where there is no room for any.
    """
    shares = [share for cores in range(1, _MOST_CORES + 1) if (share := _of(nodes, cores)).processes]
    if not shares:
        return None
    fitting = [share for share in shares if share.processes >= (processes or 1)] or shares
    most = max(_used(share, processes) for share in fitting)
    best = max(
        (share for share in fitting if _used(share, processes) >= _NEARLY_ALL * most), key=lambda each: each.cores
    )
    return Share(processes or best.processes, best.cores, best.memory, best.files)


def _of(nodes: Sequence[Node], cores: int) -> Share:
    files = files_at_a_time(cores, SCANNER_BYTES + 64 * FILE_BYTES)
    memory = SCANNER_BYTES + files * FILE_BYTES
    return Share(sum(min(node.cores // cores, node.memory // memory) for node in nodes), cores, memory, files)


def _used(share: Share, processes: int | None) -> int:
    return share.cores * min(share.processes, processes or share.processes)
