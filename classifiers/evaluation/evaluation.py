"""All figures of one model on one data set."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from classifiers.calibration import Thresholds
from classifiers.evaluation.metrics import Interval, bootstrap_intervals, confusion, figures, roc_auc
from classifiers.evaluation.predictions import Unscored
from classifiers.evaluation.scored import LEVELS, Level, Scored, Subset, bootstrap_groups, subsets
from classifiers.model_spec import ModelSpec

CSV_COLUMNS = ("model", "level", "subset", "metric", "value", "low", "high", "n")
CALLED_REAL = "inputs without a score called real"

_DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """The figures of one part of the data at one level.

    Attributes:
        level: what one score is for.
        subset: which part: "all", "family:NAME", "source:NAME", "sources:PATTERNS", "pooling:NAME",
            "robustness:CHANGE" or `CALLED_REAL`.
        against: what stands for the class that the part itself lacks, in words; "" where it lacks none.
        reals: number of real ones.
        fakes: number of fakes.
        groups: number of independent groups that were drawn from for the intervals.
        grouped_by: what these are: "source" or "clip".
        figures: value and interval by name.
        confusion: int (2, 2), rows real and fake, columns called real and fake at `likely_fake`.
        verdicts: by class, how many are likely fake, inconclusive and likely real.
    """

    level: Level
    subset: str
    against: str
    reals: int
    fakes: int
    groups: int
    grouped_by: str
    figures: dict[str, Interval]
    confusion: np.ndarray
    verdicts: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """One model on one data set.

    Attributes:
        model: what it is called here; unique among the models that are evaluated together.
        spec: the model.
        engine: what ran it.
        precision: number format that it computed in; None where that was not told, and so below.
        device: what computed.
        engine_weights_sha256: of the file of weights that the engine loaded.
        tables: the scores by level, those of videos by the default pooling.
        inputs: by level and class, how many inputs had which status.
        unscored: the inputs without a score.
        lost_copies: by change, the inputs that have a score but whose changed copies have none.
        sections: the figures.
    """

    model: str
    spec: ModelSpec
    engine: str
    precision: str | None
    device: str | None
    engine_weights_sha256: str | None
    tables: Mapping[Level, Scored]
    inputs: Mapping[str, Mapping[str, Mapping[str, int]]]
    unscored: Sequence[tuple[Level, Unscored]]
    lost_copies: Mapping[str, Sequence[Unscored]]
    sections: Sequence[Section]

    def section(self, level: Level, subset: str = "all") -> Section:
        """Give the figures of a part.

        Raises:
            KeyError: there are none.
        """
        for section in self.sections:
            if (section.level, section.subset) == (level, subset):
                return section
        raise KeyError((level, subset))

    @property
    def main_level(self) -> Level:
        """The weightiest level that has scores."""
        return next(level for level in LEVELS if level in self.tables)

    def to_json(self) -> dict[str, object]:
        """Give everything as plain data; figures that are not defined are null."""
        spec = self.spec
        return {
            "model": self.model,
            "name": spec.name,
            "architecture": spec.architecture,
            "weights_sha256": spec.sha256,
            "engine": self.engine,
            "precision": self.precision,
            "device": self.device,
            "engine_weights_sha256": self.engine_weights_sha256,
            "calibration": {"id": spec.calibration.id, "fitted_on": spec.calibration.fitted_on},
            "thresholds": spec.thresholds.to_json(),
            "inputs": self.inputs,
            "unscored": [{"level": level, **_unscored_json(item)} for level, item in self.unscored],
            "lost_copies": {change: [_unscored_json(i) for i in lost] for change, lost in self.lost_copies.items()},
            "sections": [_section_json(section) for section in self.sections],
        }

    def csv_rows(self) -> list[tuple[object, ...]]:
        """Give one row for each figure, with the columns `CSV_COLUMNS`."""
        rows: list[tuple[object, ...]] = []
        for section in self.sections:
            head, count = (self.model, section.level, section.subset), section.reals + section.fakes
            for name, interval in section.figures.items():
                rows.append((*head, name, *map(_cell, (interval.value, interval.low, interval.high)), count))
            for row, true in enumerate(("real", "fake")):
                for column, called in enumerate(("real", "fake")):
                    rows.append((*head, f"{true}_called_{called}", int(section.confusion[row, column]), "", "", count))
        for level, classes in self.inputs.items():
            for label, statuses in classes.items():
                for status, number in statuses.items():
                    rows.append((self.model, level, label, f"status_{status}", number, "", "", sum(statuses.values())))
        return rows


def evaluate(
    model: str,
    spec: ModelSpec,
    engine: str,
    tables: Sequence[Scored],
    *,
    precision: str | None = None,
    device: str | None = None,
    engine_weights_sha256: str | None = None,
    unscored: Sequence[tuple[Level, Unscored]] = (),
    poolings: Mapping[str, Scored] | None = None,
    robustness: Mapping[str, Sequence[Scored]] | None = None,
    lost_copies: Mapping[str, Sequence[Unscored]] | None = None,
    source_patterns: Sequence[str] = (),
    draws: int = 1000,
) -> Evaluation:
    """Compute all figures.

    Args:
        model: what the model is called in the result.
        spec: the model.
        engine: what ran it.
        tables: the scores, one table a level; those of videos by the default pooling.
        precision: number format that it computed in.
        device: what computed.
        engine_weights_sha256: of the file of weights that the engine loaded.
        unscored: inputs without a score, and the level that each belongs to.
        poolings: scores of the videos by every way to make one score of many faces.
        robustness: the same tables after each change of the pictures.
        lost_copies: by change, what has a score but not after it.
        source_patterns: sources that together are a part of their own, such as "ffpp*".
        draws: resamples for the intervals; 0 for none.
    """
    by_level = {table.level: table for level in LEVELS for table in tables if table.level == level}
    threshold = spec.thresholds

    def section(table: Scored, subset: Subset) -> Section:
        return _section(table, subset, threshold, draws)

    sections = [
        section(table, subset) for table in by_level.values() for subset in subsets(table.samples, source_patterns)
    ]
    for level, table in by_level.items():
        lost = [item for where, item in unscored if where == level]
        if lost:
            called_real = Scored(
                level,
                [*table.samples, *(item.sample for item in lost)],
                np.concatenate([table.scores, np.zeros((len(lost), 3))]),
            )
            sections.append(section(called_real, _everything(called_real, CALLED_REAL)))
    for name, table in (poolings or {}).items():
        sections.append(section(table, _everything(table, f"pooling:{name}")))
    for change, changed in (robustness or {}).items():
        sections += [section(table, _everything(table, f"robustness:{change}")) for table in changed]
    return Evaluation(
        model=model,
        spec=spec,
        engine=engine,
        precision=precision,
        device=device,
        engine_weights_sha256=engine_weights_sha256,
        tables=by_level,
        inputs=_count_inputs(tables, unscored),
        unscored=list(unscored),
        lost_copies=lost_copies or {},
        sections=sections,
    )


def _everything(table: Scored, name: str) -> Subset:
    return Subset(name, np.arange(len(table.samples)))


def _section(table: Scored, subset: Subset, thresholds: Thresholds, draws: int) -> Section:
    samples = [table.samples[row] for row in subset.rows]
    labels, scores = table.labels[subset.rows], table.scores[subset.rows]
    grouped_by, groups = bootstrap_groups(samples)
    # Repeated sorting while bootstrapping is fast on what is nearly sorted.
    order = np.argsort(-scores[:, 0], kind="stable")

    def compute(labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
        found = figures(labels, scores[:, 0], thresholds.likely_fake)
        found["auc_manipulated"], found["auc_generated"] = (roc_auc(labels, scores[:, part]) for part in (1, 2))
        return found

    return Section(
        level=table.level,
        subset=subset.name,
        against=subset.against,
        reals=int((~labels).sum()),
        fakes=int(labels.sum()),
        groups=len(set(groups)),
        grouped_by=grouped_by,
        figures=bootstrap_intervals(compute, labels[order], scores[order], [groups[row] for row in order], draws=draws),
        confusion=confusion(labels, scores[:, 0], thresholds.likely_fake),
        verdicts={_class(fake): _verdicts(scores[labels == fake, 0], thresholds) for fake in (False, True)},
    )


def _verdicts(scores: np.ndarray, thresholds: Thresholds) -> dict[str, int]:
    fake, real = scores >= thresholds.likely_fake, scores <= thresholds.likely_real
    counts = {"likely_fake": fake.sum(), "inconclusive": (~fake & ~real).sum(), "likely_real": (real & ~fake).sum()}
    return {name: int(count) for name, count in counts.items()}


def _count_inputs(
    tables: Sequence[Scored], unscored: Sequence[tuple[Level, Unscored]]
) -> dict[str, dict[str, dict[str, int]]]:
    """Count statuses by level and class."""
    seen = [(table.level, _class(sample.fake), "ok") for table in tables for sample in table.samples]
    seen += [(level, _class(item.sample.fake), item.status) for level, item in unscored]
    counts = Counter(seen)
    return {
        level: {
            label: {status: n for (where, what, status), n in sorted(counts.items()) if (where, what) == (level, label)}
            for label in ("real", "fake")
        }
        for level in LEVELS
        if any(where == level for where, _, _ in counts)
    }


def _class(fake: bool) -> str:
    return "fake" if fake else "real"


def _unscored_json(item: Unscored) -> dict[str, str]:
    label = _class(item.sample.fake)
    return {"name": item.sample.name, "label": label, "status": item.status, "message": item.message}


def _section_json(section: Section) -> dict[str, object]:
    return {
        "level": section.level,
        "subset": section.subset,
        "against": section.against,
        "reals": section.reals,
        "fakes": section.fakes,
        "groups": section.groups,
        "grouped_by": section.grouped_by,
        "figures": {
            name: {"value": _number(i.value), "low": _number(i.low), "high": _number(i.high)}
            for name, i in section.figures.items()
        },
        "confusion": {
            "real": {"called_real": int(section.confusion[0, 0]), "called_fake": int(section.confusion[0, 1])},
            "fake": {"called_real": int(section.confusion[1, 0]), "called_fake": int(section.confusion[1, 1])},
        },
        "verdicts": section.verdicts,
    }


def _number(value: float) -> float | None:
    return round(value, _DIGITS) if math.isfinite(value) else None


def _cell(value: float) -> float | str:
    return round(value, _DIGITS) if math.isfinite(value) else ""
