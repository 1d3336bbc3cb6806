"""`facewitness scan`: files in, verdicts out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.numerals import counted
from pipeline.cli.interrupts import end_at_once
from pipeline.cli.logs import set_up_logging
from pipeline.cli.progress_bar import bar
from pipeline.cli.scan_options import add_options
from pipeline.media.errors import is_address, quoted
from pipeline.media.limits import Limits

if TYPE_CHECKING:
    from pipeline.batch.batch_scanner import BatchScanner, ScannerSettings
    from pipeline.batch.output import Output
    from pipeline.batch.scan_batch import Finished
    from pipeline.evidence.companion_files import CompanionFiles
    from pipeline.media.sampling import SamplingPlan

_MOST_ROWS = 1000
"""Of the table; results of more files are counted."""

_DESCRIPTION = """\
Scan videos and images for manipulated faces. `facewitness predict face.jpg` is the same command by another name.

INPUT is a file, a folder (searched with its sub-folders) or a glob pattern; - reads paths from standard input, one a
line or as `find -print0` writes them. An INPUT that begins with https://, http://, s3:// or gs:// is fetched; of s3 and
gs it may be a folder. Results that are already in the output folder are kept unless --overwrite is
given, so an interrupted batch goes on where it stopped; `facewitness status DIR` tells how far it is.

exit status: 0 every input got a result, 1 some input could not be scanned or the report not made, 2 wrong usage,
130 interrupted; a second interrupt ends at once"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "scan",
        aliases=["predict"],
        help="scan videos and images, also a single picture",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
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
        from pipeline.batch.output import Output
        from pipeline.media.types import display_path, printable
        from pipeline.results.writers import WriteError

        settings = _settings(options)
    if settings is None:
        return 2
    failed, scanned = False, False
    try:
        with Output(folder, options.format) as output:
            with end_at_once():
                total = _expect(output, options.inputs)
            scanner = _load(settings, options)
            if scanner is None:
                return 2
            try:
                with scanner:
                    failed = _scan(options, output, scanner, total)
                scanned = True
            except WriteError as error:
                print(f"facewitness scan: {error}", file=sys.stderr)
                failed = True
            if not to_pipe:
                _tell(output, total, scanned)
    except WriteError as error:
        print(f"facewitness scan: {error}", file=sys.stderr)
        return 1
    if scanned and folder and not to_pipe:
        print(f"\nResults are in {printable(display_path(folder))}")
    if options.report and folder:
        failed = not _report(folder, _only_model(options)) or failed
    return 1 if failed else 0


def _wrong_usage(options: argparse.Namespace, folder: Path | None) -> str | None:
    """Say which options do not go together."""
    if folder is not None and is_address(options.output):
        from pipeline.batch.addresses import without_secrets

        there = quoted(without_secrets(options.output))
        return f"results are written to a folder on this machine: name one with -o DIR, not {there}"
    extras = [name for name in ("report", "annotate", "heatmaps") if getattr(options, name)]
    if extras and folder is None:
        return f"--{extras[0]} writes files: name their folder with -o DIR"
    if folder is None and (options.format == "csv" or (options.format == "jsonl" and options.output != "-")):
        return f"--format {options.format} writes files: name their folder with -o DIR"
    drawn = [name for name in extras if name != "report"]
    if drawn and options.format == "jsonl":
        return f"--{drawn[0]} names its files after the JSON files, which --format jsonl does not write"
    return None


def _expect(output: Output, arguments: Sequence[str]) -> int:
    """Find the files, say what lies beside them and is left out, and give their number."""
    from pipeline.batch.folders import LeftOut
    from pipeline.batch.inputs import expand_inputs

    left_out = LeftOut()
    total = output.expect(expand_inputs(arguments, left_out=left_out))
    if str(left_out):
        print(f"facewitness scan: {left_out}", file=sys.stderr)
    return total


def _only_model(options: argparse.Namespace) -> str | None:
    """Name the model whose crops and heat maps can be shown; None for the default one, and where several judge."""
    return options.model[0] if options.model and len(options.model) == 1 else None


