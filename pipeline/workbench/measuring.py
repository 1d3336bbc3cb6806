"""Data whose truth is known, and how a model is run on them: what evaluation and calibration have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifiers import Engine, ModelSpec, create_engine
from classifiers.datasets import PictureReader, Sample, face_crops, open_dataset
from classifiers.datasets.media_types import is_picture
from classifiers.datasets.selection import select_samples
from classifiers.evaluation.predictions import ChangePicture, Predictions, Unscored, predict
from classifiers.evaluation.scored import Level
from extractors.face_crop import crop_of, landmark_aligner
from pipeline.analysis.resources import usable_cores
from pipeline.batch.batch_scanner import ScannerSettings
from pipeline.workbench.checks import check_detector, check_engine, spread_of
from pipeline.workbench.labelled import LabelledScan, scan_labelled
from pipeline.workbench.progress import Progress, silent


@dataclass(frozen=True, slots=True)
class LabelledData:
    """The part of a data set that is measured.

    Attributes:
        path: folder or index file of the data set.
        samples: those of the part. Face crops with landmarks are classified, other files are scanned.
        total: number of samples in all parts.
        part: the part that was asked for, "test" or the like.
        made_by: what holds samples together in the split, where the data set lacks it and it was made as
            `pipeline.workbench.train` makes it; else ().
        without_crop: inputs that gave `pipeline.workbench.cut_faces` no crop, and what each would be scored as.
        without_crop_elsewhere: number of such inputs of another part, or of no known one; they do not count.
    """

    path: Path
    samples: list[Sample]
    total: int
    part: str
    made_by: tuple[str, ...]
    without_crop: list[tuple[Level, Unscored]]
    without_crop_elsewhere: int

    @property
    def crops(self) -> list[Sample]:
        """The face crops with landmarks."""
        return [sample for sample in self.samples if sample.landmarks is not None]

    @property
    def files(self) -> list[Sample]:
        """The videos and pictures in which nobody has looked for faces yet."""
        return [sample for sample in self.samples if sample.landmarks is None]

    @property
    def splits(self) -> str:
        """Names of the splits that the samples are of, in words."""
        return ", ".join(sorted({sample.split for sample in self.samples} - {""})) or "all"


def open_labelled(
    dataset: str | Path,
    *,
    part: str,
    layout: str = "auto",
    split: str | None = None,
    split_by: Sequence[str] = (),
) -> LabelledData:
    """Read a data set and take the part of it that is to be measured.

    Args:
        dataset: folder or index file.
        part: the split to take if none is named.
        layout: one of `classifiers.datasets.LAYOUTS`, or "auto".
        split: the split to take, or "all"; None for `part`, or for everything of a data set that is for testing only.
        split_by: make the splits anew, so that no two share one of these attributes.

    Raises:
        DataError: the data set cannot be used, or has no such split.
        SettingsError: there is no such layout or attribute.
    """
    path = Path(dataset)
    samples = open_dataset(path, layout)
    selection = select_samples(samples, split, part, split_by)
    lost: list[tuple[Sample, str, str]] = []
    if layout in ("auto", "face_crops") and face_crops.recognises(path):
        lost = face_crops.inputs_without_crops(path)
    splits = {sample.split for sample in selection.samples}
    counted: list[tuple[Level, Unscored]] = [
        ("image" if is_picture(sample.path) else "video", Unscored(sample, status, message))
        for sample, status, message in lost
        if split == "all" or sample.split in splits
    ]
    return LabelledData(
        path=path,
        samples=selection.samples,
        total=len(samples),
        part=split or part,
        made_by=selection.made_by,
        without_crop=counted,
        without_crop_elsewhere=len(lost) - len(counted),
    )


@dataclass(frozen=True, slots=True)
class MeasuringSettings:
    """How a model is run on labelled data.

    Attributes:
        engine: "auto" or one of `classifiers.ENGINES`.
        precision: "auto" or one of `classifiers.engines.PRECISIONS`.
        device: what the engine computes on, or "auto" for the CPU.
        detector: one of `extractors.DETECTORS`.
        frames: number of frames of each video to look at.
        workers: number of processes that scan; None for as many as cores and memory allow.
        max_unreadable: share of the face crops that may be unreadable.

    Raises:
        SettingsError: a value that makes no sense.
    """

    engine: str = "auto"
    precision: str = "auto"
    device: str = "auto"
    detector: str = "mtcnn"
    frames: int = 32
    workers: int | None = None
    max_unreadable: float = 0.01

    def __post_init__(self) -> None:
        check_engine(self.engine, self.precision)
        check_detector(self.detector)
        spread_of(self.frames)

    def create_engine(self, spec: ModelSpec) -> Engine:
        """Load a model.

        Raises:
            ModelError: it cannot be loaded in this way.
        """
        return create_engine(self.engine, spec, usable_cores(), self.precision, self.device)

    def scanner(self, model: str | tuple[str, ...] | None) -> ScannerSettings:
        """Say how files are scanned with a model, or with several."""
        return ScannerSettings(
            model,
            self.engine,
            self.detector,
            spread_of(self.frames),
            precision=self.precision,
            device=self.device,
        )


def predict_crops(
    engine: Engine,
    spec: ModelSpec,
    samples: Sequence[Sample],
    max_unreadable: float,
    progress: Progress = silent,
    *,
    change: ChangePicture | None = None,
    task: str = "classifying",
) -> Predictions:
    """Classify face crops, cut as scanning cuts them.

    Raises:
        DataError: too many pictures cannot be read.
    """
    return predict(
        engine,
        samples,
        PictureReader(),
        landmark_aligner(crop_of(spec)),
        change=change,
        max_unreadable=max_unreadable,
        progress=lambda crops: progress(crops, len(samples), task, "crop"),
    )


def scan_files(
    model: str | tuple[str, ...] | None,
    samples: Sequence[Sample],
    root: Path,
    settings: MeasuringSettings,
    folder: Path | None,
    progress: Progress = silent,
) -> Iterator[LabelledScan]:
    """Scan videos and pictures; see `pipeline.workbench.labelled.scan_labelled`."""
    scans: Iterable[LabelledScan] = scan_labelled(
        samples, settings.scanner(model), root, folder, workers=settings.workers
    )
    return iter(progress(scans, len(samples), "scanning", "file"))
