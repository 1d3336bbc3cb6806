"""The part of a scan on many machines that runs on each of them."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
from dataclasses import replace
from pathlib import Path

from pipeline.batch.batch_scanner import ScannerSettings, scan_file
from pipeline.media.ffmpeg import find_binary
from pipeline.media.types import MediaError
from pipeline.results.input import Input
from pipeline.results.parts import Tool


class NodeScanner:
    """Scans files for another machine, several at a time.

    Results leave it as bytes: Ray would hand on arrays that cannot be written to and that hold its shared memory.
    """

    def tool(self) -> tuple[str, str, str]:
        """Give the name and the version of the program that is installed here, and Ray's name of this machine."""
        import ray

        return Tool().name, Tool().version, ray.get_runtime_context().get_node_id()

    def load(self, settings: ScannerSettings, threads: int, folder: Path, log_level: int) -> bytes:
        """Load the scanner.

        Args:
            settings: what it is built from.
            threads: number of its threads.
            folder: of the machine that asks; paths that are not absolute start from there.
            log_level: of that machine.

        Returns:
            Pickled: what building it raised or None, an empty result of it, and the measures that decoders are confined
            by, both None if it raised.
        """
        logging.basicConfig(level=log_level)
        logging.captureWarnings(True)
        self._settings, self._missing_folder = settings, Path()
        try:
            os.chdir(folder)
        except OSError:
            # What is looked for in it is not here either; its result is to say where it was sought.
            self._missing_folder = folder
        try:
            self._scanner = settings.scanner(threads)
        except Exception as error:
            return pickle.dumps((error, None, None))
        measures = None
        with contextlib.suppress(MediaError):  # what is wrong with ffmpeg is told of every file
            measures = find_binary().confinement
        return pickle.dumps((None, self._scanner.failure("", ""), measures))

    def scan(self, source: Input) -> bytes:
        """Scan a file.

        Returns:
            Its pickled result.
        """
        if source.address is None:
            source = replace(source, path=self._missing_folder / source.path)
        return pickle.dumps(scan_file(self._scanner, self._settings, source))
