"""`facewitness evaluate`: how good a model is on data whose truth is known."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.engine_options import add_engine_options

if TYPE_CHECKING:
    from classifiers import Engine, ModelSpec
    from classifiers.datasets import Sample
    from classifiers.evaluation.evaluation import Evaluation, Section
    from classifiers.evaluation.predictions import ChangePicture, Predictions, Unscored
    from classifiers.evaluation.scored import Level, Scored
    from pipeline.labelled import LabelledScan

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
    add_data_options(parser, "test")
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


def add_data_options(parser: argparse.ArgumentParser, split: str) -> None:
    """Add the options that say which data are looked at, and how."""
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder or index file of a data set")
    parser.add_argument("--layout", default="auto", metavar="NAME", help="layout of the data set (recognised)")
    parser.add_argument(
        "--split",
        metavar="NAME",
        help=f"part of the data set, or all ({split}; where there is no such part, the one that `facewitness train` "
        "makes, and of a data set that is for testing only all)",
    )
    parser.add_argument(
        "--split-by",
        metavar="NAMES",
        help="split as `facewitness train --split-by NAMES` does (clip,person,source)",
    )
    add_engine_options(parser)
    parser.add_argument("--frames", type=int, default=32, metavar="N", help="look at N frames of each video (32)")
    parser.add_argument(
        "--detector", default="mtcnn", metavar="NAME", help="mtcnn (default), mtcnn-reference, dlib-hog or dlib-cnn"
    )
    parser.add_argument(
        "--max-unreadable",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="share of the face crops that may be unreadable (0.01)",
    )
    parser.add_argument("--debug", action="store_true", help="log what happens, and show stack traces")


def run(options: argparse.Namespace) -> int:
    """Measure the models, write the figures and print the main ones."""
    import logging

    from classifiers import ModelError, find_model
    from classifiers.datasets import DataError
    from extractors import DetectorUnavailableError
    from pipeline.media import MediaError
    from pipeline.writers import WriteError

    set_up_logging(options.debug)
    logging.captureWarnings(True)
    try:
        if options.bootstrap < 0:
            raise ValueError(f"--bootstrap takes a number of resamples, not {options.bootstrap}")
        if options.output is not None:
            require_library("matplotlib", "plots")
        if options.robustness:
            require_library("av", "--robustness")
        samples = chosen_samples(options, "test")
        _check_sources(options.sources, samples)
        specs = [find_model(name) for name in options.model or [None]]
        names = _unique([spec.name for spec in specs])
        requested = zip(names, specs, options.model or [None], strict=True)
        lost = _without_crops(samples, options)
        evaluations = [_evaluate(name, spec, model, samples, lost, options) for name, spec, model in requested]
        print(_report(evaluations))
        if options.output is not None:
            _write(evaluations, samples, options)
            print(f"\nFigures and plots are in {options.output}")
    except (DataError, ModelError, DetectorUnavailableError, ValueError) as error:
        print(f"facewitness evaluate: {error}", file=sys.stderr)
        return 2
    except (WriteError, MediaError, OSError) as error:
        print(f"facewitness evaluate: {error}", file=sys.stderr)
        return 1
    return 0 if all(evaluation.tables for evaluation in evaluations) else 1


def chosen_samples(options: argparse.Namespace, default_split: str) -> list[Sample]:
    """Read the data set and take the split that the options ask for; print which it is where the data set lacks it.

    Training splits a data set that has no splits, or only one for training; the same split is made here, so that
    nothing is measured on what was trained on.

    Raises:
        DataError: the data set cannot be used, or has no such split.
    """
    from classifiers.datasets import DataError, open_dataset
    from classifiers.datasets.splitting import ATTRIBUTES, SPLITS, split_by_group
    from classifiers.evaluation.predictions import choose_split

    samples = open_dataset(options.dataset, options.layout)
    wanted, official = options.split or default_split, {sample.split for sample in samples}
    is_lacking = wanted in SPLITS and wanted not in official and bool(official & {"train", ""})
    if options.split == "all" or not (options.split_by or is_lacking):
        return choose_split(samples, options.split, default_split)
    by = tuple(options.split_by.split(",")) if options.split_by else ATTRIBUTES
    try:
        samples = split_by_group(samples, by=by)
    except DataError as error:
        raise DataError(f"no part {wanted} can be split off: {error}; --split all takes everything") from error
    chosen = choose_split(samples, options.split, default_split)
    if is_lacking:
        print(
            f"{len(chosen)} of {len(samples)} samples are taken, the part {wanted} that `facewitness train --split-by "
            f"{','.join(by)}` leaves; --split all takes everything"
        )
    return chosen


def _check_sources(patterns: Sequence[str], samples: Sequence[Sample]) -> None:
    from fnmatch import fnmatchcase

    from classifiers.datasets import DataError

    sources = sorted({sample.source for sample in samples if sample.source})
    for pattern in patterns:
        if not any(fnmatchcase(source, pattern) for source in sources):
            some = ", ".join(sources[:10]) or "none"
            raise DataError(f"no source fits --sources {pattern!r}; there are {some}")


def set_up_logging(debug: bool) -> None:
    """Log warnings of our own; all else only when debugging."""
    import logging

    logging.basicConfig(level=logging.DEBUG if debug else logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    if not debug:
        logging.getLogger("classifiers").setLevel(logging.WARNING)


def predict_crops(
    engine: Engine,
    spec: ModelSpec,
    samples: Sequence[Sample],
    options: argparse.Namespace,
    change: ChangePicture | None = None,
    title: str = "classifying",
) -> Predictions:
    """Classify face crops with a progress bar."""
    from functools import partial

    from tqdm import tqdm

    from classifiers.datasets import PictureReader
    from classifiers.evaluation.predictions import predict
    from extractors.align import CropGeometry, align_face

    geometry = CropGeometry.of_model(spec)
    return predict(
        engine,
        samples,
        PictureReader(),
        partial(align_face, geometry=geometry),
        change=change,
        max_unreadable=options.max_unreadable,
        # disable=None: no bar where standard error is not a terminal.
        progress=partial(tqdm, unit="crop", desc=title, disable=None, leave=False),
    )


def scan_files(
    model: str | None, samples: Sequence[Sample], options: argparse.Namespace, folder: Path | None
) -> Iterator[LabelledScan]:
    """Scan videos and pictures with a progress bar."""
    from tqdm import tqdm

    from pipeline.batch import ScannerSettings
    from pipeline.labelled import scan_labelled
    from pipeline.sampling import SLACK, SamplingPlan

    settings = ScannerSettings(
        model,
        options.engine,
        options.detector,
        SamplingPlan.spread(options.frames, SLACK),
        precision=options.precision,
        device=options.device,
    )
    scans = scan_labelled(samples, settings, options.dataset, folder)
    return iter(tqdm(scans, total=len(samples), unit="file", desc="scanning", disable=None, leave=False))


def require_library(library: str, what: str) -> None:
    """Ask for a library before hours of work, not after.

    Raises:
        ValueError: it is not installed; the message says what needs it.
    """
    from importlib.util import find_spec

    if find_spec(library) is None:
        raise ValueError(f"{what} needs {library}; install it with: pip install 'facewitness[train]'")


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
    from pipeline.aggregate import DEFAULT_POOLING, POOLINGS

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
            for title, found, lost_copies[title] in _robustness_of_videos(scans, model, spec, options):
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
    from pipeline.labelled import crop_scorer

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
    from pipeline.aggregate import DEFAULT_POOLING

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


def _worse_copies(
    scans: Sequence[LabelledScan], change: str, model: str | None, options: argparse.Namespace
) -> Iterator[tuple[LabelledScan, LabelledScan | Unscored]]:
    """Scan a worse copy of each video; where none can be made, say why."""
    import tempfile
    from dataclasses import replace

    from tqdm import tqdm

    from classifiers.evaluation.predictions import Unscored
    from pipeline.degraded_clips import write_degraded
    from pipeline.media import MediaError

    # Not all at once: the copies of a large data set fill a disk.
    parts = [scans[start : start + _COPIES_TOGETHER] for start in range(0, len(scans), _COPIES_TOGETHER)]
    for part in tqdm(parts, desc=change, disable=None, leave=False):
        with tempfile.TemporaryDirectory(prefix="facewitness-") as folder:
            copied = []
            for number, scan in enumerate(part):
                copy = replace(scan.sample, path=Path(folder, str(number), f"{scan.sample.path.stem}.mp4"))
                copy.path.parent.mkdir()
                try:
                    write_degraded(scan.sample.path, change, copy.path)
                except MediaError as error:
                    yield scan, Unscored(scan.sample, error.status, str(error))
                else:
                    copied.append((scan, copy))
            yield from zip(
                [scan for scan, _ in copied],
                scan_files(model, [copy for _, copy in copied], options, None),
                strict=True,
            )


def _robustness_of_videos(
    scans: Sequence[LabelledScan], model: str | None, spec: ModelSpec, options: argparse.Namespace
) -> Iterator[tuple[str, list[Scored], list[Unscored]]]:
    """Score worse copies of the videos, and the videos themselves where people look aside, with what gave no score."""
    from classifiers.evaluation.predictions import Unscored
    from classifiers.evaluation.scored import scored
    from pipeline.aggregate import DEFAULT_POOLING
    from pipeline.degraded_clips import CLIP_CHANGES

    videos = [scan for scan in scans if scan.kind == "video" and scan.status == "ok"]
    weighing = (spec.calibration, spec.thresholds, DEFAULT_POOLING)
    for change in CLIP_CHANGES:
        found, lost = [], []
        for scan, worse in _worse_copies(videos, change, model, options):
            if isinstance(worse, Unscored):
                lost.append(worse)
            elif (scores := worse.evidence(*weighing).scores) is None:
                lost.append(Unscored(scan.sample, worse.status, worse.message))
            else:
                found.append((scan.sample, scores))
        yield change, [scored("video", *zip(*found, strict=True))] if found else [], lost
    aside = [(scan.sample, scan.turned_away_evidence(*weighing).scores) for scan in videos]
    aside = [(sample, scores) for sample, scores in aside if scores is not None]
    yield "turned away", [scored("video", *zip(*aside, strict=True))] if aside else [], []


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

    from classifiers.evaluation.evaluation import to_csv, to_json
    from classifiers.evaluation.plots import write_plots
    from pipeline import __version__
    from pipeline.verdict import display_path

    options.output.mkdir(parents=True, exist_ok=True)
    split = ", ".join(sorted({sample.split for sample in samples} - {""})) or "all"
    result = to_json(evaluations, display_path(options.dataset), split, options.bootstrap, __version__)
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    (options.output / "evaluation.json").write_text(text, encoding="utf-8", errors="backslashreplace")
    (options.output / "evaluation.csv").write_text(to_csv(evaluations), encoding="utf-8", errors="backslashreplace")
    write_plots(evaluations, options.output)


_COPIES_TOGETHER = 32
_GROUPS = {"source": "src", "clip": "clip"}
_SHOWN = {
    "AUC": "auc",
    "AP": "average_precision",
    "EER": "eer",
    "acc": "accuracy",
    "bal.acc": "balanced_accuracy",
    "FPR": "fpr",
    "TPR@1%": "tpr_at_fpr_1",
    "TPR@5%": "tpr_at_fpr_5",
    "log loss": "log_loss",
    "Brier": "brier",
    "ECE": "ece",
}


def _report(evaluations: Sequence[Evaluation]) -> str:
    """Lay the main figures out for a terminal."""
    from collections import Counter

    blocks = []
    for evaluation in evaluations:
        thresholds = evaluation.spec.thresholds
        lines = [
            f"{evaluation.model}: likely_fake from {thresholds.likely_fake}, likely_real to {thresholds.likely_real}"
        ]
        for level, classes in evaluation.inputs.items():
            for label, statuses in classes.items():
                counts = ", ".join(f"{number} {status}" for status, number in statuses.items()) or "none"
                lines.append(f"  {level} {label}: {counts}")
        for change, copies in evaluation.lost_copies.items():
            statuses = Counter(f"{'fake' if copy.sample.fake else 'real'} {copy.status}" for copy in copies)
            if statuses:
                lines.append(f"  lost when {change}: " + ", ".join(f"{n} {what}" for what, n in statuses.items()))
        head = f"{'AUC [95% interval]':<22}{'over':<10}" + "".join(f"{name:>9}" for name in list(_SHOWN)[1:])
        sections = [section for section in evaluation.sections if _is_shown(section, evaluation)]
        width = max([len(_title(section)) for section in sections], default=0)
        lines += ["", f"{'':<{width}}   real   fake  {head}"]
        lines += [f"{_title(s):<{width}} {s.reals:>6} {s.fakes:>6}  {_figures(s)}" for s in sections]
        lines.append("")
        for level in evaluation.tables:
            for label, verdicts in evaluation.section(level).verdicts.items():
                counts = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
                lines.append(f"{level} {label}: {counts}")
        blocks.append("\n".join(lines).rstrip())
    return "\n\n".join(blocks)


def _is_shown(section: Section, evaluation: Evaluation) -> bool:
    """Leave the details of all but the weightiest level to the files."""
    return section.level == evaluation.main_level or not section.subset.startswith(("source", "robustness"))


def _title(section: Section) -> str:
    return "".join(c if c.isprintable() else "?" for c in f"{section.level} {section.subset}")


def _figures(section: Section) -> str:
    import math

    cells = []
    for name, key in _SHOWN.items():
        figure = section.figures[key]
        if name == "AUC":
            cells.append(f"{'-' if math.isnan(figure.value) else figure!s:<22}")
            cells.append(f"{f'{section.groups} {_GROUPS[section.grouped_by]}':<10}")
        else:
            cells.append(f"{'-' if math.isnan(figure.value) else format(figure.value, '.3f'):>9}")
    return "".join(cells)
