"""How good a model is on data whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from classifiers import find_model
from classifiers.datasets import DataError
from classifiers.evaluation.evaluation import Evaluation
from classifiers.evaluation.evaluation import evaluate as compute_figures
from classifiers.evaluation.evaluation_report import write_report
from classifiers.evaluation.predictions import Unscored
from classifiers.evaluation.robustness import CHANGES
from classifiers.evaluation.scored import Scored
from pipeline.analysis.aggregate import POOLINGS
from pipeline.results.parts import display_path
from pipeline.version import __version__
from pipeline.workbench.answers import Answers, merged
from pipeline.workbench.checks import check_draws
from pipeline.workbench.extras import require_libraries
from pipeline.workbench.measuring import LabelledData, MeasuringSettings, open_labelled, predict_crops, scan_files
from pipeline.workbench.progress import Progress, silent
from pipeline.workbench.robustness import robustness_of_videos


def evaluate(
    dataset: str | Path,
    *,
    model: str | None = None,
    output: str | Path | None = None,
    layout: str = "auto",
    split: str | None = None,
    split_by: Sequence[str] = (),
    sources: Sequence[str] = (),
    bootstrap: int = 1000,
    robustness: bool = False,
    engine: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    detector: str = "mtcnn",
    frames: int = 32,
    workers: int | None = None,
    max_unreadable: float = 0.01,
    progress: Progress = silent,
) -> Evaluation:
    """Measure a model on a data set whose truth is known, as `facewitness evaluate` does.

    Face crops with landmarks are classified. Videos and pictures are scanned, so that those without a face count too.

    Example:
        >>> from pipeline import workbench
        >>> evaluation = workbench.evaluate("videos", split="all", frames=4, bootstrap=0)
        >>> section = evaluation.section("video")
        >>> section.reals, section.fakes
        (1, 1)
        >>> section.figures["auc"].value
        1.0

    Args:
        dataset: folder or index file of a data set.
        model: name of a shipped model or manifest of another; None for the default.
        output: gets evaluation.json, evaluation.csv, plots, and the results of scans, which a later run takes up; None
            for no files.
        layout: one of `classifiers.datasets.LAYOUTS`, or "auto".
        split: part of the data set, or "all"; None for "test", which is split off where the data set lacks it, or for
            everything of a data set that is for testing only.
        split_by: make the splits anew, so that no two share one of these attributes.
        sources: patterns; the sources that fit one, such as "news*", get figures together.
        bootstrap: resamples for the intervals; 0 for none.
        robustness: also measure worse copies, and videos where people look aside.
        engine: "auto" or one of `classifiers.ENGINES`.
        precision: "auto" or one of `classifiers.engines.PRECISIONS`.
        device: what the engine computes on, or "auto" for the CPU.
        detector: one of `extractors.DETECTORS`.
        frames: number of frames of each video to look at.
        workers: number of processes that scan; None for as many as cores and memory allow.
        max_unreadable: share of the face crops that may be unreadable.
        progress: shows how far it has come.

    Returns:
        All figures. There are none where nothing could be scored: `Evaluation.tables` is empty then.

    Raises:
        DataError: the data set cannot be used, or has no such split or source.
        SettingsError: a setting that makes no sense.
        ModelError: the model cannot be found or loaded.
        DetectorUnavailableError: the detector lacks a file.
        MissingLibraryError: a library is not installed that plots or `robustness` need.
        WriteError, OSError: the folder cannot be written to.
    """
    settings = MeasuringSettings(engine, precision, device, detector, frames, workers, max_unreadable)
    check_evaluation(bootstrap, plots=output is not None, robustness=robustness)
    data = open_labelled(dataset, part="test", layout=layout, split=split, split_by=split_by)
    check_sources(sources, data)
    folder = None if output is None else Path(output)
    name = find_model(model).name
    evaluation = evaluate_model(
        data,
        model,
        settings,
        name=name,
        folder=folder and folder / name,
        sources=sources,
        bootstrap=bootstrap,
        robustness=robustness,
        progress=progress,
    )
    if folder is not None:
        write_evaluations([evaluation], data, bootstrap, folder)
    return evaluation


def check_evaluation(bootstrap: int, *, plots: bool, robustness: bool) -> None:
    """Make sure that everything is there that an evaluation needs.

    Raises:
        SettingsError: the number of resamples is negative.
        MissingLibraryError: a library is not installed.
    """
    check_draws(bootstrap)
    if plots:
        require_libraries("plots", "matplotlib")
    if robustness:
        require_libraries("--robustness", "av")


def check_sources(patterns: Sequence[str], data: LabelledData) -> None:
    """Make sure that each pattern fits a source.

    Raises:
        DataError: one fits none.
    """
    sources = sorted({sample.source for sample in data.samples if sample.source})
    for pattern in patterns:
        if not any(fnmatchcase(source, pattern) for source in sources):
            some = ", ".join(sources[:10]) or "none"
            raise DataError(f"no source fits --sources {pattern!r}; there are {some}")


def write_evaluations(
    evaluations: Sequence[Evaluation], data: LabelledData, bootstrap: int, folder: Path
) -> list[Path]:
    """Write the figures of several models on the same data; see `classifiers.evaluation.evaluation_report`."""
    return write_report(evaluations, display_path(data.path), data.splits, bootstrap, __version__, folder)


def evaluate_model(
    data: LabelledData,
    model: str | None,
    settings: MeasuringSettings,
    *,
    name: str,
    folder: Path | None = None,
    sources: Sequence[str] = (),
    bootstrap: int = 1000,
    robustness: bool = False,
    progress: Progress = silent,
) -> Evaluation:
    """Measure one of several models on data that have been read; see `evaluate`.

    Args:
        data: what `open_labelled` gave.
        model: name or manifest of the model; None for the default.
        settings: how it is run.
        name: what it is called in the result.
        folder: where results of scans are kept; None for nowhere.
        sources: patterns of sources that get figures together.
        bootstrap: resamples for the intervals.
        robustness: also measure worse copies.
        progress: shows how far it has come.
    """
    spec = find_model(model)
    # Scans load one of their own, chosen alike.
    engine = settings.create_engine(spec)
    changed: dict[str, list[Scored]] = {}
    lost_copies: dict[str, list[Unscored]] = {}
    crops, files = data.crops, data.files
    predictions = predict_crops(engine, spec, crops, settings.max_unreadable, progress) if crops else None
    for title, change in CHANGES.items() if crops and robustness else ():
        worse = predict_crops(engine, spec, crops, settings.max_unreadable, progress, change=change, task=title)
        changed[title] = Answers(worse, []).scores(spec)
    scans = list(scan_files(model, files, data.path, settings, folder, progress)) if files else []
    if scans and robustness:
        for found in robustness_of_videos(scans, model, spec, settings, progress):
            more = [found.table] if found.table else []
            changed[found.change] = merged([*changed.get(found.change, []), *more])
            lost_copies[found.change] = found.lost
    answers = Answers(predictions, scans)
    poolings = {pooling: answers.video_scores(spec, pooling) for pooling in POOLINGS}
    return compute_figures(
        name,
        spec,
        engine.name,
        answers.scores(spec),
        precision=engine.precision,
        device=engine.device,
        engine_weights_sha256=engine.weights_sha256,
        unscored=[*data.without_crop, *answers.unscored(spec)],
        poolings={pooling: table for pooling, table in poolings.items() if table},
        robustness=changed,
        lost_copies=lost_copies,
        source_patterns=sources,
        draws=bootstrap,
    )
