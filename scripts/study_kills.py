"""Kill scans at random moments, and see whether reruns end as if nothing had happened.

    python scripts/study_kills.py [--kills 40] [--clips 60] [--seed 0]

Clips are scanned in each of several ways (one or two processes, JSON or JSON lines, annotated copies, on a cluster of
this machine where Ray is installed); the program itself, one of its processes or a decoder is killed, and the same
command is given again, until so many kills are shared out over the ways. The last command of each way, which nobody
kills, also says --retry-failed: what was being scanned when the whole program was killed twice counts as deadly. Then
every file must have exactly one valid result, equal to that of a scan that was left alone; what was finished before a
kill must be as it was; and no process and no part of a file may be left.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pipeline.batch.ledger import Ledger
from pipeline.media.ffmpeg import find_binary
from pipeline.results.verdict import read_verdict

ROOT = Path(__file__).resolve().parents[1]
WAYS = (
    (),
    ("--workers", "2"),
    ("--format", "jsonl"),
    ("--format", "jsonl", "--workers", "2"),
    ("--annotate",),
    ("--cluster", "auto"),
    ("--cluster", "auto", "--workers", "2"),
)
TARGETS = ("program", "process", "decoder")
_MARK = "FACEWITNESS_STUDY"
_GONE_WITHIN_S = 10.0
_CLUSTER_STARTS_SLOWER = 2.5


@dataclass(frozen=True, slots=True)
class Kill:
    """What a kill hit.

    Attributes:
        target: one of `TARGETS`, or "nothing" if the scan had ended before.
        after_s: seconds after the scan began.
        done: number of files that had a result.
    """

    target: str
    after_s: float
    done: int


def main() -> int:
    """Run the study and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="facewitness-") as name:
        folder = Path(name)
        make_clips(folder / "clips", options.clips)
        undisturbed = results_of(scan(folder / "clips", folder / "undisturbed"))
        print(f"{len(undisturbed)} clips: {dict(Counter(result['status'] for result in undisturbed.values()))}")
        ways = [way for way in WAYS if "--cluster" not in way or importlib.util.find_spec("ray")]
        for number, way in enumerate(ways):
            kills = options.kills // len(ways) + (number < options.kills % len(ways))
            found, made = study(
                folder / "clips", folder / f"out{number}", way, kills, options.seed + number, undisturbed
            )
            hits = Counter(kill.target for kill in made)
            print(f"{' '.join(way) or 'as usual'}: {dict(hits)}, after {[round(kill.after_s, 1) for kill in made]} s")
            faults += [f"{' '.join(way) or 'as usual'}: {fault}" for fault in found]
    print("\n".join(faults) or "nothing was lost, nothing done twice, nothing left")
    return 1 if faults else 0


def make_clips(folder: Path, count: int) -> None:
    """Write short clips of one person, no two of equal bytes, the last of them damaged."""
    folder.mkdir()
    whole = ROOT / "sample_videos" / "real.mp4"
    for number in range(count):
        clip = folder / f"{number:02}.mp4"
        command = [find_binary().path, "-v", "error", "-i", whole, "-frames:v", str(16 + number % 5)]
        subprocess.run([*command, "-metadata", f"title={number}", "-c", "copy", clip], check=True)
    clip.write_bytes(clip.read_bytes()[:900])


def scan(clips: Path, out: Path, *options: str) -> Path:
    """Scan the clips to the end."""
    subprocess.run([*_command(clips, out), *options], env=_environment(""), capture_output=True, check=False)
    return out


def study(
    clips: Path, out: Path, way: tuple[str, ...], kills: int, seed: int, undisturbed: dict[str, dict[str, Any]]
) -> tuple[list[str], list[Kill]]:
    """Kill scans of one way, end with one that is left alone, and tell what is wrong then."""
    rng, faults, made = random.Random(seed), list[str](), list[Kill]()
    for _ in range(kills):
        before = documents_of(out)
        made.append(killed(clips, out, way, rng, faults))
        after = documents_of(out)
        faults += [
            f"{name} was scanned again" for name, text in before.items() if is_final(text) and after[name] != text
        ]
    before = documents_of(out)
    scan(clips, out, *way, "--retry-failed")
    after, results = documents_of(out), results_of(out)
    succeeded = {name: text for name, text in before.items() if json.loads(text)["status"] == "ok"}
    faults += [f"{name} was scanned again" for name, text in succeeded.items() if after[name] != text]
    faults += [f"{name} has no result" for name in undisturbed.keys() - results.keys()]
    faults += [f"{name} has another result" for name, result in results.items() if result != undisturbed.get(name)]
    faults += [f"{part} is left" for part in out.rglob(".part-*")]
    if "jsonl" in way:
        lines = [json.loads(line)["input"]["path"] for line in (out / "results.jsonl").read_text().splitlines()]
        faults += [f"{name} has {number} lines" for name, number in Counter(lines).items() if number > 1]
        faults += [] if len(lines) == len(undisturbed) else [f"there are {len(lines)} lines"]
    if "--annotate" in way:
        copies = {path.name for path in out.glob("*.annotated.mp4")}
        expected = {name for name, result in undisturbed.items() if result["status"] == "ok"}
        faults += [] if len(copies) == len(expected) else [f"there are {len(copies)} annotated copies"]
    return faults, made


