"""What a data set holds, and what a network could learn from it by mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from classifiers.datasets import DataError, PictureReader, open_dataset
from classifiers.datasets.leakage import LeakReport, find_leaks
from classifiers.errors import SettingsError
from classifiers.evaluation.explore import Exploration
from classifiers.evaluation.explore import explore as measure
from classifiers.evaluation.explore_report import About, Finding, findings, write_report
from classifiers.evaluation.picture_facts import VideoFacts
from pipeline.media.probing import probe
from pipeline.media.types import MediaError
from pipeline.results.parts import display_path
from pipeline.version import __version__
from pipeline.workbench.extras import require_libraries
from pipeline.workbench.progress import Progress, silent


@dataclass(frozen=True, slots=True, eq=False)
class ExploredData:
    """What was found in a data set.

    Attributes:
        exploration: what was measured.
        leaks: what its splits share, labels that conflict, files that cannot be read.
        findings: what to know before training on it, warnings first.
        files: of the report, the page first; none where none was asked for.
    """

    exploration: Exploration
    leaks: LeakReport
    findings: Sequence[Finding]
    files: Sequence[Path]


def explore(
    dataset: str | Path,
    output: str | Path | None = None,
    *,
    layout: str = "auto",
    sample: int = 2000,
    progress: Progress = silent,
) -> ExploredData:
    """Look at a data set before training on it, as `facewitness explore` does.

    Of videos only the containers are looked at; for pixels and faces use `pipeline.workbench.cut_faces` first.

    Example:
        >>> from pipeline import workbench
        >>> explored = workbench.explore("faces", "report")
        >>> explored.exploration.balance()
        [SplitCount(split='train', real=12, fake=8)]
        >>> explored.findings[0].level
        'note'
        >>> explored.files[0].name
        'explore.html'

    Args:
        dataset: folder or index file of a data set.
        output: gets explore.html, explore.json and the charts as PNG files; None for no files.
        layout: one of `classifiers.datasets.LAYOUTS`, or "auto".
        sample: number of samples to measure, half of each class; leaks are looked for among all.
        progress: shows how far it has come.

    Raises:
        DataError: the data set cannot be used.
        SettingsError: there is no such layout, or too few samples are asked for.
        MissingLibraryError: a library is not installed that the charts need.
        OutputError: the folder cannot be written to.
    """
    if sample < 2:
        raise SettingsError(f"--sample must be 2 or more, not {sample}")
    if output is not None:
        require_libraries("the report", "matplotlib")
    reader = PictureReader()
    samples = open_dataset(dataset, layout)
    exploration = measure(
        samples,
        reader,
        sample_size=sample,
        probe=_video_facts,
        progress=lambda drawn: progress(drawn, len(drawn), "measuring", "file"),
    )
    leaks = find_leaks(progress(samples, len(samples), "looking for leaks", "file"), reader)
    files: Sequence[Path] = ()
    if output is not None:
        about = About(display_path(dataset), layout, f"Facewitness {__version__}")
        files = write_report(exploration, leaks, reader, about, Path(output))
    return ExploredData(exploration, leaks, findings(exploration, leaks), files)


def _video_facts(path: Path) -> VideoFacts:
    try:
        info = probe(path)
    except MediaError as error:
        raise DataError(str(error).rstrip(".")) from error
    names = info.container.split(",")
    # ffmpeg lists all names of a family of containers; the ending of the file may say which one is meant.
    ending = path.suffix.lower().lstrip(".")
    container = ending if ending in names else names[0]
    return VideoFacts(f"{container} {info.codec}", info.width, info.height, info.bytes, info.frame_count)
