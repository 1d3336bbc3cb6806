"""What a scan leaves beside a stored result: an annotated copy of the file, and its heat maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from classifiers import ModelError
from pipeline.evidence.annotation.annotate import annotate, annotated_path
from pipeline.evidence.heat_map_files import write_heat_maps
from pipeline.evidence.pictures import model_of
from pipeline.evidence.texts import say
from pipeline.results.parts import FAILURES
from pipeline.results.verdict import Verdict


@dataclass(frozen=True, slots=True)
class CompanionFiles:
    """Which files stand beside each result.

    Attributes:
        annotated: copies with boxes and scores, `clip.mp4.annotated.mp4` beside `clip.mp4.json`.
        heat_maps: folders of the strongest faces and where the model looked, `clip.mp4.heatmaps`.
        model: name or file of the model that made the scores; None looks among the shipped ones.
        overwrite: make also what was made since its result was written.
    """

    annotated: bool = False
    heat_maps: bool = False
    model: str | None = None
    overwrite: bool = False

    def write(self, verdict: Verdict, source: Path, result_file: Path) -> None:
        """Write those of one result; of a file that could not be scanned there are none.

        Args:
            verdict: the result.
            source: the file that was scanned.
            result_file: where the result is stored.

        Raises:
            PicturesError: the source is no longer what was scanned, or cannot be decoded.
            ModelError: the model cannot be found, or has no heat maps.
            WriteError: a file cannot be written.
        """
        if verdict.status in FAILURES:
            return
        copy, maps = annotated_path(result_file, verdict), result_file.with_suffix(".heatmaps")
        if self.annotated and self._is_due(copy, result_file):
            annotate(verdict, source, copy)
        if self.heat_maps and self._is_due(maps, result_file):
            spec = model_of(verdict, self.model)
            if spec is None:
                raise ModelError(say("no_heat_model"))
            write_heat_maps(verdict, source, spec, maps)

    def _is_due(self, made: Path, result_file: Path) -> bool:
        """Tell whether something was not made since its result was written."""
        if self.overwrite:
            return True
        try:
            return made.stat().st_mtime_ns < result_file.stat().st_mtime_ns
        except OSError:
            return True
