"""The figures of `facewitness evaluate` as a table for a terminal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classifiers.evaluation.evaluation import Evaluation, Section

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


def evaluation_table(evaluations: Sequence[Evaluation]) -> str:
    """Lay the main figures out for a terminal."""
    blocks = []
    for evaluation in evaluations:
        lines = [f"{evaluation.model}: {evaluation.spec.thresholds}"]
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
    cells = []
    for name, key in _SHOWN.items():
        figure = section.figures[key]
        if name == "AUC":
            cells.append(f"{'-' if math.isnan(figure.value) else figure!s:<22}")
            cells.append(f"{f'{section.groups} {_GROUPS[section.grouped_by]}':<10}")
        else:
            cells.append(f"{'-' if math.isnan(figure.value) else format(figure.value, '.3f'):>9}")
    return "".join(cells)
