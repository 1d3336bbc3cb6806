"""The command line. Only this package prints."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from pipeline.cli import (
    benchmark_models,
    calibrate,
    compare,
    evaluate,
    explore,
    export,
    faces,
    models,
    report,
    scan,
    serve,
    status,
    train,
    verify,
    watch,
)
from pipeline.cli.interrupts import orderly_end
from pipeline.version import __version__

_COMMANDS = (
    scan,
    serve,
    watch,
    status,
    report,
    verify,
    models,
    faces,
    explore,
    train,
    evaluate,
    compare,
    benchmark_models,
    calibrate,
    export,
)

FAILED = 1
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
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a character gets its escape, not a crash.
            stream.reconfigure(errors="backslashreplace")
    try:
        with orderly_end() as interrupted:
            return options.run(options)
    except BrokenPipeError:
        # The reader of our output has gone: not an error of ours, and nothing may be flushed to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt) or interrupted.is_set():
            print("facewitness: interrupted; what was finished has been written", file=sys.stderr)
            return INTERRUPTED
        return _failed(error, options)


def _failed(error: Exception, options: argparse.Namespace) -> int:
    """Say what went wrong, and give the exit status for it."""
    status = _exit_status(error)
    if status is not None:
        print(f"facewitness {options.command}: {error}", file=sys.stderr)
        return status
    if options.debug:
        raise error
    print(f"facewitness: {type(error).__name__}: {error} (a bug; --debug shows where)", file=sys.stderr)
    return FAILED


def _exit_status(error: Exception) -> int | None:
    """Tell what a user can mend from a bug of ours, which has no status.

    What cannot be written or read from a disk is 1, whatever a user can ask for in another way 2.
    """
    from classifiers import ModelError
    from classifiers.errors import ClassifierError, OutputError
    from extractors import DetectorUnavailableError
    from pipeline.batch.cluster import ClusterError, ClusterLostError
    from pipeline.batch.path_lists import PathListError
    from pipeline.batch.worker_processes import WorkerDiedError
    from pipeline.evidence.bundle.errors import KeyFileError
    from pipeline.live.errors import RefusedSourceError, SourceError
    from pipeline.media.types import MediaError
    from pipeline.results.writers import WriteError
    from pipeline.workbench.extras import MissingLibraryError

    if isinstance(error, RefusedSourceError):
        return WRONG_USAGE
    if isinstance(
        error, SourceError | OutputError | WriteError | MediaError | WorkerDiedError | ClusterLostError | OSError
    ):
        return FAILED
    mendable = (
        ClassifierError,
        ClusterError,
        DetectorUnavailableError,
        KeyFileError,
        MissingLibraryError,
        ModelError,
        PathListError,
    )
    return WRONG_USAGE if isinstance(error, mendable) else None
