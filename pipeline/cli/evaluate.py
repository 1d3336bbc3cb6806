"""`facewitness evaluate`: how good a model is on data whose truth is known."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.evaluation_table import evaluation_table
from pipeline.cli.extras import MissingLibraryError, require_libraries
from pipeline.cli.labelled_data import add_measuring_options, chosen_samples, predict_crops, scan_files
from pipeline.cli.logs import set_up_logging
from pipeline.cli.robustness import robustness_of_videos

if TYPE_CHECKING:
    from classifiers import ModelSpec
    from classifiers.datasets import Sample
    from classifiers.evaluation.evaluation import Evaluation
    from classifiers.evaluation.predictions import Predictions, Unscored
    from classifiers.evaluation.scored import Level, Scored
    from pipeline.workbench.labelled import LabelledScan

_DESCRIPTION = """\
Measure a model on a data set whose truth is known: overall, for each family of forgeries and for each source, with
95% intervals bootstrapped over sources, or over persons and clips where there are few sources; with fewer than three
of a class there is no interval.

Face crops with landmarks are classified directly. Videos and pictures are scanned as `facewitness scan` does, so that
those without a face are counted, too; with -o an interrupted run goes on where it stopped, but for worse copies.

DIR gets evaluation.json, evaluation.csv (one figure a row) and plots as PNG files.

