"""No damaged file gives an exception, a hang or invalid JSON; and where one did, it would be told."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import fuzz_media
import pytest
from fuzzing import trials
from fuzzing.mutations import Mutant, mutant
from fuzzing.trials import Outcome, outcomes, reader, scanner

from pipeline.media import MediaError, SamplingPlan, open_frames, probe
from pipeline.media.limits import Limits
from tests.evidence import verdict

LIMITS = Limits(memory_bytes=1 << 30, timeout_s=20)


def tried(mutants, check_of, folder) -> list[tuple[Mutant, Path, Outcome]]:
    return list(outcomes(mutants, check_of, folder, LIMITS, workers=2))


@pytest.mark.slow
def test_three_hundred_damaged_files_end_with_a_status(seeds, tmp_path):
    scan = scanner(LIMITS)
    mutants = [mutant(seeds, 2026, number) for number in range(300)]
    found = tried(mutants, lambda number: reader(LIMITS, number) if number % 6 else scan, tmp_path)
    assert [(made.number, outcome.faults) for made, _, outcome in found if outcome.faults] == []
    assert len(found) == 300
    # Neither all whole nor all broken: else much less would be tried out.
    assert 50 < sum(outcome.status in ("decoded", "ok", "no_face") for _, _, outcome in found) < 250


def test_a_whole_file_is_decoded(seeds, tmp_path):
    whole = [Mutant(n, seed.kind, seed.ending, seed.data, ()) for n, seed in enumerate(seeds[:3])]
    found = tried(whole, lambda number: reader(LIMITS, number), tmp_path)
    assert sorted((made.number, outcome.status, outcome.faults) for made, _, outcome in found) == [
        (n, "decoded", []) for n in range(3)
    ]
    assert all(path.read_bytes() == made.data for made, path, _ in found)


def test_an_exception_and_a_hang_are_found_and_the_others_go_on(seeds, tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "_GRACE_S", 1 - 2 * LIMITS.timeout_s)
    released = threading.Event()

    def fail(path: Path):
        raise ZeroDivisionError("for a test")

    def hang(path: Path):
        released.wait(60)
        return "decoded", []

    checks = {0: hang, 1: fail, 2: lambda path: ("decoded", [])}
    found = tried([mutant(seeds, 1, number) for number in checks], checks.__getitem__, tmp_path)
    released.set()
    by_number = {made.number: outcome for made, _, outcome in found}
    assert [by_number[number].status for number in sorted(by_number)] == ["hang", "exception", "decoded"]
    assert "ZeroDivisionError: for a test" in by_number[1].faults[0]
    assert "nothing came of it" in by_number[0].faults[0]
    assert by_number[2].faults == []


def run(monkeypatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["fuzz_media.py", *map(str, arguments)])
    return fuzz_media.main()


def test_the_script_counts_and_leaves_nothing_where_all_is_well(tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, "--files", 20, "--seed", 3, "--scan-one-in", 0, "--keep", tmp_path) == 0
    said = capsys.readouterr().out
    assert "20 files (0 scanned whole) of seed 3" in said
    assert "0 faults" in said
    assert list(tmp_path.iterdir()) == []


def test_the_script_keeps_what_is_wrong_and_how_to_do_it_again(tmp_path, monkeypatch, capsys, seeds):
    def fail(path: Path):
        if path.stem == "6":
            raise ZeroDivisionError("for a test")
        return "decoded", []

    monkeypatch.setattr(fuzz_media, "reader", lambda limits, number: fail)
    assert run(monkeypatch, "--files", 3, "--first", 5, "--seed", 9, "--scan-one-in", 0, "--keep", tmp_path) == 1
    made = mutant(seeds, 9, 6)
    kept, text = tmp_path / f"6.{made.ending}", (tmp_path / "6.txt").read_text(encoding="utf-8")
    assert sorted(tmp_path.iterdir()) == sorted([kept, tmp_path / "6.txt"])
    assert kept.read_bytes() == made.data
    assert text.startswith("seed 9, number 6: ") and "ZeroDivisionError: for a test" in text
    assert f"number 6: {made.kind}, {', '.join(made.steps)}: ZeroDivisionError: for a test" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"score": float("nan")}, "Out of range float"),
        ({"status": "fine"}, "is not one of"),
        ({"coverage": {}}, "is a required property"),
        ({"status": "error"}, "the file is there and did not change"),
    ],
)
def test_a_verdict_that_is_not_as_the_schema_says_is_found(change, fault):
    class Scanned:
        def scan(self, path: Path):
            return self

        def to_json(self) -> dict:
            return verdict(status="no_face").to_json() | change

    _, faults = trials.judged_scan(Scanned(), Path("a.mp4"))
    assert any(fault in each for each in faults)


def test_damage_is_not_taken_for_a_want_of_memory(seeds, tmp_path):
    """libdav1d says now and then of this file that it cannot allocate memory."""
    made = mutant(seeds, 1, 259)
    if "av1" not in made.kind.lower():
        pytest.skip("this ffmpeg writes no AV1")
    path = tmp_path / f"damaged.{made.ending}"
    path.write_bytes(made.data)
    said = set()
    for _ in range(12):
        try:
            with open_frames(probe(path), SamplingPlan.every_frame()) as reader:
                said.add(len(list(reader)))
        except MediaError as error:
            said.add(error.status)
    assert "unsupported" not in said
