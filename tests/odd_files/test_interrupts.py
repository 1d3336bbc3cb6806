"""Ctrl-C, once and again, at any moment: a real process that gets real signals, with all that it started.

Moments are told by what the process has done, not by the clock, since how long that takes depends on the machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.media_files import run_ffmpeg

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_videos"
CLIPS = 8
SAID = "facewitness: interrupted; what was finished has been written\n"

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


@dataclass
class Run:
    """A command at a terminal of its own."""

    process: subprocess.Popen
    out: Path
    children: dict[int, psutil.Process]

    def interrupt(self, whole_group: bool = True) -> None:
        """Do what Ctrl-C does at a terminal, which reaches the children too, or `kill -INT`, which does not."""
        if self.process.poll() is None:
            if whole_group:
                os.killpg(self.process.pid, signal.SIGINT)
            else:
                self.process.send_signal(signal.SIGINT)

    def wait_for(self, moment: Callable[[Run], bool]) -> None:
        while not moment(self):
            assert self.process.poll() is None, "it ended before the moment came"
            time.sleep(0.002)
        self.children = {child.pid: child for child in psutil.Process(self.process.pid).children(recursive=True)}

    def end(self) -> tuple[str, str, float]:
        """Wait for the end: what it printed, and the seconds that took."""
        began = time.monotonic()
        output, errors = self.process.communicate(timeout=60)
        return output, errors, time.monotonic() - began

    def left(self) -> list[psutil.Process]:
        """Give the processes that it started and that are still there after a moment."""
        return psutil.wait_procs(list(self.children.values()), timeout=5)[1]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of clips of which the first is short and soon done, and the others are not."""
    folder = tmp_path_factory.mktemp("clips")
    run_ffmpeg("-i", SAMPLES / "real.mp4", "-frames:v", 3, "-c", "copy", folder / "0.mp4")
    for number in range(1, CLIPS):
        # Of equal bytes one would be scanned only.
        (folder / f"{number}.mp4").write_bytes((SAMPLES / "two_people.mp4").read_bytes() + bytes(number))
    return folder


@pytest.fixture
def scan(clips: Path, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(*options: str) -> Run:
        command = [sys.executable, "-m", "facewitness", "scan", clips, "-o", tmp_path / "out", "--frames", "all"]
        process = subprocess.Popen(
            [*map(str, command), *options],
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "scripts"), str(ROOT)))},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        runs.append(Run(process, tmp_path / "out", {}))
        return runs[-1]

    yield begin
    for run in runs:
        run.process.kill()
        run.process.communicate()


def _run_program(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)


def has_loaded(library: str, run: Run) -> bool:
    """Tell whether it or a process of its own has."""
    parent = psutil.Process(run.process.pid)
    with contextlib.suppress(OSError, psutil.NoSuchProcess):  # one that has just ended
        processes = (parent.pid, *(child.pid for child in parent.children()))
        return any(library in Path(f"/proc/{pid}/maps").read_text() for pid in processes)
    return False


def has_a_result(run: Run) -> bool:
    return any(run.out.glob("*.json"))


def is_scanning(run: Run) -> bool:
    """Tell whether frames are being decoded, by this process or by its workers."""
    with contextlib.suppress(psutil.NoSuchProcess):  # one that has just ended
        return any("ffmpeg" in child.name() for child in psutil.Process(run.process.pid).children(recursive=True))
    return False


def is_starting_workers(run: Run) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):  # one that has just ended
        return any("spawn_main" in " ".join(child.cmdline()) for child in psutil.Process(run.process.pid).children())
    return False


MOMENTS: dict[str, Callable[[Run], bool]] = {
    "numpy is imported": partial(has_loaded, "_multiarray_umath"),
    "openvino is imported": partial(has_loaded, "openvino"),
    "workers are started": is_starting_workers,
    "frames are decoded": is_scanning,
    "a result is there": has_a_result,
}


