"""Works on several items at a time, and gives the results in the order of the items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    items: Iterable[Item], work: Callable[[Item], Result], at_a_time: int, give_up: Callable[[], None] | None = None
) -> Generator[tuple[Item, Future[Result]], None, None]:
    """Do work on items in threads.

    Args:
        items: taken one by one, at most twice as many as are worked on ahead of the results that were given.
        work: what to do, called in several threads.
        at_a_time: number of threads.
        give_up: called where the results are no longer wanted, before what is being done is waited for.

    Yields:
        Each item and its finished work, in the order of the items; the next item is asked for before.
    """
    threads = ThreadPoolExecutor(at_a_time, thread_name_prefix="scan")
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
