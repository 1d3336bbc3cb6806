"""Which worker gets a task, and who waits for which."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitedTooLongError
from contextlib import AbstractContextManager, ExitStack

import pytest

from pipeline.batch.places import Places

A_MOMENT = 0.2
AT_MOST = 10


class Visitor:
    """A thread that takes a place and keeps it until it is told to go."""

    def __init__(self, take: Callable[[], AbstractContextManager[str]]) -> None:
        self._take, self._go = take, threading.Event()
        self._place: Future[str] = Future()
        threading.Thread(target=self._stay, daemon=True).start()

    def _stay(self) -> None:
        try:
            with self._take() as worker:
                self._place.set_result(worker)
                self._go.wait()
        except Exception as error:
            self._place.set_exception(error)

    def waits(self) -> bool:
        try:
            self._place.exception(A_MOMENT)
        except WaitedTooLongError:
            return True
        return False

    def place(self) -> str:
        return self._place.result(AT_MOST)

    def go(self) -> None:
        self._go.set()


@pytest.fixture
def places() -> Places[str]:
    return Places()


def test_who_has_most_room_is_next_and_no_room_is_exceeded(places):
    places.open("large", 4)
    places.open("small", 2)
    visitors = [Visitor(places.beside_others) for _ in range(6)]
    assert sorted(visitor.place() for visitor in visitors) == ["large"] * 4 + ["small"] * 2
    late = Visitor(places.beside_others)
    assert late.waits()
    next(each for each in visitors if each.place() == "small").go()
    assert late.place() == "small"


def test_a_worker_that_comes_later_is_waited_for(places):
    visitor = Visitor(places.beside_others)
    assert visitor.waits()
    places.open("a", 1)
    assert visitor.place() == "a"


def test_who_is_alone_waits_for_others_and_keeps_others_out(places):
    places.open("a", 3)
    before = Visitor(places.beside_others)
    before.place()
    alone, second = Visitor(places.alone), Visitor(places.alone)
    assert alone.waits() and second.waits()
    after = Visitor(places.beside_others)
    assert after.waits(), "else one could wait for ever"
    before.go()
    first = next(each for each in (alone, second) if not each.waits())
    assert first.place() == "a"
    assert after.waits()
    for each in (alone, second, after):
        each.go()
    assert second.place() == alone.place() == after.place() == "a"


def test_other_workers_go_on_while_one_is_alone(places):
    places.open("a", 1)
    places.open("b", 1)
    alone = Visitor(places.alone)
    other = Visitor(places.beside_others)
    assert {alone.place(), other.place()} == {"a", "b"}


def test_who_waits_to_be_alone_takes_another_worker_if_his_is_lost(places):
    places.open("a", 2)
    before = Visitor(places.beside_others)
    before.place()
    alone = Visitor(places.alone)
    assert alone.waits()
    places.close("a")
    assert alone.waits()
    places.open("b", 2)
    assert alone.place() == "b"
    before.go()


def test_all_who_wait_and_come_later_learn_of_the_end(places):
    places.open("a", 1)
    inside = Visitor(places.beside_others)
    inside.place()
    waiting = [Visitor(places.beside_others), Visitor(places.alone), Visitor(places.alone)]
    assert all(visitor.waits() for visitor in waiting)
    places.end(KeyError("first"))
    places.end(KeyError("second"))
    for visitor in (*waiting, Visitor(places.beside_others)):
        with pytest.raises(KeyError, match="first"):
            visitor.place()


def test_many_threads_never_exceed_any_room(places):
    rooms = {"a": 1, "b": 2, "c": 3}
    inside, most, counting = dict.fromkeys(rooms, 0), dict.fromkeys(rooms, 0), threading.Lock()
    shared_while_alone: list[str] = []

    def visit(number: int) -> None:
        alone = number % 10 == 0
        with places.alone() if alone else places.beside_others() as worker, ExitStack() as leaving:
            with counting:
                inside[worker] += 1
                most[worker] = max(most[worker], inside[worker])
                if alone and inside[worker] > 1:
                    shared_while_alone.append(worker)
            leaving.callback(leave, worker)

    def leave(worker: str) -> None:
        with counting:
            inside[worker] -= 1

    for worker, room in rooms.items():
        places.open(worker, room)
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(visit, range(3000)))
    assert all(most[worker] <= room for worker, room in rooms.items())
    assert not shared_while_alone
