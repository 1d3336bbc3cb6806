"""The figures of one network, kept on disk so that its test split is measured once."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from classifiers.atomic_file import write_whole
from classifiers.datasets import open_dataset
from classifiers.evaluation.metrics import accuracy, bootstrap_interval, wilson_interval
from classifiers.evaluation.scored import bootstrap_groups
from classifiers.training.journal import read_journal
from pipeline import workbench

_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How good a trained network is on the test split, and what it took.

    Attributes:
        preset: it was trained by.
        percent: share of the training split that it learnt from.
        counts: number of pictures by split and class, such as "test real".
        level: what one score is for: "image", or "video" for clips.
        tested: number of scores, real and fake.
        accuracy: share that is right at a score of 0.5: value, lower and upper end of the interval.
        binomial: the interval (Wilson) of the accuracy if all scores were independent.
        auc: area under the ROC curve, likewise with its interval over sources or clips.
        grouped_by: what the intervals of accuracy and auc were drawn from.
        seconds: of training, validating included.
        settings: what was given beside the preset.
    """

    preset: str
    percent: int
    counts: dict[str, int]
    level: str
    tested: tuple[int, int]
    accuracy: tuple[float, float, float]
    binomial: tuple[float, float]
    auc: tuple[float, float, float]
    grouped_by: str
    seconds: float
    settings: dict[str, object]

    def save(self, file: Path) -> None:
        """Write it down."""
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, file: Path) -> Outcome:
        """Read what `save` wrote."""
        values = json.loads(file.read_text(encoding="utf-8"))
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists})


def measure(preset: str, percent: int, data: Path, run: Path, settings: dict[str, object]) -> Outcome:
    """Measure a trained network on the test split."""
    evaluation = workbench.evaluate(data, model=str(run / "manifest.json"), split="test", bootstrap=_DRAWS)
    level = evaluation.main_level
    table, auc = evaluation.tables[level], evaluation.section(level).figures["auc"]
    grouped_by, groups = bootstrap_groups(table.samples)
    labels, scores = table.labels, table.scores[:, 0]
    right = bootstrap_interval(_accuracy, labels, scores, groups, draws=_DRAWS)
    samples = open_dataset(data)
    counts = Counter(f"{s.split} {'fake' if s.fake else 'real'}" for s in samples)
    return Outcome(
        preset=preset,
        percent=percent,
        counts=dict(sorted(counts.items())),
        level=level,
        tested=(int((~labels).sum()), int(labels.sum())),
        accuracy=(right.value, right.low, right.high),
        binomial=wilson_interval(right.value, len(labels)),
        auc=(auc.value, auc.low, auc.high),
        grouped_by=grouped_by,
        seconds=round(sum(epoch["seconds"] for epoch in read_journal(run)), 1),
        settings=settings,
    )


def _accuracy(labels: np.ndarray, scores: np.ndarray) -> float:
    return accuracy(labels, scores, 0.5)
