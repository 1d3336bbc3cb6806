"""Scanning on many machines, which Ray holds together: a file that brings a process down is an error, no more."""

from __future__ import annotations

import contextlib
import logging
import pickle
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pipeline.batch.batch_scanner import BatchScanner, ScannerSettings
from pipeline.batch.cluster_node import NodeScanner
from pipeline.batch.cluster_shares import Node, share_out
from pipeline.batch.places import Places
from pipeline.batch.ray_session import AUTO, ClusterError, in_one_line, joined
from pipeline.batch.worker_processes import WorkerDiedError
from pipeline.media import confinement
from pipeline.results.input import Input
from pipeline.results.parts import Tool
from pipeline.results.verdict import Verdict

log = logging.getLogger(__name__)

_MOST_LOST_STARTS = 5
"""Processes that may die one after the other before one has loaded the networks."""

_MOST_LOST_NODES = 3
"""That were scanning one file, after which it is taken to be the reason."""


class ClusterLostError(ClusterError):
    """The cluster went away while it scanned."""


class ClusterScanner(BatchScanner):
    """Processes on the machines of a Ray cluster that scan files; use it in a `with`, which ends them.

    Only the bytes of results come over the network: the machines read the files where they have the same paths.

    Args:
        settings: what they build their scanners from.
        address: "ray://HOST:PORT" or "auto"; see `pipeline.batch.ray_session.joined`.
        workers: number of processes; those that there is no room for wait until other machines join. None for as many
            as there is room for now.

    Raises:
        ClusterError: Ray is not installed, there is no such cluster, or a machine of it has another version.
        ModelError: the model cannot be found or loaded.
        DetectorUnavailableError: the detector lacks a file.
        ValueError: no such engine, precision or detector.
    """

    def __init__(self, settings: ScannerSettings, address: str = AUTO, workers: int | None = None) -> None:
        self._settings = settings
        self._places: Places[_Process] = Places()
        self._processes: set[_Process] = set()
        self._starting = threading.Lock()
        self._stopped = False
        self._lost_starts = 0
        self._first: Future[Verdict] = Future()
        self._leaving = contextlib.ExitStack()
        self._ray = self._leaving.enter_context(joined(address))
        self._leaving.callback(self.stop)
        try:
            share = share_out([_node(each) for each in self._ray.nodes() if each["Alive"]], workers)
            if share is None:
                raise ClusterError("no machine of the cluster has a core and the memory to scan with")
            log.debug("shares of the cluster: %s", share)
            self._share = share
            self._actor = self._ray.remote(NodeScanner).options(
                num_cpus=share.cores,
                memory=share.memory,
                max_concurrency=share.files,
                max_restarts=0,
                max_task_retries=0,
                scheduling_strategy="SPREAD",
            )
            for _ in range(share.processes):
                self._start()
            super().__init__(settings, share.processes * share.files, self._first.result())
        except BaseException:
            self._leaving.close()
            raise

    def __exit__(self, *exception: object) -> None:
        self._leaving.close()

    def scan(self, source: Input) -> Verdict:
        """Scan a file on some machine; see `BatchScanner`.

        Raises:
            WorkerDiedError: it ended a process that scanned nothing else, or more machines than by chance.
            ClusterLostError: the cluster is no longer there.
            ClusterError: a machine that joined it has another version.
        """
        with self._places.beside_others() as process, contextlib.suppress(_LostError):
            return self._scan_in(process, source)
        # This file or another that was scanned beside it ended the process, or its machine is gone.
        for _ in range(_MOST_LOST_NODES - 1):
            with self._places.alone() as process:
                try:
                    return self._scan_in(process, source)
                except _LostError as lost:
                    if not lost.with_node:
                        break
        raise WorkerDiedError

    def stop(self) -> None:
        """Kill the processes: nothing that they are at will have a result."""
        with self._starting:
            self._stopped = True
        self._places.end(WorkerDiedError())
        for process in self._processes:
            process.kill()

    def _scan_in(self, process: _Process, source: Input) -> Verdict:
        try:
            return process.scan(source)
        except _LostError:
            self._replace(process)
            raise

    def _start(self) -> None:
        with self._starting:
            if self._stopped:
                return
            try:
                process = _Process(self._ray, self._actor.remote())
            except ImportError as error:  # of the machine that speaks for others at a ray:// address
                raise _not_installed() from error
            except Exception as error:
                raise _lost(error) from error
            self._processes.add(process)
        threading.Thread(target=self._open, args=(process,), daemon=True).start()

    def _replace(self, process: _Process) -> None:
        """Start another one for a process that is lost, unless that was done before."""
        self._places.close(process)
        with self._starting:
            if process not in self._processes or self._stopped:
                return
            self._processes.remove(process)
        # What cannot be reached may go on.
        process.kill()
        self._start()

    def _open(self, process: _Process) -> None:
        """Wait until a process has its machine and its networks, and let it have files."""
        try:
            blank = process.load(self._settings, self._share.cores)
        except _LostError:
            with self._starting:
                self._lost_starts += 1
                given_up = self._lost_starts >= _MOST_LOST_STARTS
            if given_up:
                why = "the processes of the cluster are killed while they load, perhaps for want of memory"
                self._fail(ClusterError(why))
                return
            try:
                self._replace(process)
            except ClusterError as error:
                self._fail(error)
        except Exception as error:
            self._fail(error)
        else:
            self._places.open(process, self._share.files)
            with self._starting:
                self._lost_starts = 0
                if not self._first.done():
                    self._first.set_result(blank)

    def _fail(self, error: Exception) -> None:
        self._places.end(error)
        with self._starting:
            if not self._first.done():
                self._first.set_exception(error)