def killed(clips: Path, out: Path, way: tuple[str, ...], rng: random.Random, faults: list[str]) -> Kill:
    """Scan, kill something at a moment, and wait until all that was started is gone."""
    mark, target = secrets.token_hex(8), rng.choice(TARGETS)
    began = time.monotonic()
    process = subprocess.Popen(
        [*_command(clips, out), *way], env=_environment(mark), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    # Not while the model is loaded, in which there is little to hit.
    wait_s = rng.uniform(0.5, 6.0) if target == "program" else rng.uniform(2.0, 6.0)
    if "--cluster" in way:
        wait_s *= _CLUSTER_STARTS_SLOWER
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(wait_s)
    victim = None
    # Decoders are short-lived: the next one that is there.
    while victim is None and process.poll() is None:
        victim = _victim(process.pid, target)
    after_s, done = time.monotonic() - began, len(documents_of(out))
    hit, started = "nothing", _started_by(process.pid)
    if victim is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
            hit = target
    if target == "program":
        process.wait()
    else:
        # The scan bears it; it is then ended itself, so that the next one has something to do.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0.5, 2.0))
        started |= _started_by(process.pid)
        process.kill()
        process.wait()
    deadline = time.monotonic() + _GONE_WITHIN_S
    while (left := _alive(started, mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    faults += [f"{each} outlived a kill of the {target}" for each in left]
    return Kill(hit, after_s, done)


def is_final(document: str) -> bool:
    """Tell whether a stored result is one that stays: not that of a file whose process was killed."""
    return json.loads(document)["status"] != "error"


def documents_of(out: Path) -> dict[str, str]:
    """Give the stored results of a folder by the name of their clip, as they are."""
    found = {}
    for file in out.glob("[!.]*.json"):
        found[file.name.removesuffix(".json")] = file.read_text()
    with contextlib.suppress(Exception):  # there is no ledger yet
        ledger = Ledger(out, read_only=True)
        for document in ledger.documents():
            found[Path(json.loads(document)["input"]["path"]).name] = document
        ledger.close()
    return found


def results_of(out: Path) -> dict[str, dict[str, Any]]:
    """Give the valid results of a folder by the name of their clip, without the time that they took."""
    results = {}
    for name, document in documents_of(out).items():
        verdict = read_verdict(document)
        if verdict is not None:
            results[name] = {key: value for key, value in verdict.to_json().items() if key != "timing_s"}
    return results


def _victim(program: int, target: str) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(program)
        if target == "program":
            return parent
        wanted = ("ffmpeg",) if target == "decoder" else ("spawn_main", "ray::NodeScanner")
        for child in parent.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(name in " ".join(child.cmdline()) for name in wanted):
                    return child
    return None


def _started_by(program: int) -> set[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return set(psutil.Process(program).children(recursive=True))
    return set()


def _alive(started: set[psutil.Process], mark: str) -> list[str]:
    """Give the commands of the processes that descend from a scan, whoever their parent is now.

    Args:
        started: what was seen to descend from it; some that Ray starts write over their environment.
        mark: in the environment of the others.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            descends = process in started or process.environ().get(_MARK) == mark
            if descends and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


def _command(clips: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "facewitness", "scan", str(clips), "-o", str(out), "--frames", "all"]


def _environment(mark: str) -> dict[str, str]:
    return {
        **os.environ,
        _MARK: mark,
        "RAY_ADDRESS": "local",
        "PYTHONPATH": os.pathsep.join((str(ROOT / "scripts"), str(ROOT))),
    }


if __name__ == "__main__":
    raise SystemExit(main())
