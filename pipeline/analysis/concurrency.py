"""Works on several items at a time, and gives the results in the order of the items."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def block_interrupts() -> None:
    """Keep Ctrl-C from the programs that this thread starts.

    At a terminal it reaches all of them, and what a decoder had given by then would be taken for all there is. What it
    means is for the main thread to say.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def in_order(
    items: Iterable[Item], work: Callable[[Item], Result], at_a_time: int, give_up: Callable[[], None] | None = None
) -> Generator[tuple[Item, Future[Result]], None, None]:
    """Do work on items in threads.

    Args:
        items: taken one by one, at most twice as many as are worked on ahead of the results that were given.
        work: what to do, called in several threads, from whose programs interrupts are kept.
        at_a_time: number of threads.
        give_up: called where the results are no longer wanted, before what is being done is waited for.

    Yields:
        Each item and its finished work, in the order of the items; the next item is asked for before.
    """
    threads = ThreadPoolExecutor(at_a_time, thread_name_prefix="scan", initializer=block_interrupts)
    running: deque[tuple[Item, Future[Result]]] = deque()
    try:
        for item in items:
            running.append((item, threads.submit(work, item)))
            while running and (running[0][1].done() or len(running) >= 2 * at_a_time):
                running[0][1].exception()  # waits
                yield running.popleft()
        while running:
            running[0][1].exception()
            yield running.popleft()
    except BaseException:
        if give_up:
            give_up()
        raise
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