def check(run: Run) -> None:
    """What must hold after two interrupts, whenever they came."""
    _, errors, seconds = run.end()
    assert run.process.returncode in (130, -signal.SIGINT)
    assert errors in ("", SAID)
    assert seconds < 3
    assert not run.left()
    for file in run.out.glob("*.json"):
        document = json.loads(file.read_text())
        assert document["status"] == "ok", document["message"]
        assert not document["warnings"]
        assert document["sampling"]["frames"] == document["input"]["probe"]["frames"], "a part of it is no result"


@pytest.mark.parametrize(
    ("moment", "outcome"),
    [("numpy is imported", (-signal.SIGINT, "")), ("openvino is imported", (130, SAID))],
)
def test_one_interrupt_while_it_starts(scan, moment, outcome):
    run = scan()
    run.wait_for(MOMENTS[moment])
    run.interrupt()
    _, errors, seconds = run.end()
    assert (run.process.returncode, errors) == outcome
    assert seconds < 1


def test_two_interrupts_while_it_scans(scan):
    run = scan("--workers", "1")
    run.wait_for(is_scanning)
    run.interrupt()
    time.sleep(0.15)
    run.interrupt()
    check(run)


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "workers", "gap_s", "whole_group"), [
    ("workers are started", "2", 0.1, True),
    ("workers are started", "2", 0.29, False),
    ("frames are decoded", "2", 0.1, True),
    ("frames are decoded", "2", 0.29, False),
    ("a result is there", "1", 0.29, True),
    ("a result is there", "2", 0.1, True),
])  # fmt: skip
def test_two_interrupts(scan, moment, workers, gap_s, whole_group):
    run = scan("--workers", workers)
    run.wait_for(MOMENTS[moment])
    run.interrupt(whole_group)
    time.sleep(gap_s)
    run.interrupt(whole_group)
    check(run)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_one_interrupt_ends_in_order(scan, workers):
    run = scan("--workers", workers)
    run.wait_for(has_a_result)
    run.interrupt()
    output, errors, _ = run.end()
    assert (run.process.returncode, errors, output) == (130, SAID, "")
    assert not run.left()
    assert (run.out / "results.csv").is_file()
    kept = [json.loads(file.read_text()) for file in run.out.glob("*.json")]
    assert 1 <= len(kept) < CLIPS
    assert all(each["sampling"]["frames"] == each["input"]["probe"]["frames"] for each in kept)


def test_an_interrupt_in_a_finalizer_is_not_lost():
    program = (
        "import signal\n"
        "from pipeline.cli.interrupts import orderly_end\n"
        "class Connection:\n"
        "    def __del__(self): signal.raise_signal(signal.SIGINT)\n"
        "with orderly_end():\n"
        "    Connection()\n"
        "    print('it went on')\n"
    )
    run = _run_program(program)
    assert (run.returncode, run.stdout, run.stderr) == (-signal.SIGINT, "", "")


def test_an_interrupt_once_all_is_done():
    """As main leaves the block in which interrupts are taken care of: it ends in order, without a traceback."""
    program = (
        "import signal, sys\n"
        "from pipeline.cli import main\n"
        "def leaving(frame, event, _):\n"
        "    if event == 'call' and frame.f_code.co_name == '__exit__' and frame.f_back.f_code is main.__code__:\n"
        "        sys.setprofile(None)\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "sys.setprofile(leaving)\n"
        "sys.exit(main(['models']))\n"
    )
    run = _run_program(program)
    assert (run.returncode, run.stderr) == (130, SAID)
    assert "mobilenet_v2" in run.stdout


@pytest.mark.slow
def test_an_interrupt_as_it_ends(scan):
    run = scan("--frames", "1")
    lines = []
    while not lines or not lines[-1].startswith("Results are in"):
        lines.append(run.process.stdout.readline())
    run.interrupt()
    _, errors, seconds = run.end()
    assert (run.process.returncode, errors) in ((0, ""), (-signal.SIGINT, ""), (130, SAID))
    assert seconds < 3
