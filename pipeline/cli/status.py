"""`facewitness status`: how far a scan into a folder has come."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from classifiers.numerals import counted

_DESCRIPTION = """\
Tell how far the latest scan into a folder has come: files that are done, their verdicts, what failed, the rate and the
time that is left.

exit status: 0 every file has a result, 1 some have none yet or could not be scanned, 2 no scan wrote to the folder"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "status",
        help="tell how far a scan has come",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder that was given to scan with -o")
    parser.add_argument("--debug", action="store_true", help="show stack traces")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print how far it is."""
    from pipeline.batch.folder_lock import is_held
    from pipeline.batch.ledger import LEDGER, Ledger
    from pipeline.media.types import display_path, printable, quoted
    from pipeline.results.parts import FAILURES

    folder: Path = options.folder
    if not (folder / LEDGER).is_file():
        print(f"facewitness status: no scan wrote to {quoted(folder)}: there is no {LEDGER} in it", file=sys.stderr)
        return 2
    ledger = Ledger(folder, read_only=True)
    try:
        latest, counts = ledger.run(), ledger.counts()
    finally:
        ledger.close()
    if latest is None:
        print(f"facewitness status: no scan has begun in {quoted(folder)}", file=sys.stderr)
        return 2
    under_way = is_held(folder)
    state = "scanning" if under_way else "ended" if latest.ended_at else "was killed; the same command goes on"
    print(f"{latest.done} of {counted(latest.total, 'file')} done, {latest.scanned} scanned by this run: {state}")
    for name, number in counts.items():
        print(f"{number:>9}  {name}")
    if under_way and latest.scanned:
        rate = latest.scanned / (time.time() - latest.began_at)
        left_s = (latest.total - latest.done) / rate
        print(f"{3600 * rate:.0f} files an hour; {_duration(left_s)} left at this rate")
    for path in latest.running if under_way else []:
        print(f"now: {printable(display_path(path))}")
    return 0 if latest.done == latest.total and counts.keys().isdisjoint(FAILURES) else 1


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
