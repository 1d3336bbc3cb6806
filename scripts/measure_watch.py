"""Measure a watch: how late pictures are judged, its memory, when a person is named, and a stream that is cut.

    python scripts/measure_watch.py [--seconds 300] [--folder DIR]

Three watches, one after the other, each by the command as a user would give it:

1. a generated talking-head clip of 1280 x 720 pixels at 30 frames a second, which plays in real time;
2. `sample_videos/two_people.mp4`, over and over, in which one of two people is manipulated;
3. the same from a virtual camera (ffmpeg, MPEG-TS over HTTP on this machine), which is cut for some seconds.

Delays are what the program itself says. Memory is the resident memory of all its processes together, sampled every
second; pages that they share count in each. What else the machine does is told by its load average.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from benchmarks.clips import ClipSpec, make_clips

from pipeline.media.ffmpeg import find_binary

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "sample_videos" / "two_people.mp4"
CUT_S = 8.0
_MIB = 1 << 20


@dataclass(slots=True)
class Measured:
    """One watch.

    Attributes:
        events: what it told, in order.
        memory_mib: resident memory of all its processes, one number a second, from its first event on.
        cpu_s: seconds of processor time of all its processes.
        wall_s: seconds from its first event to its end.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    memory_mib: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    wall_s: float = 0.0

    def first(self, kind: str, **fields: object) -> dict[str, Any]:
        """Give the first event of a kind."""
        return next(event for event in self.events if event["event"] == kind and fields.items() <= event.items())


def main() -> None:
    """Run the three watches and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300, help="of the first watch (300)")
    parser.add_argument("--folder", type=Path, help="where generated clips are kept for another time")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load average before: {_load()}")
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        loops = max(1, round(options.seconds / 10) + 1)
        (clip,) = make_clips([ClipSpec(0, 1280, 720, 10, 2, loops)], folder)
        _tell_long(watch(clip, "--seconds", options.seconds))
        _tell_named(watch(_looped(SAMPLE, folder / "two_people.mkv", 4), "--seconds", 15))
        _tell_cut(cut_stream())
    print(f"load average after: {_load()}")


def watch(*arguments: object, during: threading.Thread | None = None) -> Measured:
    """Watch until the command ends.

    Args:
        arguments: of `facewitness watch`.
        during: begun with the command.
    """
    measured, memory = Measured(), threading.Event()
    command = [sys.executable, "-m", "facewitness", "watch", *map(str, arguments), "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        if during:
            during.start()
        sampler = threading.Thread(target=_sample, args=(process, measured, memory))
        began = 0.0
        for line in process.stdout or ():
            if not measured.events:
                began = time.monotonic()
                sampler.start()
            measured.events.append(json.loads(line))
        measured.wall_s = time.monotonic() - began
        memory.set()
        sampler.join()
    return measured


def _sample(process: subprocess.Popen[str], measured: Measured, ended: threading.Event) -> None:
    spent: dict[int, float] = {}
    while not ended.wait(1.0):
        total = 0
        with contextlib.suppress(psutil.NoSuchProcess):
            whole = psutil.Process(process.pid)
            for each in (whole, *whole.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += each.memory_info().rss
                    spent[each.pid] = sum(each.cpu_times()[:2])
        measured.memory_mib.append(total / _MIB)
    measured.cpu_s = sum(spent.values())


def _looped(clip: Path, target: Path, times: int) -> Path:
    command = [
        find_binary().path,
        "-v",
        "error",
        "-y",
        "-stream_loop",
        str(times - 1),
        "-i",
        clip,
        "-c",
        "copy",
        target,
    ]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return target


def cut_stream() -> Measured:
    """Watch a virtual camera that is cut and comes back."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/live.ts"

    def play() -> None:
        with _camera(address):
            time.sleep(25)
        time.sleep(CUT_S)
        with _camera(address):
            time.sleep(25)

    during = threading.Thread(target=play)
    measured = watch(address, "--allow-private", "--seconds", 40, "--timeout", 60, during=during)
    during.join()
    return measured


@contextlib.contextmanager
def _camera(address: str) -> Iterator[None]:
    command = [find_binary().path, "-v", "quiet", "-nostdin", "-re", "-stream_loop", "-1", "-i", SAMPLE, "-an"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25"]
    with subprocess.Popen([*command, "-f", "mpegts", "-listen", "1", address]) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGKILL)


def _tell_long(measured: Measured) -> None:
    ended, memory = measured.events[-1], measured.memory_mib
    minute = min(60, max(1, len(memory) // 3))
    after = memory[min(10, len(memory) // 4) :]
    print(f"\n1. 1280 x 720 at 30 frames a second, {measured.wall_s:.0f} s")
    print(f"   pictures: {ended['frames_came']} came, {ended['frames_looked_at']} were looked at")
    print(f"   delay: median {ended['delay_p50_s']} s, 95th percentile {ended['delay_p95_s']} s")
    print(
        f"   memory: {statistics.mean(after[:minute]):.0f} MiB in the first {minute} s, "
        f"{statistics.mean(after[-minute:]):.0f} MiB in the last, {max(memory):.0f} MiB at most"
    )
    print(f"   processor: {measured.cpu_s:.0f} s, {measured.cpu_s / measured.wall_s:.2f} cores")
    _tell_events(measured)


def _tell_named(measured: Measured) -> None:
    named = measured.first("label", label="likely_fake")
    print("\n2. two_people.mp4, over and over")
    print(f"   person {named['person']} is named likely_fake at {named['time_s']} s, {named['delay_s']} s later")
    _tell_events(measured)


def _tell_cut(measured: Measured) -> None:
    print(f"\n3. a stream that is cut for {CUT_S:g} s")
    _tell_events(measured)


def _tell_events(measured: Measured) -> None:
    for event in measured.events[:12]:
        print(f"   {event['time_s']:8.2f} s  delay {event['delay_s']}  {event['message']}")
    if len(measured.events) > 12:
        print(f"   ... and {len(measured.events) - 12} more; the last: {measured.events[-1]['message']}")


def _load() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


if __name__ == "__main__":
    main()