exit status: 0 measured, 1 nothing could be scored or written, 2 wrong usage or unusable data"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model on labelled data",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_measuring_options(parser, "test")
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME|FILE",
        help="classifier, see `facewitness models`; give it again to measure several",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="write figures and plots here")
    parser.add_argument(
        "--robustness", action="store_true", help="also measure worse copies, and videos where people look aside"
    )
    parser.add_argument(
        "--sources",
        action="append",
        default=[],
        metavar="PATTERN",
        help="figures for all sources that fit, such as 'news*', together; may be given again",
    )
    parser.add_argument(
        "--bootstrap", type=int, default=1000, metavar="N", help="resamples for the intervals (1000); 0 for none"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure the models, write the figures and print the main ones."""
    from classifiers import ModelError, find_model
    from classifiers.errors import ClassifierError
    from extractors import DetectorUnavailableError
    from pipeline.media.types import MediaError
    from pipeline.results.writers import WriteError

    set_up_logging(options.debug, "classifiers")
    try:
        if options.bootstrap < 0:
            raise ValueError(f"--bootstrap takes a number of resamples, not {options.bootstrap}")
        if options.output is not None:
            require_libraries("plots", "matplotlib")
        if options.robustness:
            require_libraries("--robustness", "av")
        samples = chosen_samples(options, "test")
        _check_sources(options.sources, samples)
        specs = [find_model(name) for name in options.model or [None]]
        names = _unique([spec.name for spec in specs])
        requested = zip(names, specs, options.model or [None], strict=True)
        lost = _without_crops(samples, options)
        evaluations = [_evaluate(name, spec, model, samples, lost, options) for name, spec, model in requested]
        print(evaluation_table(evaluations))
        if options.output is not None:
            _write(evaluations, samples, options)
            print(f"\nFigures and plots are in {options.output}")
    except (ClassifierError, ModelError, DetectorUnavailableError, MissingLibraryError, ValueError) as error:
        print(f"facewitness evaluate: {error}", file=sys.stderr)
        return 2
    except (WriteError, MediaError, OSError) as error:
        print(f"facewitness evaluate: {error}", file=sys.stderr)
        return 1
    return 0 if all(evaluation.tables for evaluation in evaluations) else 1


def _check_sources(patterns: Sequence[str], samples: Sequence[Sample]) -> None:
    from fnmatch import fnmatchcase

    from classifiers.datasets import DataError

    sources = sorted({sample.source for sample in samples if sample.source})
    for pattern in patterns:
        if not any(fnmatchcase(source, pattern) for source in sources):
            some = ", ".join(sources[:10]) or "none"
            raise DataError(f"no source fits --sources {pattern!r}; there are {some}")


def _evaluate(
    name: str,
    spec: ModelSpec,
    model: str | None,
    samples: Sequence[Sample],
    lost: Sequence[tuple[Level, Unscored]],
    options: argparse.Namespace,
) -> Evaluation:
    from classifiers import create_engine
    from classifiers.evaluation.evaluation import evaluate
    from classifiers.evaluation.robustness import CHANGES
    from classifiers.evaluation.scored import score_crops
    from pipeline.analysis.aggregate import DEFAULT_POOLING, POOLINGS

    crops = [sample for sample in samples if sample.landmarks is not None]
    files = [sample for sample in samples if sample.landmarks is None]
    tables: list[Scored] = []
    unscored: list[tuple[Level, Unscored]] = [*lost]
    clips: dict[str, list[Scored]] = {pooling: [] for pooling in POOLINGS}
    robustness: dict[str, list[Scored]] = {}
    lost_copies: dict[str, list[Unscored]] = {}
    # Scans load one of their own, chosen alike.
    engine = create_engine(options.engine, spec, None, options.precision, options.device)
    if crops:
        predictions = predict_crops(engine, spec, crops, options)
        tables += score_crops(predictions, spec.calibration)
        unscored += [("frame" if item.sample.clip else "image", item) for item in predictions.unscored]
        for pooling in POOLINGS:
            table, without = _score_clips(predictions, spec, pooling)
            clips[pooling] += [table] if table else []
        unscored += [("video", item) for item in without]
        for title, change in CHANGES.items() if options.robustness else ():
            changed = predict_crops(engine, spec, crops, options, change, title)
            table, _ = _score_clips(changed, spec, DEFAULT_POOLING)
            robustness[title] = [*score_crops(changed, spec.calibration), *([table] if table else [])]
    if files:
        folder = options.output / name if options.output is not None else None
        scans = list(scan_files(model, files, options, folder))
        _take_in_scans(scans, spec, tables, clips, unscored)
        if options.robustness:
            for title, found, lost_copies[title] in robustness_of_videos(scans, model, spec, options):
                robustness[title] = _merged([*robustness.get(title, []), *found])
    merged = {pooling: _merged(found) for pooling, found in clips.items()}
    poolings = {pooling: found[0] for pooling, found in merged.items() if found}
    return evaluate(
        name,
        spec,
        engine.name,
        _merged([*tables, *merged[DEFAULT_POOLING]]),
        precision=engine.precision,
        device=engine.device,
        engine_weights_sha256=engine.weights_sha256,
        unscored=unscored,
        poolings=poolings,
        robustness=robustness,
        lost_copies=lost_copies,
        source_patterns=options.sources,
        draws=options.bootstrap,
    )


def _without_crops(samples: Sequence[Sample], options: argparse.Namespace) -> list[tuple[Level, Unscored]]:
    """List the inputs that gave `facewitness faces` no crop, of the splits that are measured; print how many others.

    The other ones are of another split, or of no known one where the split was not made by the data set.
    """
    from classifiers.datasets import face_crops
    from classifiers.datasets.media_types import is_picture
    from classifiers.evaluation.predictions import Unscored

    if options.layout not in ("auto", "face_crops") or not face_crops.recognises(options.dataset):
        return []
    splits, lost = {sample.split for sample in samples}, face_crops.inputs_without_crops(options.dataset)
    counted = [
        ("image" if is_picture(sample.path) else "video", Unscored(sample, status, message))
        for sample, status, message in lost
        if options.split == "all" or sample.split in splits
    ]
    if len(counted) < len(lost):
        print(f"{len(lost) - len(counted)} inputs without a face crop are of no split or another one and do not count")
    return counted


def _score_clips(predictions: Predictions, spec: ModelSpec, pooling: str) -> tuple[Scored | None, list[Unscored]]:
    from classifiers.evaluation.scored import score_clips
    from pipeline.workbench.labelled import crop_scorer

    return score_clips(predictions, crop_scorer(pooling, spec.calibration, spec.thresholds))


def _take_in_scans(
    scans: Sequence[LabelledScan],
    spec: ModelSpec,
    tables: list[Scored],
    clips: dict[str, list[Scored]],
    unscored: list[tuple[Level, Unscored]],
) -> None:
    """Score the scans: files by every pooling, and of each frame of a video the most suspicious face."""
    from classifiers.evaluation.predictions import Unscored
    from classifiers.evaluation.scored import scored
    from pipeline.analysis.aggregate import DEFAULT_POOLING

    done = {"video": [], "image": []}
    for scan in scans:
        if scan.status == "ok":
            done[scan.kind].append(scan)
        else:
            unscored.append((scan.kind, Unscored(scan.sample, scan.status, scan.message)))
    for pooling, found in clips.items():
        scores = [scan.evidence(spec.calibration, spec.thresholds, pooling).scores for scan in done["video"]]
        if scores:
            found.append(scored("video", [scan.sample for scan in done["video"]], scores))
    if done["image"]:
        scores = [scan.evidence(spec.calibration, spec.thresholds, DEFAULT_POOLING).scores for scan in done["image"]]
        tables.append(scored("image", [scan.sample for scan in done["image"]], scores))
    frames = [(scan.sample, score) for scan in done["video"] for score in scan.frame_scores(spec.calibration)]
    if frames:
        tables.append(scored("frame", [sample for sample, _ in frames], [score for _, score in frames]))


def _merged(tables: Sequence[Scored]) -> list[Scored]:
    """Join the tables of one level, of face crops and of scanned files."""
    import numpy as np

    from classifiers.evaluation.scored import LEVELS, Scored

    found = []
    for level in LEVELS:
        same = [table for table in tables if table.level == level]
        if same:
            samples = [sample for table in same for sample in table.samples]
            found.append(Scored(level, samples, np.concatenate([table.scores for table in same])))
    return found


def _unique(names: Sequence[str]) -> list[str]:
    """Add a number to a name that was there before."""
    return [
        name if name not in names[:place] else f"{name}-{names[:place].count(name) + 1}"
        for place, name in enumerate(names)
    ]


def _write(evaluations: Sequence[Evaluation], samples: Sequence[Sample], options: argparse.Namespace) -> None:
    import json

    from classifiers.evaluation.evaluation_report import to_csv, to_json
    from classifiers.evaluation.plots import write_plots
    from pipeline.results.verdict import display_path
    from pipeline.version import __version__

    options.output.mkdir(parents=True, exist_ok=True)
    split = ", ".join(sorted({sample.split for sample in samples} - {""})) or "all"
    result = to_json(evaluations, display_path(options.dataset), split, options.bootstrap, __version__)
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    (options.output / "evaluation.json").write_text(text, encoding="utf-8", errors="backslashreplace")
    (options.output / "evaluation.csv").write_text(to_csv(evaluations), encoding="utf-8", errors="backslashreplace")
    write_plots(evaluations, options.output)
