"""Where the results of a run go: files and lists in a folder that one run at a time writes to, or nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from classifiers.atomic_file import remove_parts_below
from pipeline.batch.addresses import stored_input
from pipeline.batch.entries import Entry, FileIdentity
from pipeline.batch.folder_lock import FolderLock
from pipeline.batch.ledger import Ledger
from pipeline.media.types import quoted
from pipeline.results.input import Input
from pipeline.results.lists import (
    check_parquet,
    read_results_csv,
    write_json_lines,
    write_labels_csv,
    write_parquet,
    write_results_csv,
)
from pipeline.results.summary import Summary
from pipeline.results.verdict import Verdict, read_verdict
from pipeline.results.writers import ResultFiles, WriteError, json_line

FORMATS = ("json", "jsonl", "csv", "parquet")


class Output:
    """Keeps each result as soon as it is there, and writes the lists of all results at the end.

    Args:
        folder: where to write; it is made if it is not there. None writes nothing.
        result_format: "json" gives one file for each input, "jsonl" one `results.jsonl`, "csv" the same files as
            "json" and `labels.csv`, the two columns of the Deepfake Detection Challenge, "parquet" the same files as
            "json" and `results.parquet`.

    Raises:
        WriteError: the folder cannot be written to, or another run writes to it, or pyarrow is missing.
    """

    def __init__(self, folder: Path | None, result_format: str = "json") -> None:
        if result_format not in FORMATS:
            raise ValueError(f"no result format is called {result_format!r}; there are {', '.join(FORMATS)}")
        self.folder, self._format = folder, result_format
        self._lock: FolderLock | None = None
        if result_format == "parquet":
            check_parquet()
        if folder is None:
            self.ledger = Ledger(None)
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteError(f"cannot make the folder {quoted(folder)}: {error.strerror}") from error
        self._lock = FolderLock(folder)
        try:
            self.ledger = Ledger(folder)
            self._files = ResultFiles(folder, self.ledger.shares_name)
            remove_parts_below(folder)
            if self.ledger.is_new:
                self._adopt(folder)
                self.ledger.accept()
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def expect(self, inputs: Iterable[Input]) -> int:
        """Say what the run is given; a file that is named twice is taken once.

        Returns:
            Number of files.
        """
        return self.ledger.expect(inputs)

    def path(self, source: Input) -> Path:
        """Name the JSON file of a result.

        Raises:
            ValueError: there is no folder.
        """
        if self.folder is None:
            raise ValueError("without a folder there are no files")
        entry = self.ledger.entry(source)
        return self.folder / entry.result if entry and entry.result else self._files.path(source)

    def has(self, entry: Entry) -> bool:
        """Tell whether a result is still there as it was written."""
        if self.folder is None or self._format == "jsonl":
            return entry.has_document
        written = FileIdentity.of(self.folder / entry.result) if entry.result else None
        return written is not None and written.mtime_ns == entry.result_mtime_ns

    def stored(self, source: Input) -> Verdict | None:
        """Read the result of an input that this or an earlier run wrote, if there is a readable one."""
        document = self.ledger.document(source)
        if document is not None:
            return read_verdict(document)
        return self._files.read(self.path(source)) if self.folder else None

    def keep(self, source: Input, verdict: Verdict, identity: FileIdentity | None, scanner: str) -> None:
        """Write down that a result of an earlier run is of the file as it is now.

        Args:
            source: the file.
            verdict: the result.
            identity: of the file, taken before it was compared.
            scanner: see `pipeline.batch.ledger.Entry`; "" if the result lacks something that others may need.
        """
        self._write(source, verdict, identity, scanner, scanned=False)

    def write(self, source: Input, verdict: Verdict, identity: FileIdentity | None, scanner: str) -> None:
        """Take in a new result; it is on disk when this returns.

        Args:
            source: the file.
            verdict: the result.
            identity: of the file, taken before it was opened.
            scanner: see `pipeline.batch.ledger.Entry`.

        Raises:
            ResultWriteError: this result cannot be written, but others can.
            WriteError: the folder cannot be written to.
        """
        self._write(source, verdict, identity, scanner, scanned=True)

    def _write(
        self, source: Input, verdict: Verdict, identity: FileIdentity | None, scanner: str, *, scanned: bool
    ) -> None:
        result = written = document = None
        if self.folder is not None and self._format == "jsonl":
            document = (None if scanned else self.ledger.document(source)) or json_line(verdict)
        elif self.folder is not None:
            file = self.path(source)
            if scanned or not file.is_file():
                self._files.write(file, verdict)
            result, written = file.relative_to(self.folder), FileIdentity.of(file)
        self.ledger.finish(
            source,
            Summary.of(verdict),
            scanner=scanner,
            identity=identity,
            sha256=verdict.input.sha256,
            result=result,
            result_mtime_ns=written.mtime_ns if written else None,
            document=document,
            scanned=scanned,
        )

    def close(self) -> None:
        """Write the lists of all results, and let the next run have the folder."""
        try:
            self.ledger.end_run()
            if self.folder is not None:
                self._write_lists(self.folder, self.ledger.summaries)
        finally:
            self.ledger.close()
            if self._lock:
                self._lock.release()

    def _write_lists(self, folder: Path, summaries: Callable[[], Iterable[Summary]]) -> None:
        if next(iter(summaries()), None) is None:
            return
        write_results_csv(folder, summaries())
        if self._format == "jsonl":
            write_json_lines(folder, self.ledger.documents())
        elif self._format == "csv":
            write_labels_csv(folder, summaries)
        elif self._format == "parquet":
            write_parquet(folder, summaries())

    def _adopt(self, folder: Path) -> None:
        """Take over what a version left that kept no ledger."""
        for summary in read_results_csv(folder / "results.csv"):
            self.ledger.finish(stored_input(summary.path), summary, scanned=False)
        lines = folder / "results.jsonl"
        try:
            with lines.open("rb") as file:
                for line in file:
                    # A last line that was cut off is none.
                    verdict = read_verdict(line)
                    if verdict is not None:
                        self._adopt_line(stored_input(verdict.input.path), verdict, line.decode())
        except FileNotFoundError:
            pass
        except OSError as error:
            raise WriteError(f"cannot read the earlier {quoted(lines)}: {error.strerror}") from error

    def _adopt_line(self, source: Input, verdict: Verdict, line: str) -> None:
        sha256, document = verdict.input.sha256, line.rstrip("\n")
        self.ledger.finish(source, Summary.of(verdict), sha256=sha256, document=document, scanned=False)
