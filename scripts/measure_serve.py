"""Measure a server: what becomes of the uploads of many clients, or of whatever its description allows.

    python scripts/measure_serve.py [--clients 50] [--seconds 180]      a crowd
    python scripts/measure_serve.py --schemathesis 2000                 so many made-up requests

Both start a server of their own, on a folder that is removed. The crowd uploads distinct copies of a small clip, in
turn as a form and by tus, comes back when it is told to, and then waits for all results. Memory is resident; that of
the server with its workers counts pages twice that they share.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from serving.asking import ask
from serving.crowd import results, upload, wait_for_all, watch
from serving.running import Server

from pipeline.media.ffmpeg import find_binary

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "sample_videos" / "two_people.mp4"
_MINUTE_S = 60.0
_EXAMPLES = 6


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--clients", type=int, default=50, metavar="N")
    parser.add_argument("--seconds", type=float, default=180.0, metavar="S", help="that they upload")
    parser.add_argument("--schemathesis", type=int, metavar="N", help="make up at least N requests instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facewitness-measure-") as folder:
        if options.schemathesis:
            return _ask(Path(folder), options.schemathesis)
        return _crowd(Path(folder), options.clients, options.seconds)


def _crowd(folder: Path, clients: int, seconds: float) -> int:
    clip = _small_clip(folder / "clip.mp4")
    stop = threading.Event()
    with (
        Server(folder / "data", "--frames", "4", "--rate", "1000000") as server,
        ThreadPoolExecutor(1) as thread,
    ):
        watching = thread.submit(watch, server.address, server.process.pid, stop)
        began = time.monotonic()
        sent = upload(server.address, clip, clients, seconds)
        uploading_s = time.monotonic() - began
        wait_for_all(server.address, timeout_s=600)
        total_s = time.monotonic() - began
        stop.set()
        watched = watching.result()
        found = results(server.address)
        status = server.end()
    ids = {scan_id for of_name in found.values() for scan_id, result in of_name if result}
    lost = [name for scan_id, name in sent.names.items() if scan_id not in ids]
    double = [name for name, of_name in found.items() if len(of_name) > 1]
    statuses = Counter(result for of_name in found.values() for _, result in of_name)
    first, last = watched.peaks(0, _MINUTE_S), watched.peaks(uploading_s - _MINUTE_S, uploading_s)
    print(f"clients                        {clients} for {uploading_s:.0f} s, clips of {len(clip)} bytes")
    print(f"uploads                        {len(sent.names)}, put off {sent.put_off} times")
    print(f"results                        {len(ids)} after {total_s:.0f} s: {dict(statuses)}")
    print(f"lost                           {len(lost)}")
    print(f"double                         {len(double)}")
    print(f"failures of clients            {len(sent.failures)} {sent.failures[:3]}")
    print(f"peak memory, server            first minute {first[0]:.0f} MiB, last minute {last[0]:.0f} MiB")
    print(f"peak memory, with its workers  first minute {first[1]:.0f} MiB, last minute {last[1]:.0f} MiB")
    print(f"slowest /healthz               {max(watched.health_s):.3f} s of {len(watched.health_s)}")
    print(f"exit status, errors            {status}, {server.errors or 'none'}")
    return 1 if lost or double or sent.failures or status else 0


def _ask(folder: Path, wanted: int) -> int:
    statuses: Counter[int] = Counter()
    classes: Counter[str] = Counter()
    told: list[str] = []
    errors, ended, seed = "", 0, 0
    while statuses.total() < wanted:
        seed += 1
        # Fresh: schemathesis checks all scans of every list, which takes the longer the more there are.
        data = folder / f"data-{seed}"
        with Server(data, "--frames", "1", "--max-upload", "1", "--rate", "1000000") as server:
            answers = ask(server.address, _EXAMPLES, seed)
            ended = server.end() or ended
            errors += server.errors
        if not answers.cases:
            print(answers.told, file=sys.stderr)
            return 1
        statuses += answers.statuses
        classes.update(answers.classes)
        told += [answers.told] if answers.failed else []
        print(f"seed {seed}: {answers.classes}", flush=True)
    print(f"requests         {statuses.total()}, seeds 1 to {seed}")
    print(f"by class         {dict(sorted(classes.items()))}")
    print(f"by status        {dict(sorted(statuses.items()))}")
    print(f"failed runs      {len(told)} of {seed}")
    print(f"exit status      {ended}, errors: {errors or 'none'}")
    print("\n".join(told))
    return 1 if told or classes["5xx"] or ended else 0


def _small_clip(file: Path) -> bytes:
    """Make a clip of a second of the sample, small, with its faces."""
    command = [str(find_binary().path), "-v", "error", "-i", str(SAMPLE), "-t", "1", "-vf", "scale=320:-2", "-an"]
    subprocess.run([*command, str(file)], check=True)
    return file.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
