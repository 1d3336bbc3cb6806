"""Several models on the same split, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from classifiers import ModelSpec, create_engine, find_model
from classifiers.architectures import ARCHITECTURES
from classifiers.datasets import PictureReader, Sample
from classifiers.datasets.leakage import check_usable
from classifiers.datasets.selection import choose_split
from classifiers.datasets.splitting import ATTRIBUTES
from classifiers.errors import SettingsError
from classifiers.evaluation.compare import Contender, contender, write_comparison
from classifiers.evaluation.evaluation import evaluate
from classifiers.evaluation.scored import scored
from classifiers.stored_network import load_network
from classifiers.training.checks import check_config
from classifiers.training.config import TrainingConfig
from extractors.align import LANDMARK_TEMPLATE
from extractors.face_crop import crop_of, landmark_aligner
from pipeline.version import __version__
from pipeline.workbench.checks import check_draws
from pipeline.workbench.extras import require_training_libraries
from pipeline.workbench.measuring import predict_crops
from pipeline.workbench.progress import Progress, silent
from pipeline.workbench.training import OnStep, open_training_data, train_on

_SPEED_BATCH = 64


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several models on the same data.

    Attributes:
        contenders: the models with their figures, those that were trained first.
        files: compare.csv, compare.png and compare.html.
    """

    contenders: list[Contender]
    files: list[Path]


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """What is compared.

    Attributes:
        configs: of the networks that are trained.
        models: those that have been trained already.
    """

    configs: list[TrainingConfig]
    models: list[ModelSpec]


def compare(
    dataset: str | Path,
    output: str | Path,
    *,
    architectures: Sequence[str] | Literal["all"] = (),
    models: Sequence[str] = (),
    config: TrainingConfig | None = None,
    layout: str = "auto",
    split_by: Sequence[str] = ATTRIBUTES,
    max_unreadable: float = 0.01,
    bootstrap: int = 1000,
    on_step: OnStep | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Train architectures, or take trained models, and measure all on the test split, as `facewitness compare` does.

    The same call goes on with a comparison that was interrupted.

    Example:
        >>> from pipeline import workbench
        >>> comparison = workbench.compare(
        ...     "faces", "comparison", models=["fast", "mobilenet_efficientnet"], split_by=["clip"], bootstrap=0
        ... )
        >>> [contender.name for contender in comparison.contenders]
        ['mobilenet_v2', 'mobilenet_efficientnet']
        >>> [file.name for file in comparison.files]
        ['compare.csv', 'compare.png', 'compare.html']

    Args:
        dataset: folder or index file of a data set of face crops with landmarks.
        output: gets a folder for each trained model, and compare.csv, compare.png and compare.html.
        architectures: those to train, of `classifiers.architectures.ARCHITECTURES`, or "all".
        models: names or manifests of trained models.
        config: how to train; its architecture does not count. None for the defaults.
        layout: one of `classifiers.datasets.LAYOUTS`, or "auto".
        split_by: what two splits may never share, where the data set has no splits.
        max_unreadable: share of the pictures that may be unreadable; these are left out.
        bootstrap: resamples for the intervals; 0 for none.
        on_step: told of every step of a training.
        progress: shows how far the measuring has come.

    Returns:
        The figures, which are on disk.

    Raises:
        DataError: the data set cannot be used.
        SettingsError: there is nothing to compare, or a setting that makes no sense.
        ModelError: a model cannot be found or loaded.
        OutputError: batches cannot be kept where they should.
        DivergedError: the loss of a training is not a number any more.
        MissingLibraryError: a library that training needs is not installed.
        OSError: the folder cannot be written to.
    """
    check_draws(bootstrap)
    plan = plan_comparison(architectures, models, config or TrainingConfig())
    data = open_training_data(dataset, layout=layout, split_by=split_by, trains=bool(plan.configs))
    return compare_models(
        plan,
        data.readable(max_unreadable),
        Path(output),
        about=about(dataset),
        max_unreadable=max_unreadable,
        bootstrap=bootstrap,
        on_step=on_step,
        progress=progress,
    )


def about(dataset: str | Path) -> str:
    """Say what is compared, for the page."""
    return f"Test split of {dataset}, facewitness {__version__}"


def plan_comparison(
    architectures: Sequence[str] | Literal["all"], models: Sequence[str], config: TrainingConfig
) -> ComparisonPlan:
    """Find everything that can be wrong before hours are spent on training.

    Raises:
        SettingsError: there is nothing to compare, an architecture is unknown, or settings do not fit one.
        ModelError: a model cannot be found or loaded.
        MissingLibraryError: a library that training needs is not installed.
    """
    found = [find_model(name) for name in models]
    require_training_libraries()
    names = sorted(ARCHITECTURES) if architectures == "all" else list(dict.fromkeys(architectures))
    for name in names:
        if name not in ARCHITECTURES:
            raise SettingsError(f"no architecture is called {name!r}; there are {', '.join(sorted(ARCHITECTURES))}")
    if not names and not found:
        raise SettingsError(
            "nothing to compare: name architectures to train with --architectures, or models with --model"
        )
    configs = [replace(config, architecture=name) for name in names]
    for each in configs:
        check_config(each, LANDMARK_TEMPLATE)
    return ComparisonPlan(configs, found)


def compare_models(
    plan: ComparisonPlan,
    samples: Sequence[Sample],
    output: Path,
    *,
    about: str,
    max_unreadable: float,
    bootstrap: int,
    on_step: OnStep | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Carry a plan out on samples that have been read; see `compare`."""
    test = choose_split(samples, "test", "test")
    check_usable(test)
    specs = [_train(config, samples, output, on_step) for config in plan.configs] + plan.models
    contenders = [
        _measure(name, spec, test, max_unreadable, bootstrap, progress)
        for name, spec in zip(_names(specs), specs, strict=True)
    ]
    return Comparison(contenders, write_comparison(contenders, about, output))


def _train(config: TrainingConfig, samples: Sequence[Sample], output: Path, on_step: OnStep | None) -> ModelSpec:
    import keras

    # The graphs of the last network would else stay in memory.
    keras.utils.clear_session()
    return train_on(samples, config, output / config.architecture, on_step).spec


def _names(specs: Sequence[ModelSpec]) -> list[str]:
    """Add its place to a name that several have."""
    names = [spec.name for spec in specs]
    return [name if names.count(name) == 1 else f"{name} {place}" for place, name in enumerate(names, 1)]


def _measure(
    name: str, spec: ModelSpec, test: Sequence[Sample], max_unreadable: float, bootstrap: int, progress: Progress
) -> Contender:
    engine = create_engine("auto", spec)
    predictions = predict_crops(engine, spec, test, max_unreadable, progress, task=f"measuring {name}")
    scores = [spec.calibration.scores(*row) for row in predictions.logits.tolist()]
    # Stills and frames of clips count alike.
    tables = [scored("frame", predictions.samples, scores)]
    evaluation = evaluate(name, spec, engine.name, tables, draws=bootstrap)
    align = landmark_aligner(crop_of(spec))
    sample = predictions.samples[0]
    crop = align(PictureReader().read(sample), sample.known_landmarks)
    parameters = load_network(spec).count_params()
    return contender(evaluation, engine, parameters, np.stack([crop] * _SPEED_BATCH), bootstrap)