def _settings(options: argparse.Namespace) -> ScannerSettings | None:
    """Say what is to scan; None where the options ask for what there is not, which is printed."""
    from classifiers import ModelError
    from classifiers.model_set import ModelSet, find_models
    from pipeline.batch.batch_scanner import ScannerSettings
    from pipeline.media.provenance.trust import TrustList, TrustListError

    model = find_models(options.model or ())
    try:
        if options.heatmaps:
            if isinstance(model, ModelSet):
                raise ModelError("several models would each show another place")
            model.check_heat_maps()
    except ModelError as error:
        remedy = "leave out --heatmaps, or scan with the default model"
        print(f"facewitness scan: there are no heat maps: {error}; {remedy}", file=sys.stderr)
        return None
    try:
        return ScannerSettings(
            tuple(options.model or ()),
            options.engine,
            options.detector,
            _plan(options),
            options.adaptive,
            options.precision,
            options.device,
            Limits(options.memory << 20, options.timeout),
            options.max_download << 20,
            TrustList.load(Path(options.trust)) if options.trust else None,
        )
    except (ValueError, TrustListError) as error:
        print(f"facewitness scan: {error}", file=sys.stderr)
        return None


def _load(settings: ScannerSettings, options: argparse.Namespace) -> BatchScanner | None:
    """Load what scans; None where there is no such engine, precision or detector, which is printed."""
    try:
        with end_at_once():
            from pipeline.batch.cluster import ClusterScanner
            from pipeline.batch.scanner_processes import ScannerProcesses

            if options.cluster:
                return ClusterScanner(settings, options.cluster, options.workers)
        # Not here: a process that is left amid its start says so.
        return ScannerProcesses(settings, options.workers)
    except ValueError as error:
        print(f"facewitness scan: {error}", file=sys.stderr)
        return None


def _scan(options: argparse.Namespace, output: Output, scanner: BatchScanner, total: int) -> bool:
    """Scan, and make what else was asked for of each file; whether one has failed."""
    from pipeline.batch.scan_batch import Reuse, scan_batch
    from pipeline.results.parts import FAILURES
    from pipeline.results.writers import json_line

    wanted = None
    if options.annotate or options.heatmaps:
        from pipeline.evidence.companion_files import CompanionFiles

        wanted = CompanionFiles(options.annotate, options.heatmaps, _only_model(options), options.overwrite)
    reuse = Reuse(options.overwrite, options.verify, options.retry_failed)
    failed, undrawn = False, 0
    for finished in bar(scan_batch(output, scanner, reuse), total, "scanning", "file"):
        if wanted and finished.source.address is not None:
            undrawn += finished.summary.status not in FAILURES
        elif wanted:
            _draw(wanted, output, finished)
        if options.output == "-":
            print(json_line(finished.verdict), flush=True)
        failed = failed or finished.summary.status in FAILURES
    if undrawn:
        files = f"{counted(undrawn, 'file')} at an address" if undrawn == 1 else f"{undrawn} files at addresses"
        print(
            f"facewitness scan: no pictures were drawn of {files}: save what is there, and scan that", file=sys.stderr
        )
    return failed


def _draw(wanted: CompanionFiles, output: Output, finished: Finished) -> None:
    """Draw what was asked for of a file; what cannot be drawn is told and costs nothing else."""
    from classifiers import ModelError
    from pipeline.evidence.pictures import PicturesError
    from pipeline.results.writers import WriteError

    source = finished.source
    try:
        wanted.write(finished.verdict, source.path, output.path(source))
    except (PicturesError, ModelError, WriteError) as error:
        print(f"facewitness scan: {error}", file=sys.stderr)


def _tell(output: Output, total: int, scanned: bool) -> None:
    """Print the table, or of many files how many have which verdict; of a run that broke off what there is."""
    from pipeline.results.table import table

    counts = output.ledger.counts()
    if total > _MOST_ROWS:
        print("\n".join(f"{number:>9}  {name}" for name, number in counts.items()))
    elif scanned or counts:
        print(table(output.ledger.summaries_of_run()))


def _plan(options: argparse.Namespace) -> SamplingPlan:
    from pipeline.media.sampling import SLACK, SamplingPlan

    if options.fps:
        return SamplingPlan.at_fps(options.fps)
    return SamplingPlan.every_frame() if options.frames == "all" else SamplingPlan.spread(options.frames, SLACK)


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
