"""Measure what it takes to find that a large batch is finished.

    python scripts/measure_rerun.py [--files 100000]

Scans one clip, makes so many small files and, through the writer that scans use, the result of that clip for each of
them; then gives the same scan of all of them, twice. Nothing may be scanned. Prints seconds, CPU seconds and the peak
memory of all processes of each run; pages that they share count for each.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.processes import run_command

from pipeline.batch.entries import FileIdentity
from pipeline.batch.output import Output
from pipeline.results.input import Input

SAMPLE = Path(__file__).resolve().parents[1] / "sample_videos" / "real.mp4"
_FILES_OF_A_FOLDER = 1000


def main() -> int:
    """Make the batch, and run it again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000, metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        files, results = Path(place, "in"), Path(place, "out")
        files.mkdir()
        command = [sys.executable, "-m", "facewitness", "scan", str(files), "-o", str(results)]
        shutil.copy(SAMPLE, files / "real.mp4")
        run_command(command)
        _fill(files, results, options.files)
        for _ in range(2):
            cost = run_command(command)
            print(
                f"{options.files:,} files: {cost.wall_s:.1f} s, {cost.cpu_s:.1f} CPU s, {cost.peak_mib:.0f} MiB",
                flush=True,
            )
            _check(results, options.files)
    return 0


def _fill(files: Path, results: Path, count: int) -> None:
    """Add files of a few bytes, and for each the result of the one that was scanned."""
    known = Input(files / "real.mp4", Path("real.mp4"))
    sources = []
    for number in range(count - 1):
        relative = Path(f"{number // _FILES_OF_A_FOLDER:04}", f"{number:07}.mp4")
        (files / relative).parent.mkdir(exist_ok=True)
        (files / relative).write_bytes(number.to_bytes(8, "big"))
        sources.append(Input(files / relative, relative))
    with Output(results) as output:
        verdict, entry = output.stored(known), output.ledger.entry(known)
        if verdict is None or entry is None:
            raise SystemExit("the sample was not scanned")
        output.expect([known, *sources])
        for source in sources:
            of_it = replace(verdict, input=replace(verdict.input, path=str(source.path)))
            output.write(source, of_it, FileIdentity.of(source.path), entry.scanner)


def _check(results: Path, count: int) -> None:
    lines: Sequence[str] = (results / "results.csv").read_text(encoding="utf-8").splitlines()
    if sum(",ok,likely_real," in line for line in lines) != count:
        raise SystemExit("the rerun scanned something")


if __name__ == "__main__":
    sys.exit(main())
