"""Which of several detectors is best on a data set, measured on the same faces in one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from classifiers import Engine, ModelSpec, find_model, shipped_models
from classifiers.calibration import Calibration
from classifiers.datasets import DataError
from classifiers.datasets.leakage import check_usable
from classifiers.errors import SettingsError
from classifiers.evaluation.benchmark_page import write_page
from classifiers.evaluation.compare import crops_per_second
from classifiers.evaluation.cross_fitting import cross_fitted_ece, halve
from classifiers.evaluation.evaluation import evaluate
from classifiers.evaluation.model_benchmark import BenchmarkedModel, ModelBenchmark, by_auc, write_tables
from classifiers.evaluation.predictions import in_common
from classifiers.evaluation.scored import Scored
from classifiers.model_spec import added_models
from pipeline.analysis.crop_queue import BATCH
from pipeline.analysis.resources import usable_cores
from pipeline.results.parts import display_path
from pipeline.version import __version__
from pipeline.workbench.answers import Answers
from pipeline.workbench.checks import check_draws
from pipeline.workbench.evaluation import check_sources
from pipeline.workbench.labelled import LabelledScan
from pipeline.workbench.measuring import LabelledData, MeasuringSettings, open_labelled, predict_crops, scan_files
from pipeline.workbench.progress import Progress, silent

ALL = "all"
"""In place of names: every shipped model and every one that the user added."""


def benchmark_models(
    dataset: str | Path,
    models: Sequence[str] = (ALL,),
    output: str | Path | None = None,
    *,
    layout: str = "auto",
    split: str | None = None,
    split_by: Sequence[str] = (),
    sources: Sequence[str] = (),
    bootstrap: int = 1000,
    engine: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    detector: str = "mtcnn",
    frames: int = 32,
    workers: int | None = None,
    max_unreadable: float = 0.01,
    progress: Progress = silent,
) -> ModelBenchmark:
    """Measure several detectors on the same faces, as `facewitness benchmark-models` does.

    Videos and pictures are decoded and searched for faces once, for all models; face crops are classified directly.

    Example:
        >>> from pipeline import workbench
        >>> benchmark = workbench.benchmark_models(
        ...     "videos", ["fast", "mobilenet_efficientnet"], "benchmark", split="all", frames=4, bootstrap=0
        ... )
        >>> sorted(model.name for model in benchmark.models)
        ['mobilenet_efficientnet', 'mobilenet_v2']
        >>> benchmark.models[0].evaluation.section("video").figures["auc"].value
        1.0
        >>> [file.name for file in benchmark.files]
        ['benchmark.html', 'benchmark.json', 'benchmark.csv']

    Args:
        dataset: folder or index file of a data set.
        models: names or manifests; "all" stands for the shipped ones and those that the user added.
        output: gets benchmark.html, benchmark.json, benchmark.csv, and the results of scans, which a later run with the
            same models takes up; None for no files.
        layout: one of `classifiers.datasets.LAYOUTS`, or "auto".
        split: part of the data set, or "all"; None for "test", which is split off where the data set lacks it, or for
            everything of a data set that is for testing only.
        split_by: make the splits anew, so that no two share one of these attributes.
        sources: patterns; the sources that fit one, such as "news*", get figures together.
        bootstrap: resamples for the intervals; 0 for none.
        engine: "auto" or one of `classifiers.ENGINES`.
        precision: "auto" or one of `classifiers.engines.PRECISIONS`.
        device: what the engine computes on, or "auto" for the CPU.
        detector: one of `extractors.DETECTORS`.
        frames: number of frames of each video to look at.
        workers: number of processes that scan; None for as many as cores and memory allow.
        max_unreadable: share of the face crops that may be unreadable.
        progress: shows how far it has come.

    Returns:
        All figures, the model of the largest area under the ROC curve first.

    Raises:
        DataError: the data set cannot be used, has no such split or source, or lacks real or forged ones with a score.
        SettingsError: no models are named, two have one name, or a setting makes no sense.
        ModelError: a model cannot be found or loaded.
        DetectorUnavailableError: the detector lacks a file.
        WriteError, OSError: the folder cannot be written to.
    """
    settings = MeasuringSettings(engine, precision, device, detector, frames, workers, max_unreadable)
    check_draws(bootstrap)
    names = chosen_models(models)
    data = open_labelled(dataset, part="test", layout=layout, split=split, split_by=split_by)
    folder = None if output is None else Path(output)
    return run_benchmark(data, names, settings, folder, sources=sources, bootstrap=bootstrap, progress=progress)


def chosen_models(models: Sequence[str]) -> list[str]:
    """Give the models that are meant, each once, by what `find_model` knows them by.

    Raises:
        SettingsError: there are none, or two different ones have the same name.
        ModelError: one cannot be found.
    """
    every = [*shipped_models(), *added_models()] if ALL in models else []
    named = [each for model in models for each in (every if model == ALL else [model])]
    found: dict[str, str] = {}
    for each in named:
        spec = find_model(each)
        if spec.name in found and find_model(found[spec.name]) != spec:
            raise SettingsError(f"two of these models are called {spec.name!r}; give one another name in its manifest")
        found.setdefault(spec.name, each)
    if not found:
        raise SettingsError(f"there are no models to measure: name them with --models, or {ALL}")
    return list(found.values())


def run_benchmark(
    data: LabelledData,
    names: Sequence[str],
    settings: MeasuringSettings,
    folder: Path | None = None,
    *,
    sources: Sequence[str] = (),
    bootstrap: int = 1000,
    progress: Progress = silent,
) -> ModelBenchmark:
    """Measure models on data that have been read; see `benchmark_models`.

    Args:
        data: what `open_labelled` gave.
        names: what `chosen_models` gave.
        settings: how the models are run.
        folder: where files are written; None for nowhere.
        sources: patterns of sources that get figures together.
        bootstrap: resamples for the intervals.
        progress: shows how far it has come.
    """
    check_usable(data.samples)
    check_sources(sources, data)
    specs = [find_model(name) for name in names]
    scans = list(scan_files(tuple(names), data.files, data.path, settings, folder, progress)) if data.files else []
    engines = [settings.create_engine(spec) for spec in specs]
    answers = _answers(data, specs, engines, scans, settings, progress)
    _check_scored(data, answers[0], specs[0])
    halves = halve(answers[0].deciding_faces(specs[0]).samples)
    speeds = [
        _speed(spec, each) for spec, each in progress(zip(specs, engines, strict=True), len(specs), "timing", "model")
    ]
    measured = []
    for spec, each, answer, speed in zip(specs, engines, answers, speeds, strict=True):
        evaluation = evaluate(
            spec.name,
            spec,
            each.name,
            _shown(answer, spec),
            precision=each.precision,
            device=each.device,
            engine_weights_sha256=each.weights_sha256,
            unscored=[*data.without_crop, *answer.unscored(spec)],
            source_patterns=sources,
            draws=bootstrap,
        )
        score = partial(_shown_by, answer, spec)
        ece = cross_fitted_ece(answer.deciding_faces(spec), score, halves, bootstrap) if halves else {}
        measured.append(BenchmarkedModel(evaluation, ece, speed))
    benchmark = ModelBenchmark(
        dataset=display_path(data.path),
        split=data.splits,
        version=__version__,
        draws=bootstrap,
        cores=usable_cores(),
        apart=halves.apart if halves else "",
        models=by_auc(measured),
    )
    if folder is None:
        return benchmark
    tables = write_tables(benchmark, folder)
    return replace(benchmark, files=[write_page(benchmark, folder / "benchmark.html"), *tables])


def _answers(
    data: LabelledData,
    specs: Sequence[ModelSpec],
    engines: Sequence[Engine],
    scans: Sequence[LabelledScan],
    settings: MeasuringSettings,
    progress: Progress,
) -> list[Answers]:
    """Take the logits of each model: of the face crops that all could be given, and of the files."""
    crops = [
        predict_crops(engine, spec, data.crops, settings.max_unreadable, progress, task=f"classifying by {spec.name}")
        for spec, engine in zip(specs, engines, strict=True)
        if data.crops
    ]
    common = in_common(crops) if crops else [None] * len(specs)
    return [
        Answers(found, [scan.as_judged_by(number) for scan in scans] if len(specs) > 1 else scans)
        for number, found in enumerate(common)
    ]


def _shown(answers: Answers, spec: ModelSpec) -> list[Scored]:
    """Leave single frames out, unless there is nothing else."""
    tables = answers.scores(spec)
    return [table for table in tables if table.level != "frame"] or tables


def _shown_by(answers: Answers, spec: ModelSpec, calibration: Calibration) -> list[Scored]:
    return _shown(answers, replace(spec, calibration=calibration))


def _check_scored(data: LabelledData, answers: Answers, spec: ModelSpec) -> None:
    tables = _shown(answers, spec)
    if not tables:
        statuses = Counter(item.status for _, item in [*data.without_crop, *answers.unscored(spec)])
        why = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
        raise DataError(f"nothing in {display_path(data.path)} gave a score ({why})")
    if not any(len(set(table.labels.tolist())) == 2 for table in tables):
        raise DataError(
            f"in {display_path(data.path)} only {' and '.join(sorted(map(_what, tables)))} gave a score, so there is "
            "nothing to tell apart"
        )


def _what(table: Scored) -> str:
    return f"{'forged' if table.labels.any() else 'real'} {table.level}s"


def _speed(spec: ModelSpec, engine: Engine) -> float:
    """Measure crops a second in batches as scanning makes them; what the crops show does not matter."""
    shape = (BATCH, spec.crop_size, spec.crop_size, 3)
    return crops_per_second(engine, np.random.default_rng(0).integers(0, 256, shape, np.uint8))
