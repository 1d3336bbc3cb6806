"""`facewitness scan`: files in, verdicts out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.numerals import counted
from pipeline.cli.engine_options import add_detector_option, add_engine_options, whole_number
from pipeline.cli.interrupts import end_at_once
from pipeline.cli.logs import set_up_logging
from pipeline.cli.progress_bar import bar
from pipeline.media.limits import Limits

if TYPE_CHECKING:
    from pipeline.analysis.scan import Scanner
    from pipeline.batch.scan_batch import ScannerSettings
    from pipeline.evidence.companion_files import CompanionFiles
    from pipeline.media.sampling import SamplingPlan
    from pipeline.results.input import Input
    from pipeline.results.table import TableRow
    from pipeline.results.verdict import Verdict
    from pipeline.results.writers import ResultWriter

_USUAL = Limits()
_LEAST_MEMORY_MB = 512

_DESCRIPTION = """\
Scan videos and images for manipulated faces.

INPUT is a file, a folder (searched with its sub-folders) or a glob pattern; - reads paths from standard input, one a
line or as `find -print0` writes them. Results that are already in the output folder are kept unless --overwrite is
given, so an interrupted batch goes on where it stopped.

exit status: 0 every input got a result, 1 some input could not be scanned or the report not made, 2 wrong usage,
130 interrupted; a second interrupt ends at once"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "scan",
        help="scan videos and images",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("inputs", nargs="+", type=_named, metavar="INPUT", help="file, folder, glob pattern or -")
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="write results here; - writes JSON lines to standard output"
    )
    parser.add_argument(
        "--format",
        choices=("json", "jsonl", "csv"),
        default="json",
        help="json: a file for each input (default); jsonl: one results.jsonl; csv: also labels.csv of two columns",
    )
    sampling = parser.add_mutually_exclusive_group()
    sampling.add_argument(
        "--frames",
        type=_frame_count,
        default=32,
        metavar="N",
        help="look at N frames, evenly spread (32; at most 512), or all",
    )
    sampling.add_argument("--fps", type=_positive, metavar="RATE", help="look at RATE frames a second instead")
    parser.add_argument(
        "--adaptive",
        action="store_true",
        help="look at a few of the frames first, at the others only while the verdict is open, and then more closely",
    )
    add_detector_option(parser)
    parser.add_argument("--model", metavar="NAME|FILE", help="classifier; see `facewitness models`")
    add_engine_options(parser)
    parser.add_argument("--report", action="store_true", help="also make an HTML page of each result, and index.html")
    parser.add_argument(
        "--annotate",
        action="store_true",
        help="also write a copy of each file with boxes and scores drawn on it; with --fps 5 the boxes follow well",
    )
    parser.add_argument(
        "--heatmaps",
        action="store_true",
        help="also write the strongest faces and where the model looked, as PNG; not for every model",
    )
    parser.add_argument(
        "--workers",
        type=whole_number,
        metavar="N",
        help="scan in N processes (one for every 16 cores, as memory allows)",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=_USUAL.timeout_s,
        metavar="S",
        help=f"give up on a file that takes longer to read than S seconds ({_USUAL.timeout_s:g})",
    )
    parser.add_argument(
        "--memory",
        type=_megabytes,
        default=_USUAL.memory_bytes >> 20,
        metavar="MB",
        help=f"give up on a file whose decoder wants more than MB megabytes of memory ({_USUAL.memory_bytes >> 20})",
    )
    parser.add_argument("--overwrite", action="store_true", help="scan again what already has a result")
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Scan the inputs, write the results and print the table."""
    set_up_logging(options.debug)
    to_pipe = options.output == "-"
    folder = None if to_pipe or options.output is None else Path(options.output)
    wrong = _wrong_usage(options, folder)
    if wrong:
        print(f"facewitness scan: {wrong}", file=sys.stderr)
        return 2
    with end_at_once():
        from pipeline.analysis.resources import worker_processes
        from pipeline.batch.scan_batch import scan_batch
        from pipeline.media.types import display_path, printable
        from pipeline.results.table import table
        from pipeline.results.writers import ResultWriter, WriteError

        inputs = _inputs(options.inputs)
        loaded = _load(options)
        if loaded is None:
            return 2
        settings, scanner = loaded
    rows: list[TableRow] = []
    failed = False
    try:
        with ResultWriter(folder, options.format) as writer:
            workers = options.workers or worker_processes()
            verdicts = scan_batch(inputs, scanner, settings, writer, workers=workers, overwrite=options.overwrite)
            if options.annotate or options.heatmaps:
                from pipeline.evidence.companion_files import CompanionFiles

                wanted = CompanionFiles(options.annotate, options.heatmaps, options.model, options.overwrite)
                verdicts = _with_companions(verdicts, inputs, writer, wanted)
            failed = _collect(verdicts, rows, len(inputs), to_pipe)
    except WriteError as error:
        print(f"facewitness scan: {error}", file=sys.stderr)
        failed = True
    if not to_pipe and (rows or not failed):
        print(table(rows))
        if folder:
            print(f"\nResults are in {printable(display_path(folder))}")
    if options.report and folder:
        failed = not _report(folder, options.model) or failed
    return 1 if failed else 0


def _wrong_usage(options: argparse.Namespace, folder: Path | None) -> str | None:
    """Say which options do not go together."""
    extras = [name for name in ("report", "annotate", "heatmaps") if getattr(options, name)]
    if extras and folder is None:
        return f"--{extras[0]} writes files: name their folder with -o DIR"
    if folder is None and (options.format == "csv" or (options.format == "jsonl" and options.output != "-")):
        return f"--format {options.format} writes files: name their folder with -o DIR"
    drawn = [name for name in extras if name != "report"]
    if drawn and options.format == "jsonl":
        return f"--{drawn[0]} names its files after the JSON files, which --format jsonl does not write"
    return None


def _load(options: argparse.Namespace) -> tuple[ScannerSettings, Scanner] | None:
    """Load what scans; None where the options ask for what there is not, which is printed."""
    from classifiers import ModelError
    from pipeline.batch.scan_batch import ScannerSettings

    try:
        settings = ScannerSettings(
            options.model,
            options.engine,
            options.detector,
            _plan(options),
            options.adaptive,
            options.precision,
            options.device,
            Limits(options.memory << 20, options.timeout),
        )
        scanner = settings.scanner()
    except ValueError as error:
        print(f"facewitness scan: {error}", file=sys.stderr)
        return None
    try:
        if options.heatmaps:
            scanner.model.check_heat_maps()
    except ModelError as error:
        remedy = "leave out --heatmaps, or scan with the default model"
        print(f"facewitness scan: there are no heat maps: {error}; {remedy}", file=sys.stderr)
        return None
    return settings, scanner


def _inputs(arguments: Sequence[str]) -> list[Input]:
    """Find the files, and say what lies beside them and is left out."""
    from pipeline.batch.folders import LeftOut
    from pipeline.batch.inputs import expand_inputs

    left_out = LeftOut()
    inputs = list(expand_inputs(arguments, left_out=left_out))
    if str(left_out):
        print(f"facewitness scan: {left_out}", file=sys.stderr)
    return inputs


def _plan(options: argparse.Namespace) -> SamplingPlan:
    from pipeline.media.sampling import SLACK, SamplingPlan

    if options.fps:
        return SamplingPlan.at_fps(options.fps)
    return SamplingPlan.every_frame() if options.frames == "all" else SamplingPlan.spread(options.frames, SLACK)


def _with_companions(
    verdicts: Iterator[Verdict], inputs: Sequence[Input], writer: ResultWriter, wanted: CompanionFiles
) -> Iterator[Verdict]:
    """Draw what was asked for of each file; what cannot be drawn is told and costs nothing else."""
    from classifiers import ModelError
    from pipeline.evidence.pictures import PicturesError
    from pipeline.results.writers import WriteError

    for source, verdict in zip(inputs, verdicts, strict=True):
        try:
            wanted.write(verdict, source.path, writer.path(source))
        except (PicturesError, ModelError, WriteError) as error:
            print(f"facewitness scan: {error}", file=sys.stderr)
        yield verdict


def _report(folder: Path, model: str | None) -> bool:
    """Make the pages; whether all could be made."""
    from pipeline.evidence.report import report_folder
    from pipeline.results.writers import WriteError

    try:
        failed = report_folder(folder, model=model).failed
    except (WriteError, OSError) as error:
        print(f"facewitness scan: the report could not be made: {error}", file=sys.stderr)
        return False
    if failed:
        print(f"facewitness scan: {counted(failed, 'page')} of the report could not be made", file=sys.stderr)
    return not failed


def _collect(verdicts: Iterator[Verdict], rows: list[TableRow], total: int, to_pipe: bool) -> bool:
    """Take each verdict as it comes, of which only the row of the table is kept; whether one has failed."""
    from pipeline.results.parts import FAILURES
    from pipeline.results.table import table_row
    from pipeline.results.writers import json_line

    failed = False
    for verdict in bar(verdicts, total, "scanning", "file"):
        if to_pipe:
            print(json_line(verdict), flush=True)
        rows.append(table_row(verdict))
        failed = failed or verdict.status in FAILURES
    return failed


def _named(text: str) -> str:
    # As a path it would be the current folder, which nobody meant who wrote "$CLIP" for a variable that is not set.
    if not text:
        raise argparse.ArgumentTypeError("an empty name; write . for the current folder")
    return text


def _frame_count(text: str) -> int | str:
    return "all" if text == "all" else whole_number(text)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return number


def _megabytes(text: str) -> int:
    number = whole_number(text)
    # ffmpeg itself takes some hundred, and Pillow as well.
    if number < _LEAST_MEMORY_MB:
        raise argparse.ArgumentTypeError(f"decoders need at least {_LEAST_MEMORY_MB} MB")
    return number


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 10_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate above 0")
    return number
