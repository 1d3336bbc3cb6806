"""The command line. Only this package prints."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from pipeline.cli import calibrate, compare, evaluate, explore, export, faces, models, report, scan, train
from pipeline.version import __version__

_COMMANDS = (scan, report, models, faces, explore, train, evaluate, compare, calibrate, export)

WRONG_USAGE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name.

    Returns:
        Exit status: 0 every input got a result, 1 some input did not, 2 wrong usage, 130 interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="facewitness",
        description="Scan videos and images for manipulated faces: which face, when, how sure, and why.",
    )
    parser.add_argument("--version", action="version", version=f"facewitness {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(subparsers)
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character gets its escape, not a crash.
        stream.reconfigure(errors="backslashreplace")
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("facewitness: interrupted; what was finished has been written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone: not an error of ours, and nothing may be flushed to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if getattr(options, "debug", False):
            raise
        print(f"facewitness: {type(error).__name__}: {error} (a bug; --debug shows where)", file=sys.stderr)
        return 1
