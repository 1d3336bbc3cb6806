"""Several models on the same data, by every figure that one would choose between them by, and on which terms."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from classifiers.atomic_file import write_whole
from classifiers.csv_cells import guarded
from classifiers.evaluation.evaluation import Evaluation, Section
from classifiers.evaluation.evaluation_report import to_json as evaluations_json
from classifiers.evaluation.metrics import Interval
from classifiers.evaluation.scored import Level

SCHEMA = "facewitness/model-benchmark/1"

OWN_LICENCE = "Apache-2.0"
"""Of the weights of this project's own models."""

SHOWN = ("auc", "eer", "tpr_at_fpr_5")
"""The figures that every part of the data is shown with."""

CSV_COLUMNS = (
    "model", "level", "part", "against", "reals", "fakes", "groups", "grouped_by",
    *(f"{figure}{end}" for figure in SHOWN for end in ("", "_low", "_high")),
    "score_kind", "ece", "ece_cross_fitted", "firm_verdicts", "firm_verdicts_right",
    "crops_per_second", "engine", "precision", "crop_size", "recipe", "licence", "commercial_use",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FirmVerdicts:
    """How many clips are called real or fake, not inconclusive, how many of these rightly, and of how many in all."""

    firm: int
    right: int
    total: int


@dataclass(frozen=True, slots=True, eq=False)
class BenchmarkedModel:
    """One model of a benchmark.

    Attributes:
        evaluation: its figures.
        cross_fitted_ece: by level, the calibration error that is left where each half of the clips is scored by what
            was fitted on the other; empty where the data cannot be halved.
        crops_per_second: that its engine classifies.
    """

    evaluation: Evaluation
    cross_fitted_ece: Mapping[Level, Interval]
    crops_per_second: float

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.evaluation.model

    @property
    def levels(self) -> list[Level]:
        """The levels that have scores of real ones and of fakes, the weightiest first."""
        return [level for level, table in self.evaluation.tables.items() if len(set(table.labels.tolist())) == 2]

    @property
    def score_kind(self) -> Literal["calibrated", "raw"]:
        """Whether its scores are chances."""
        return "calibrated" if self.evaluation.spec.calibration.is_fitted else "raw"

    @property
    def licence(self) -> str:
        """Of the weights, in words."""
        origin = self.evaluation.spec.origin
        return origin.licence if origin else OWN_LICENCE

    @property
    def commercial_use(self) -> bool | None:
        """Whether the licence allows it; None where nobody says."""
        origin = self.evaluation.spec.origin
        return origin.commercial_use if origin else True

    @property
    def recipe(self) -> str:
        """Name of the recipe that it was added by; "" for this project's own."""
        origin = self.evaluation.spec.origin
        return origin.recipe if origin else ""

    def firm_verdicts(self, section: Section) -> FirmVerdicts | None:
        """Count the firm verdicts in a part of the data; None where nobody has said which scores are fakes."""
        if not self.evaluation.spec.thresholds.decides:
            return None
        real, fake = section.verdicts["real"], section.verdicts["fake"]
        firm = sum(called["likely_fake"] + called["likely_real"] for called in (real, fake))
        return FirmVerdicts(firm, real["likely_real"] + fake["likely_fake"], section.reals + section.fakes)


@dataclass(frozen=True, slots=True, eq=False)
class ModelBenchmark:
    """Several models on one data set.

    Attributes:
        dataset: its path, for people.
        split: the part that was measured.
        version: of the program.
        draws: resamples for the intervals.
        cores: number of CPU cores that every engine computed on.
        apart: what the halves of the data do not share, "source" or "clip"; "" where it cannot be halved.
        models: the one of the largest area under the ROC curve first.
        files: what was written.
    """

    dataset: str
    split: str
    version: str
    draws: int
    cores: int
    apart: str
    models: Sequence[BenchmarkedModel]
    files: Sequence[Path] = ()

    @property
    def levels(self) -> list[Level]:
        """What scores are for, where there are real ones and fakes, the weightiest first."""
        return self.models[0].levels

    def parts(self, level: Level) -> list[Section]:
        """Give the parts of the data at a level as the first model has them: all, by family, and by source."""
        wanted = ("all", "family:", "source:", "sources:")
        sections = self.models[0].evaluation.sections
        return [each for each in sections if each.level == level and each.subset.startswith(wanted)]

    def to_json(self) -> dict[str, object]:
        """Give everything as plain data; figures that are not defined are null."""
        record = evaluations_json(
            [model.evaluation for model in self.models], self.dataset, self.split, self.draws, self.version
        )
        return {
            **record,
            "schema": SCHEMA,
            "cores": self.cores,
            "halves_apart_by": self.apart or None,
            "models": [{**model.evaluation.to_json(), **_more(model)} for model in self.models],
        }

    def to_csv(self) -> str:
        """Give one row for each part of the data and each model, with the columns `CSV_COLUMNS`."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for level in self.levels:
            for part in self.parts(level):
                writer.writerows(_row(model, level, part.subset) for model in self.models)
        return text.getvalue()


def by_auc(models: Sequence[BenchmarkedModel]) -> list[BenchmarkedModel]:
    """Put the model of the largest area under the ROC curve first, at the weightiest level that has one."""
    return sorted(models, key=lambda model: -model.evaluation.section(model.levels[0]).figures["auc"].value)


def write_tables(benchmark: ModelBenchmark, folder: Path) -> list[Path]:
    """Write benchmark.json and benchmark.csv.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "benchmark.json": json.dumps(benchmark.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        "benchmark.csv": benchmark.to_csv(),
    }
    for name, text in files.items():
        # File names may hold bytes that are no text.
        write_whole(folder / name, text.encode(errors="backslashreplace"))
    return [folder / name for name in files]


def _more(model: BenchmarkedModel) -> dict[str, object]:
    """What a benchmark says of a model beyond its evaluation."""
    return {
        "score_kind": model.score_kind,
        "cross_fitted_ece": {level: _number(ece.value) for level, ece in model.cross_fitted_ece.items()},
        "crops_per_second": round(model.crops_per_second, 1),
        "crop_size": model.evaluation.spec.crop_size,
        "recipe": model.recipe or None,
        "licence": model.licence,
        "commercial_use": model.commercial_use,
    }


def _row(model: BenchmarkedModel, level: Level, part: str) -> tuple[object, ...]:
    evaluation, section = model.evaluation, model.evaluation.section(level, part)
    shown = [section.figures[figure] for figure in SHOWN]
    ece = model.cross_fitted_ece.get(level) if part == "all" else None
    verdicts = model.firm_verdicts(section)
    return (
        guarded(model.name), level, guarded(part), section.against, section.reals, section.fakes, section.groups,
        section.grouped_by,
        *(_cell(value) for figure in shown for value in (figure.value, figure.low, figure.high)),
        model.score_kind, _cell(section.figures["ece_balanced"].value), _cell(ece.value) if ece else "",
        verdicts.firm if verdicts else "", verdicts.right if verdicts else "",
        round(model.crops_per_second, 1), evaluation.engine, evaluation.precision or "", evaluation.spec.crop_size,
        model.recipe, guarded(model.licence), {True: "yes", False: "no", None: ""}[model.commercial_use],
    )  # fmt: skip


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _cell(value: float) -> float | str:
    return round(value, 6) if math.isfinite(value) else ""
