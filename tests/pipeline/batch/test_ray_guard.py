"""What becomes of processes and their folder once nobody is left who asked for them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.batch import ray_guard

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

WAITING = "import sys; print(flush=True); sys.stdin.read()"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own" / "logs").mkdir(parents=True)
    return tmp_path / "own"


@pytest.fixture
def inside(folder: Path) -> Iterator[subprocess.Popen]:
    """A process whose log is in the folder."""
    yield from waiting(folder / "logs" / "out")


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[subprocess.Popen]:
    yield from waiting(tmp_path / "out")


def waiting(log: Path) -> Iterator[subprocess.Popen]:
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, "-c", WAITING], stdin=subprocess.PIPE, stdout=file)
    yield process
    process.kill()
    process.communicate()


def asking(folder: Path) -> subprocess.Popen:
    """Start a process that has a file in the folder as well, and a guard; it is told when to be done."""
    program = (
        "import subprocess, sys\n"
        "guard, folder = sys.argv[1:]\n"
        "log = open(folder + '/logs/mine', 'w')\n"
        "guard = subprocess.Popen([sys.executable, '-I', guard, folder], stdin=subprocess.PIPE)\n"
        "print(flush=True)\n"
        "sys.stdin.readline()\n"
        "guard.communicate()\n"
        "print('lives on')\n"
    )
    command = [sys.executable, "-c", program, ray_guard.__file__, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "\n"
    return process


def test_what_is_at_work_in_the_folder_is_ended_and_the_folder_removed(folder, inside, outside):
    process = asking(folder)
    assert inside.poll() is None and folder.exists()
    assert process.communicate("\n", timeout=30)[0] == "lives on\n"
    assert inside.wait(5) != 0
    assert outside.poll() is None
    assert not folder.exists()


def test_so_it_is_when_whoever_asked_is_killed(folder, inside):
    process = asking(folder)
    process.kill()
    process.communicate(timeout=30)  # the guard has the same output
    assert inside.wait(5) != 0
    assert not folder.exists()
