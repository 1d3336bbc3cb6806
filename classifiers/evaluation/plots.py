"""Evaluations as pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from classifiers.evaluation.evaluation import Evaluation
from classifiers.evaluation.figure_style import FAKE_COLOUR, GREY, MODEL_COLOURS, REAL_COLOUR, house_style, new_figure
from classifiers.evaluation.metrics import ECE_BINS, balanced_weights, curve, reliability
from classifiers.evaluation.scored import LEVELS, Level, Scored

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend


def write_plots(evaluations: Sequence[Evaluation], folder: Path) -> list[Path]:
    """Draw everything that the evaluations hold, as PNG files named by level and kind.

    Returns:
        The files.

    Raises:
        OSError: the folder cannot be written to.
    """
    written = []
    with house_style():
        for level in LEVELS:
            shown = [evaluation for evaluation in evaluations if level in evaluation.tables]
            for name in _DRAWINGS:
                figure = draw(name, shown, level) if shown else None
                if figure is not None:
                    written.append(folder / f"{level}_{name}.png")
                    figure.savefig(written[-1])
    return written


def draw(name: str, evaluations: Sequence[Evaluation], level: Level) -> Figure | None:
    """Draw one kind of figure, within `house_style`.

    Args:
        name: "roc", "precision_recall", "reliability", "scores", "confusion" or "robustness".
        evaluations: models that were measured on the same data.
        level: of which to draw.

    Returns:
        The figure; None where the data do not have what it shows.
    """
    return _DRAWINGS[name](evaluations, level)


def _has_both(table: Scored) -> bool:
    return len(set(table.labels.tolist())) == 2


def _draw_roc(evaluations: Sequence[Evaluation], level: Level) -> Figure | None:
    evaluations = [one for one in evaluations if _has_both(one.tables[level])]
    if not evaluations:
        return None
    figure, (axes,) = new_figure()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (2, 2)))
    for number, evaluation in enumerate(evaluations):
        table = evaluation.tables[level]
        moving = curve(table.labels, table.scores[:, 0])
        auc = evaluation.section(level).figures["auc"]
        colour = _colour(number)
        axes.plot(moving.fpr, moving.tpr, color=colour, label=f"{evaluation.model}  {auc}")
        stored = evaluation.section(level).figures
        axes.plot(stored["fpr"].value, stored["tpr"].value, "o", color=colour, markersize=6, markeredgecolor="white")
    axes.set(xlabel="reals called fake (false positive rate)", ylabel="fakes found (true positive rate)")
    _square(axes, f"ROC, {_counted(evaluations[0], level)}")
    _legend(axes, "AUC [95% interval]; dot: stored threshold", "lower right")
    return figure


def _draw_precision_recall(evaluations: Sequence[Evaluation], level: Level) -> Figure | None:
    evaluations = [one for one in evaluations if _has_both(one.tables[level])]
    if not evaluations:
        return None
    figure, (axes,) = new_figure()
    share = float(evaluations[0].tables[level].labels.mean())
    axes.axhline(share, color=GREY, linewidth=1, linestyle=(0, (2, 2)))
    for number, evaluation in enumerate(evaluations):
        table = evaluation.tables[level]
        moving = curve(table.labels, table.scores[:, 0])
        label = f"{evaluation.model}  {evaluation.section(level).figures['average_precision']}"
        # Between two thresholds the precision is that of the lower one: what the average precision adds up.
        axes.step(moving.tpr, moving.precision, where="pre", color=_colour(number), label=label)
    axes.set(xlabel="fakes found (recall)", ylabel="fakes among what is called fake (precision)")
    _square(axes, f"Precision and recall, {_counted(evaluations[0], level)}")
    _legend(axes, "AP [95% interval]; dashed: chance", "lower left")
    return figure


def _draw_reliability(evaluations: Sequence[Evaluation], level: Level) -> Figure | None:
    from matplotlib.collections import PathCollection

    evaluations = [one for one in evaluations if _has_both(one.tables[level])]
    if not evaluations:
        return None
    figure, (axes,) = new_figure()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (2, 2)))
    for number, evaluation in enumerate(evaluations):
        table = evaluation.tables[level]
        bins = reliability(table.labels, table.scores[:, 0], balanced_weights(table.labels))
        filled = bins.weight > 0
        ece = evaluation.section(level).figures["ece_balanced"].value
        colour = _colour(number)
        axes.plot(bins.chance[filled], bins.frequency[filled], color=colour, linewidth=1.2, alpha=0.7)
        axes.scatter(
            bins.chance[filled],
            bins.frequency[filled],
            s=12 + 400 * bins.weight[filled],
            color=colour,
            alpha=0.75,
            edgecolor="white",
            label=f"{evaluation.model}  ECE {ece:.3f}",
        )
    axes.set(xlabel="score", ylabel="share of fakes, both classes weighing alike")
    _square(axes, f"Reliability, {_counted(evaluations[0], level)}")
    legend = _legend(axes, f"{ECE_BINS} bins; area: share of the data", "upper left")
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([36])
    return figure


def _draw_scores(evaluations: Sequence[Evaluation], level: Level) -> Figure:
    figure, all_axes = new_figure(len(evaluations), height=3.2)
    bins = np.linspace(0, 1, 26).tolist()
    for axes, evaluation in zip(all_axes, evaluations, strict=True):
        table, thresholds = evaluation.tables[level], evaluation.spec.thresholds
        axes.axvspan(max(thresholds.likely_real, 0), min(thresholds.likely_fake, 1), color="#f1f2f4", zorder=0)
        for name, colour, chosen in (
            ("real", REAL_COLOUR, ~table.labels),
            ("fake", FAKE_COLOUR, table.labels),
        ):
            if chosen.any():
                weights = np.full(int(chosen.sum()), 1 / chosen.sum())
                label = f"{name} ({chosen.sum()})"
                scores = table.scores[chosen, 0]
                axes.hist(scores, bins, weights=weights, color=colour, alpha=0.3)
                axes.hist(scores, bins, weights=weights, color=colour, histtype="step", linewidth=1.5, label=label)
        axes.set(xlabel="score", ylabel="share of the class", xlim=(0, 1), title=f"{evaluation.model}, {level} scores")
        _legend(axes, "grey: inconclusive", "best")
    return figure


def _draw_confusion(evaluations: Sequence[Evaluation], level: Level) -> Figure:
    from matplotlib.colors import LinearSegmentedColormap

    blues = LinearSegmentedColormap.from_list("share", ["#ffffff", REAL_COLOUR])
    figure, all_axes = new_figure(len(evaluations), width=3.6, height=3.4)
    for axes, evaluation in zip(all_axes, evaluations, strict=True):
        table = evaluation.section(level).confusion
        share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        axes.imshow(share, cmap=blues, vmin=0, vmax=1)
        for row in range(2):
            for column in range(2):
                text = f"{table[row, column]}\n{share[row, column]:.0%}"
                colour = "white" if share[row, column] > 0.55 else "#222222"
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=12)
        axes.set_xticks([0, 1], ["not called fake", "called fake"])
        axes.set_yticks([0, 1], ["real", "fake"], rotation=90, va="center")
        axes.grid(False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(f"{evaluation.model}, {level}s\nat score ≥ {evaluation.spec.thresholds.likely_fake:.4g}")
    return figure


def _draw_robustness(evaluations: Sequence[Evaluation], level: Level) -> Figure | None:
    names = _changes(evaluations, level)
    if not names:
        return None
    figure, all_axes = new_figure(2, width=5.4, height=3.6)
    places = np.arange(len(names) + 1)
    for axes, metric, title in zip(
        all_axes, ("auc", "fpr"), ("AUC after the change", "Reals called fake after the change"), strict=True
    ):
        for number, evaluation in enumerate(evaluations):
            found = [evaluation.section(level, f"robustness:{name}").figures[metric] for name in names]
            found = [evaluation.section(level).figures[metric], *found]
            value, low, high = (np.array([getattr(one, part) for one in found]) for part in ("value", "low", "high"))
            shift = places + (number - (len(evaluations) - 1) / 2) * 0.12
            # A percentile interval need not hold the value itself.
            around = np.array([np.maximum(value - low, 0), np.maximum(high - value, 0)])
            colour = _colour(number)
            axes.errorbar(
                shift, value, np.nan_to_num(around),
                fmt="o", markersize=5, capsize=2, elinewidth=1, color=colour, label=evaluation.model,
            )  # fmt: skip
            axes.axhline(value[0], color=colour, linewidth=0.8, linestyle=(0, (2, 2)))
        axes.set_xticks(places, ["none", *names], rotation=45, ha="right")
        axes.set(title=f"{title}, {level}s", ylim=(-0.02, 1.02))
        axes.grid(axis="x", visible=False)
    _legend(all_axes[0], "dashed: no change", "lower left")
    return figure


def _changes(evaluations: Sequence[Evaluation], level: Level) -> list[str]:
    """Give the changes that all evaluations tried, in order."""
    prefix = "robustness:"
    tried = [
        [s.subset.removeprefix(prefix) for s in one.sections if s.level == level and s.subset.startswith(prefix)]
        for one in evaluations
    ]
    return [name for name in tried[0] if all(name in names for names in tried)]


def _colour(number: int) -> str:
    return MODEL_COLOURS[number % len(MODEL_COLOURS)]


def _counted(evaluation: Evaluation, level: Level) -> str:
    section = evaluation.section(level)
    return f"{section.reals} real and {section.fakes} fake {level}s"


def _square(axes: Axes, title: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), title=title)
    axes.set_aspect("equal")


def _legend(axes: Axes, title: str, place: Literal["lower right", "lower left", "upper left", "best"]) -> Legend:
    legend = axes.legend(title=title, loc=place, title_fontsize=8, alignment="left")
    legend.get_title().set_color("#666666")
    return legend


_DRAWINGS: dict[str, Callable[[Sequence[Evaluation], Level], Figure | None]] = {
    "roc": _draw_roc,
    "precision_recall": _draw_precision_recall,
    "reliability": _draw_reliability,
    "scores": _draw_scores,
    "confusion": _draw_confusion,
    "robustness": _draw_robustness,
}
