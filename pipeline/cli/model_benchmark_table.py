"""The figures of `facewitness benchmark-models` as tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from classifiers.numerals import counted

if TYPE_CHECKING:
    from classifiers.evaluation.model_benchmark import BenchmarkedModel, ModelBenchmark
    from classifiers.evaluation.scored import Level

_HEAD = (
    "", "model", "AUC [95% interval]", "EER", "TPR@5%", "ECE", "ECE x-fit", "firm", "right", "crops/s", "px", "licence",
)  # fmt: skip
_TEXTS = (1, 2, 11)
"""Columns that are aligned to the left."""
_USE = {True: "", False: " (not commercial)", None: " (commercial use not stated)"}


def benchmark_table(benchmark: ModelBenchmark) -> str:
    """Lay the main figures out for a terminal."""
    blocks = []
    for level in benchmark.levels:
        everything = benchmark.models[0].evaluation.section(level)
        rows = [_HEAD, *(_row(number, model, level) for number, model in enumerate(benchmark.models, 1))]
        title = f"{level}: {everything.reals} real, {everything.fakes} fake"
        blocks.append("\n".join([title, "", *_lines(rows, _TEXTS)]))
        parts = [part for part in benchmark.parts(level) if part.subset != "all"]
        if parts:
            head = ("AUC by part", "real", "fake", *map(str, range(1, len(benchmark.models) + 1)))
            table = [head]
            for part in parts:
                found = [model.evaluation.section(level, part.subset).figures["auc"] for model in benchmark.models]
                table.append((part.subset, str(part.reals), str(part.fakes), *(_figure(auc.value) for auc in found)))
            blocks.append("\n".join(_lines(table, (0,))))
    legend = [
        "ECE x-fit: calibration error that Platt scaling leaves, each half scored by what was fitted on the other",
        f"crops/s: on {counted(benchmark.cores, 'CPU core')}, without finding the faces",
    ]
    if any(model.score_kind == "raw" for model in benchmark.models):
        legend.append("raw: scores rank clips and are no chances")
    blocks.append("\n".join(legend))
    return "\n\n".join(blocks)


def _row(number: int, model: BenchmarkedModel, level: Level) -> tuple[str, ...]:
    section = model.evaluation.section(level)
    verdicts, ece = model.firm_verdicts(section), model.cross_fitted_ece.get(level)
    return (
        str(number),
        f"{model.name}{' (raw)' if model.score_kind == 'raw' else ''}",
        str(section.figures["auc"]),
        _figure(section.figures["eer"].value),
        _figure(section.figures["tpr_at_fpr_5"].value),
        _figure(section.figures["ece_balanced"].value),
        _figure(ece.value) if ece else "-",
        f"{verdicts.firm}/{verdicts.total}" if verdicts else "-",
        f"{verdicts.right}/{verdicts.firm}" if verdicts else "-",
        f"{model.crops_per_second:.{0 if model.crops_per_second >= 10 else 1}f}",
        str(model.evaluation.spec.crop_size),
        f"{model.licence}{_USE[model.commercial_use]}",
    )


def _lines(rows: Sequence[Sequence[str]], texts: Sequence[int]) -> list[str]:
    """Align the cells of a table."""
    clean = [["".join(c if c.isprintable() else "?" for c in cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in clean) for column in range(len(clean[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column in texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in clean
    ]


def _figure(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"