class _LostError(Exception):
    """A process is no more, or cannot be reached; says whether its machine is not either."""

    def __init__(self, with_node: bool) -> None:
        super().__init__()
        self.with_node = with_node


class _Process:
    """One process on some machine."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor
        self._node = ""

    def load(self, settings: ScannerSettings, threads: int) -> Verdict:
        """Wait for a machine with room, and load the scanner if it is ours; gives an empty result."""
        self._compare_tool()
        level = logging.getLogger().getEffectiveLevel()
        # Nothing is unpacked that another version made.
        failure, blank, measures = pickle.loads(self._call("load", settings, threads, Path.cwd(), level))
        if failure is not None:
            raise failure
        if measures is not None:
            confinement.warn_of_less(measures)
        return blank

    def scan(self, source: Input) -> Verdict:
        return pickle.loads(self._call("scan", source))

    def kill(self) -> None:
        with contextlib.suppress(Exception):  # it may be gone, and the cluster with it
            self._ray.kill(self._actor)

    def _compare_tool(self) -> None:
        own = Tool()
        name, version, self._node = self._call("tool")
        if (name, version) != (own.name, own.version):
            here, there = f"{own.name} {own.version}", f"{name} {version}"
            raise ClusterError(f"a machine of the cluster has {there}, this one {here}: install the same on all")

    def _call(self, method: str, *arguments: Any) -> Any:
        exceptions = self._ray.exceptions
        try:
            return self._ray.get(getattr(self._actor, method).remote(*arguments))
        except exceptions.RayTaskError:
            raise
        except exceptions.ActorUnavailableError as error:
            # Of a process that was killed it is known; this one has become silent.
            raise _LostError(with_node=True) from error
        except exceptions.RayError as error:
            if getattr(error, "actor_init_failed", False):  # all that it begins with is to import the scanner
                raise _not_installed() from error
            raise _LostError(with_node=not self._node_lives()) from error
        except Exception as error:
            raise _lost(error) from error

    def _node_lives(self) -> bool:
        try:
            return any(each["Alive"] and each["NodeID"] == self._node for each in self._ray.nodes())
        except Exception as error:
            raise _lost(error) from error


def _not_installed() -> ClusterError:
    return ClusterError(f"a machine of the cluster cannot import {Tool().name} {Tool().version}: install it on all")


def _lost(error: Exception) -> ClusterLostError:
    # Ray has no class of its own for a connection that ended.
    return ClusterLostError(
        f"the cluster is no longer there ({in_one_line(error)}); the same command goes on once it is"
    )


def _node(facts: dict[str, Any]) -> Node:
    resources = facts["Resources"]
    return Node(int(resources.get("CPU", 0)), int(resources.get("memory", 0)))
