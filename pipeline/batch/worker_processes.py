"""Processes that work for the threads of this one: more cores than one interpreter keeps busy, and no crash spreads."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import queue
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from pipeline.analysis.concurrency import block_interrupts

Task = TypeVar("Task")
Result = TypeVar("Result")

# Forking a process that has threads of OpenVINO may lock up the child.
_SPAWN = multiprocessing.get_context("spawn")

_replacing_main = threading.Lock()

Prepare = Callable[[], tuple[Callable[[Task], Result], Any]]


class WorkerDiedError(Exception):
    """The process of a task was killed, and so was the next one, which did nothing else; or all were told to stop."""


class WorkerProcesses(Generic[Task, Result]):
    """Processes that do tasks; use it in a `with`, which ends them.

    Args:
        prepare: called once in each process; gives what does a task, in several threads, and what to tell of it here.
        processes: their number.
        at_a_time: tasks that each of them does at a time.
    """

    def __init__(self, prepare: Prepare[Task, Result], processes: int, at_a_time: int) -> None:
        self._prepare = prepare
        # In a thread, so that no interrupt reaches the processes, nor comes between two steps of their start.
        with ThreadPoolExecutor(1, initializer=_block_interrupts_for_good) as thread:
            workers = [thread.submit(_Worker, prepare, at_a_time) for _ in range(processes)]
            try:
                self._workers: list[_Worker[Task, Result]] = [worker.result() for worker in workers]
            except BaseException:
                thread.shutdown(wait=False, cancel_futures=True)
                raise
        self._free: queue.SimpleQueue[tuple[_Worker[Task, Result], int]] = queue.SimpleQueue()
        self._alone = threading.Lock()
        self._stopped = False
        for slot in range(at_a_time):
            for worker in self._workers:
                self._free.put((worker, slot))

    def __enter__(self) -> WorkerProcesses[Task, Result]:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers:
            worker.end()

    def told(self) -> Any:
        """Wait until the first process is prepared, and give what it tells.

        Raises:
            WorkerDiedError: it was killed before.
            Exception: whatever preparing it raised.
        """
        return self._workers[0].told()

    def stop(self) -> None:
        """Kill the processes; tasks that are being done, and all after them, fail."""
        self._stopped = True
        for worker in self._workers:
            worker.kill()

    def do(self, task: Task) -> Result:
        """Have a task done; called in as many threads as tasks are to be done at a time.

        Raises:
            WorkerDiedError: the task kills its process.
        """
        if self._stopped:
            raise WorkerDiedError
        worker, slot = self._free.get()
        try:
            return worker.do(task, slot)
        except EOFError:
            # This task or another that was done beside it did it.
            pass
        finally:
            self._free.put((worker, slot))
        # One after the other: they may have died for want of memory.
        with self._alone:
            if self._stopped:
                raise WorkerDiedError
            try:
                alone: _Worker[Task, Result] = _Worker(self._prepare, 1)
                try:
                    return alone.do(task, 0)
                finally:
                    alone.end()
            except (EOFError, OSError):
                raise WorkerDiedError from None


class _Worker(Generic[Task, Result]):
    """One process with a connection for each task that it does at a time; it is started anew when it has died."""

    def __init__(self, prepare: Prepare[Task, Result], slots: int) -> None:
        self._prepare = prepare
        self._slots = slots
        self._starting = threading.Lock()
        self._killed = False
        self._connections: tuple[Connection, ...] = ()
        self._start(self._connections)

    def do(self, task: Task, slot: int) -> Result:
        """Have a task done; raises EOFError where the process dies over it."""
        connections = self._connections
        try:
            connections[slot].send(task)
            return connections[slot].recv()
        except (EOFError, OSError) as error:
            self._start(connections)
            raise EOFError from error

    def told(self) -> Any:
        """Wait for what it tells once it is prepared, or raise what that raised."""
        try:
            failure, told = self._report.recv()
        except (EOFError, OSError) as error:
            reason = "the process that was to scan was killed while it started, perhaps for want of memory"
            raise WorkerDiedError(reason) from error
        if failure is not None:
            raise failure
        return told

    def kill(self) -> None:
        """End the process at once, and for good."""
        with self._starting:
            self._killed = True
            self._process.kill()

    def end(self) -> None:
        """End the process once it has nothing more to do."""
        for connection in self._connections:
            connection.close()
        self._process.join()

    def _start(self, dead: tuple[Connection, ...]) -> None:
        """Start a process, unless another thread has done so since."""
        with self._starting:
            if self._connections is not dead or self._killed:
                return
            pipes = [_SPAWN.Pipe() for _ in range(self._slots)]
            theirs = [their for _, their in pipes]
            self._report, report = _SPAWN.Pipe(duplex=False)
            arguments = (self._prepare, theirs, report, logging.getLogger().getEffectiveLevel())
            self._process = _SPAWN.Process(target=_serve, args=arguments, daemon=True)
            with _main_left_alone():
                self._process.start()
            for their in (*theirs, report):
                their.close()
            self._connections = tuple(our for our, _ in pipes)


def _block_interrupts_for_good() -> None:
    # Python starts it with the first process, and lets interrupts through again in the thread that did.
    resource_tracker.ensure_running()
    block_interrupts()


@contextlib.contextmanager
def _main_left_alone() -> Iterator[None]:
    """Start processes that do not run the program of whoever calls us.

    They would import it, and it may be a script that does its work as it is imported.
    """
    with _replacing_main:  # else one thread would keep for good what another has put there for a moment
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _end_with_parent() -> None:
    """End this process, in whatever it does, once the one that started it is no more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _serve(prepare: Prepare[Task, Result], connections: list[Connection], report: Connection, log_level: int) -> None:
    """Do what comes through each connection until it is closed."""
    # Ctrl-C goes to all processes at the terminal; the first one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.basicConfig(level=log_level)
    logging.captureWarnings(True)
    try:
        do, told = prepare()
    except Exception as error:
        report.send((error, None))
        return
    report.send((None, told))
    threads = [threading.Thread(target=_serve_one, args=(do, connection)) for connection in connections]
    for thread in threads:
        thread.start()
    # Once the first thread of a process has ended, Python refuses to start threads for whoever looks up a host.
    for thread in threads:
        thread.join()


def _serve_one(do: Callable[[Task], Result], connection: Connection) -> None:
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        try:
            connection.send(do(task))
        except BaseException:
            # Whoever waits for an answer must learn that there will be none.
            os._exit(1)
