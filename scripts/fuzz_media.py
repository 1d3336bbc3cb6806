"""Feed damaged files to the scanner: whatever a file holds must end with a status, in bounded time and memory.

    python scripts/fuzz_media.py --files 5000 --seed 1 --keep findings
    python scripts/fuzz_media.py --files 1 --seed 1 --first 1234     number 1234 of that run once more

Needs `pip install '.[dev]'`. Small valid files of many kinds are made with the ffmpeg and the Pillow that are there,
and damaged. Each is probed and decoded; one in --scan-one-in goes through a whole scan, and the JSON of its verdict is
checked against the schema. What a file is depends on the seed and its number alone.

Prints how many files of each kind ended with which status, the slowest, the most memory that this process and its
decoders had together, and every fault: an exception, a hang, frames out of order, a message that is no sentence,
invalid JSON. Files that show one stay in --keep, with a text that says what it is; if this process itself is killed,
those that were tried then are there. The exit status is 1 if there is a fault.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import PeakMemory
from fuzzing.mutations import Mutant, mutant
from fuzzing.seeds import make_seeds
from fuzzing.trials import Check, Outcome, outcomes, reader, scanner

from pipeline.analysis.resources import usable_cores
from pipeline.media.limits import Limits

_SLOWEST = 5
_MEMORY_INTERVAL_S = 0.1
_PROGRESS_EVERY = 100


@dataclass(slots=True)
class Tally:
    """Counts what came of files."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    slowest: list[tuple[float, Mutant]] = field(default_factory=list)
    faults: list[tuple[Mutant, str]] = field(default_factory=list)

    def add(self, made: Mutant, outcome: Outcome) -> None:
        """Count one."""
        self.counts[made.kind, outcome.status] += 1
        self.slowest = sorted([*self.slowest, (outcome.seconds, made)], key=lambda item: -item[0])[:_SLOWEST]
        self.faults += [(made, fault) for fault in outcome.faults]

    def table(self) -> str:
        """Give the counts, a line for each kind of file and one for all."""
        kinds, statuses = (sorted({key[place] for key in self.counts}) for place in (0, 1))
        rows = [["", *statuses, "all"]]
        for kind in kinds:
            counts = [self.counts[kind, status] for status in statuses]
            rows.append([kind, *map(str, counts), str(sum(counts))])
        totals = [sum(self.counts[kind, status] for kind in kinds) for status in statuses]
        rows.append(["all", *map(str, totals), str(sum(totals))])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows)


def main() -> int:
    """Try files and print what came of them."""
    options = _parse()
    options.keep.mkdir(parents=True, exist_ok=True)
    limits = Limits(memory_bytes=options.memory << 20, timeout_s=options.timeout)
    seeds, lacking = make_seeds()
    if lacking:
        print(f"Left out, because they cannot be written here: {', '.join(lacking)}.")
    numbers = range(options.first, options.first + options.files)
    scanned = {number for number in numbers if options.scan_one_in and number % options.scan_one_in == 0}
    scan = scanner(limits) if scanned else None

    def check_of(number: int) -> Check:
        return scan if scan and number in scanned else reader(limits, number)

    tally, began = Tally(), time.monotonic()
    mutants = (mutant(seeds, options.seed, number) for number in numbers)
    with PeakMemory(os.getpid(), _MEMORY_INTERVAL_S) as memory:
        for done, (made, path, outcome) in enumerate(
            outcomes(mutants, check_of, options.keep, limits, options.workers), start=1
        ):
            tally.add(made, outcome)
            if outcome.faults:
                heading = f"seed {options.seed}, number {made.number}: {', '.join(made.steps)}"
                said = "\n\n".join([heading, *outcome.faults])
                path.with_suffix(".txt").write_text(said + "\n", encoding="utf-8")
                print(said, file=sys.stderr)
            else:
                path.unlink()
            if done % _PROGRESS_EVERY == 0:
                print(f"{time.monotonic() - began:6.0f} s  {done} files, {len(tally.faults)} faults", file=sys.stderr)
    seconds = time.monotonic() - began
    print(tally.table())
    print(f"\n{options.files} files ({len(scanned)} scanned whole) of seed {options.seed} in {seconds:.0f} s,", end=" ")
    print(f"{options.workers} at a time; at most {memory.peak_mib:.0f} MiB together")
    for taken_s, made in tally.slowest:
        print(f"  {taken_s:6.1f} s  number {made.number}: {made.kind}, {', '.join(made.steps)}")
    print(f"{len(tally.faults)} faults" + (f", the files are in {options.keep}" if tally.faults else ""))
    for made, fault in tally.faults:
        print(f"  number {made.number}: {made.kind}, {', '.join(made.steps)}: {fault.strip().splitlines()[-1]}")
    return 1 if tally.faults else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=500, metavar="N", help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all random choices (%(default)s)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first file (%(default)s)")
    parser.add_argument(
        "--scan-one-in", type=int, default=20, metavar="N", help="scan every so many whole, or 0 for none (%(default)s)"
    )
    parser.add_argument("--workers", type=int, default=usable_cores(), metavar="N", help="files at a time (all cores)")
    parser.add_argument("--memory", type=int, default=1024, metavar="MB", help="a decoder may have (%(default)s)")
    parser.add_argument("--timeout", type=float, default=20, metavar="S", help="seconds a file may take (%(default)g)")
    parser.add_argument(
        "--keep", type=Path, default=Path("out/fuzz"), metavar="DIR", help="where findings are kept (%(default)s)"
    )
    options = parser.parse_args()
    if options.files < 1 or options.workers < 1:
        parser.error("--files and --workers are numbers above 0")
    return options


if __name__ == "__main__":
    sys.exit(main())
