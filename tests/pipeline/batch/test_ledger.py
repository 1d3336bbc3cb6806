"""What is kept of every file, seen from other processes too, and what keeps threads apart."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import tracemalloc
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batch.entries import FileIdentity
from pipeline.batch.equal_files import EqualFiles
from pipeline.batch.ledger import LEDGER, Ledger
from pipeline.batch.turnstile import Turnstile
from pipeline.results.input import Input
from pipeline.results.summary import Summary
from pipeline.results.writers import WriteError

NAMES = st.lists(
    st.binary(min_size=1, max_size=12).filter(lambda name: b"/" not in name and b"\0" not in name), max_size=12
)


def source(name: str) -> Input:
    return Input(Path(name), Path(Path(name).name))


@given(names=NAMES)
def test_inputs_come_back_as_they_were_given_each_once(names):
    inputs = [source(f"/in/{os.fsdecode(name)}") for name in names]
    firsts = list({os.path.normpath(each.path): each for each in reversed(inputs)}.values())[::-1]
    ledger = Ledger(None)
    assert ledger.expect(inputs) == len(firsts)
    assert set(ledger.inputs()) == set(firsts)
    ledger.close()


@given(
    summary=st.builds(
        Summary,
        path=st.text(),
        status=st.text(),
        label=st.none() | st.text(),
        score=st.none() | st.floats(0, 1),
        faces=st.integers(0, 99),
        seen=st.none() | st.floats(0, 1),
        with_face=st.none() | st.floats(0, 1),
        seconds=st.floats(0, 1e6),
        note=st.text(),
    )
)
def test_summaries_come_back_as_they_were(summary):
    ledger = Ledger(None)
    ledger.expect([source("a")])
    ledger.finish(source("a"), summary)
    ledger.list_input(source("a"))
    assert list(ledger.summaries_of_run()) == list(ledger.summaries()) == [summary]
    entry = ledger.entry(source("a"))
    assert entry.summary == summary and entry.state == "done" and entry.attempts == 0
    ledger.close()


@pytest.mark.slow
def test_many_paths_take_no_memory():
    """Fifty thousand take thirty megabytes as objects; what other tests left running takes some itself."""
    tracemalloc.start()
    ledger = Ledger(None)
    total = ledger.expect(source(f"/archive/{number:06}.mp4") for number in range(50_000))
    assert total == 50_000 and sum(1 for _ in ledger.inputs()) == total
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    ledger.close()
    assert peak < 10 << 20


def test_attempts_count_until_one_ends(tmp_path):
    ledger, clip = Ledger(tmp_path), source("a.mp4")
    ledger.expect([clip])
    assert (ledger.entry(clip).state, ledger.entry(clip).attempts) == ("waiting", 0)
    ledger.begin(clip)
    ledger.begin(clip)
    assert (ledger.entry(clip).state, ledger.entry(clip).attempts) == ("running", 2)
    ledger.break_off(clip)
    assert (ledger.entry(clip).state, ledger.entry(clip).attempts) == ("waiting", 1)
    ledger.begin(clip)
    ledger.finish(clip, Summary("a.mp4", "ok"))
    assert (ledger.entry(clip).state, ledger.entry(clip).attempts) == ("done", 0)
    ledger.close()


def test_others_may_read_while_it_is_written(tmp_path):
    writing = Ledger(tmp_path)
    writing.expect([source("a.mp4"), source("b.mp4")])
    writing.begin(source("a.mp4"))
    reading = Ledger(tmp_path, read_only=True)
    assert reading.run().running == ["a.mp4"] and reading.run().done == 0
    writing.finish(source("a.mp4"), Summary("a.mp4", "ok", "likely_real", 0.1))
    writing.list_input(source("a.mp4"))
    writing.end_run()
    assert reading.counts() == {"likely_real": 1}
    run = reading.run()
    assert (run.total, run.done, run.scanned, run.running) == (2, 1, 1, []) and run.ended_at >= run.began_at
    reading.close()
    writing.close()
    assert {path.name for path in tmp_path.iterdir()} == {LEDGER}


def test_files_of_equal_bytes_are_found_by_those_of_the_scanner_only():
    ledger = Ledger(None)
    ledger.expect(map(source, "abc"))
    identity = FileIdentity(5, 1, 2)
    ledger.finish(source("a"), Summary("a", "ok"), scanner="x", identity=identity, sha256="00")
    assert ledger.has_another_of_size(source("b"), 5) and not ledger.has_another_of_size(source("a"), 5)
    assert ledger.of_content(5, "00", "x").path.name == "a"
    for size, sha256, scanner in ((6, "00", "x"), (5, "01", "x"), (5, "00", "y")):
        assert ledger.of_content(size, sha256, scanner) is None
    ledger.close()


@pytest.mark.parametrize("content", [b"no database at all, but text that is long enough to be one" * 20, b""])
def test_a_file_that_is_no_ledger(tmp_path, content):
    (tmp_path / LEDGER).write_bytes(content)
    if not content:  # SQLite makes one of it
        Ledger(tmp_path).close()
        return
    with pytest.raises(WriteError, match=LEDGER):
        Ledger(tmp_path)


def test_a_ledger_of_another_version_is_refused(tmp_path):
    Ledger(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / LEDGER)) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(WriteError, match="another version of Facewitness: name another folder"):
        Ledger(tmp_path)


def test_the_columns_of_a_summary_are_those_of_the_ledger(tmp_path):
    Ledger(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / LEDGER)) as other:
        columns = {row[1] for row in other.execute("PRAGMA table_info(files)")}
    assert {each.name for each in fields(Summary)} <= columns


def in_thread(work) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_who_wants_to_be_alone_waits_and_is_then_alone():
    turnstile, entered, leave = Turnstile(), threading.Event(), threading.Event()
    order: list[str] = []

    def beside() -> None:
        with turnstile.beside_others():
            entered.set()
            leave.wait()
            order.append("beside")

    def alone() -> None:
        with turnstile.alone():
            order.append("alone")

    def later() -> None:
        with turnstile.beside_others():
            order.append("later")

    first = in_thread(beside)
    entered.wait()
    second = in_thread(alone)
    while not turnstile._waiting_alone:
        pass
    third = in_thread(later)
    third.join(0.1)
    assert order == []
    leave.set()
    for thread in (first, second, third):
        thread.join(5)
    assert order == ["beside", "alone", "later"]


@pytest.mark.parametrize(("contents", "waits"), [((b"same", b"same"), True), ((b"some", b"else"), False)])
def test_only_files_of_equal_bytes_wait_for_each_other(contents, waits):
    hashed: list[str] = []
    of = dict(zip(("a", "b"), contents, strict=True))
    equal = EqualFiles(lambda path: hashed.append(path.name) or of[path.name].decode())
    met = threading.Event()
    seen: list[str | None] = []

    def second() -> None:
        with equal.working_on(Path("b"), 4, met=False) as sha256:
            seen.append(sha256)
            met.set()

    with equal.working_on(Path("a"), 4, met=False) as sha256:
        assert sha256 is None and not hashed, "what is alone of its size is not read for this"
        thread = in_thread(second)
        assert met.wait(0.3 if waits else 5) is not waits
    thread.join(5)
    assert seen == [contents[1].decode()] and sorted(hashed) == ["a", "b"]
