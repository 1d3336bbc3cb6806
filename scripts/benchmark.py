"""Measure what a scan costs, next to the usual way to do it and to decoding and classifying alone.

    python scripts/benchmark.py                       everything on generated clips
    python scripts/benchmark.py --videos DIR          also your own videos
    python scripts/benchmark.py --quick               two minutes, to see that all works
    python scripts/benchmark.py --instructions        count instructions instead, to compare two commits

Needs `pip install '.[dev]'`. Leaves `benchmark.json` and `benchmark.png` in --out, prints a table, and compares with
an earlier `benchmark.json` given by --baseline. Nothing is measured beside anything else: leave the machine alone.

CPU seconds are user and system time of a process and all that it starts, ffmpeg included; figures are medians of
--repetitions. The slow usual stack runs once where there are many clips, and decoding where it takes over a minute.
"From its start" means a fresh process; all else is measured in one that has scanned a clip before.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.clips import ClipSpec, make_clips
from benchmarks.instructions import count_by_stage, find_counter
from benchmarks.processes import MeasurementError
from benchmarks.results import Results
from benchmarks.scenarios import QUICK, SCENARIOS, Case, Scale, generated_cases, own_videos
from benchmarks.subjects import SUBJECTS, measure

_INSTRUCTION_CLIP = ClipSpec(seconds=1, width=640, height=360)
_INSTRUCTION_FRAMES = 8


def main() -> int:
    """Measure, write and print."""
    options = _parse()
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "benchmark.json"
    try:
        baseline = Results.read(options.baseline) if options.baseline else None
        if options.redraw:
            results = Results.read(options.redraw)
        elif options.instructions:
            results = _count(options)
        else:
            results = _measure(options, file)
    except (MeasurementError, OSError, ValueError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 1
    results.write(file)
    print(results.table(baseline))
    if results.rows:
        from benchmarks.figure import draw

        draw(results, options.out / "benchmark.png")
    print(f"\nIn {options.out}: " + ", ".join(sorted(path.name for path in options.out.glob("benchmark.*"))))
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/benchmark"), metavar="DIR")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="where generated clips are kept (OUT/clips)")
    parser.add_argument(
        "--videos", type=Path, metavar="DIR", help="measure on these too; full and adaptive verdicts are compared"
    )
    parser.add_argument(
        "--scenarios", default=",".join(SCENARIOS), metavar="NAMES", help="some of %(default)s, or none"
    )
    parser.add_argument("--subjects", default=",".join(SUBJECTS), metavar="NAMES", help="some of %(default)s")
    parser.add_argument("--repetitions", type=int, default=3, metavar="N", help="of which the median is taken (3)")
    parser.add_argument("--quick", action="store_true", help="few, short and small clips, once")
    parser.add_argument(
        "--instructions",
        action="store_true",
        help="count the instructions of one scan instead, by perf or, in a quarter of an hour, by valgrind",
    )
    parser.add_argument(
        "--baseline", type=Path, metavar="FILE", help="benchmark.json of an earlier run to compare with"
    )
    parser.add_argument(
        "--redraw", type=Path, metavar="FILE", help="measure nothing; table and figure of this benchmark.json"
    )
    options = parser.parse_args()
    options.clips = options.clips or options.out / "clips"
    options.scenarios = [name for name in options.scenarios.split(",") if name not in ("", "none")]
    options.subjects = options.subjects.split(",")
    for given, known in ((options.scenarios, SCENARIOS), (options.subjects, SUBJECTS)):
        if unknown := sorted(set(given) - set(known)):
            parser.error(f"{', '.join(unknown)}: there are only {', '.join(known)}")
    if options.repetitions < 1:
        parser.error("--repetitions is a number above 0")
    return options


def _measure(options: argparse.Namespace, file: Path) -> Results:
    scale = QUICK if options.quick else Scale()
    repetitions = 1 if options.quick else options.repetitions
    results = Results.of_this_machine(repetitions)
    began = time.monotonic()
    cases = generated_cases(options.scenarios, scale, options.clips)
    for case in [*cases, *_own(options.videos, scale)]:
        rows = []
        for subject in [name for name in case.subjects if name in options.subjects]:
            rows.append(measure(case, subject, repetitions, rows))
            row = rows[-1]
            print(
                f"{time.monotonic() - began:6.0f} s  {case.scenario}, {case.label}: {SUBJECTS[subject].title.strip()}: "
                f"{row.cpu_s:.2f} CPU s a clip, {row.peak_mib:.0f} MiB",
                file=sys.stderr,
            )
        results.rows += rows
        # A long run that is broken off leaves what it has.
        results.write(file)
    return results


def _own(argument: Path | None, scale: Scale) -> list[Case]:
    if argument is None:
        return []
    from pipeline.batch.inputs import expand_inputs

    return [own_videos([source.path for source in expand_inputs([str(argument)])], scale)]


def _count(options: argparse.Namespace) -> Results:
    counter = find_counter()
    clip = make_clips([_INSTRUCTION_CLIP], options.clips)[0]
    results = Results.of_this_machine(1)
    results.machine["counter"] = counter.name
    for name, count in count_by_stage(counter, clip, _INSTRUCTION_FRAMES):
        print(f"{count:>18,}  {name}", file=sys.stderr)
        results.instructions[name] = count
    return results


if __name__ == "__main__":
    sys.exit(main())
