"""Several models on the same data, side by side: how good, how large, how fast."""

from __future__ import annotations

import csv
import io
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from classifiers.atomic_file import write_whole
from classifiers.engines import Engine
from classifiers.evaluation.evaluation import Evaluation
from classifiers.evaluation.figure_style import GREY, MODEL_COLOURS, house_style, new_figure
from classifiers.evaluation.metrics import Interval, accuracy, bootstrap_interval
from classifiers.evaluation.scored import bootstrap_groups

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

CSV_COLUMNS = (
    "model", "architecture", "crop_size", "parameters", "megabytes", "crops_per_second", "engine",
    "auc", "auc_low", "auc_high", "accuracy", "accuracy_low", "accuracy_high", "log_loss", "reals", "fakes", "best",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contender:
    """One model in a comparison.

    Attributes:
        name: what it is called here.
        architecture: its network.
        crop_size: side of its input in pixels.
        parameters: number of its weights.
        megabytes: size of the file of weights that the engine reads, in 10^6 bytes.
        crops_per_second: measured here, with full batches, by the engine named.
        engine: what ran it.
        auc: area under the ROC curve.
        accuracy: share that is right if scores from 0.5 up count as fake.
        log_loss: of the calibrated scores.
        reals: number of real ones.
        fakes: number of fakes.
    """

    name: str
    architecture: str
    crop_size: int
    parameters: int
    megabytes: float
    crops_per_second: float
    engine: str
    auc: Interval
    accuracy: Interval
    log_loss: float
    reals: int
    fakes: int


def contender(
    evaluation: Evaluation, engine: Engine, parameters: int, crops: np.ndarray, draws: int = 1000
) -> Contender:
    """Sum one evaluated model up, and measure its speed.

    Args:
        evaluation: its figures; those of the weightiest level count.
        engine: runs it.
        parameters: number of its weights.
        crops: uint8 (n, size, size, 3), a full batch to measure with.
        draws: resamples for the interval of the accuracy.
    """
    spec, level = evaluation.spec, evaluation.main_level
    section, table = evaluation.section(level), evaluation.tables[level]
    _, groups = bootstrap_groups(table.samples)
    right = bootstrap_interval(_accuracy, table.labels, table.scores[:, 0], groups, draws=draws)
    weights = next(kind for kind, file in spec.files.items() if file.sha256 == engine.weights_sha256)
    return Contender(
        name=evaluation.model,
        architecture=spec.architecture,
        crop_size=spec.crop_size,
        parameters=parameters,
        megabytes=len(spec.read(weights)) / 1e6,
        crops_per_second=crops_per_second(engine, crops),
        engine=engine.name,
        auc=section.figures["auc"],
        accuracy=right,
        log_loss=section.figures["log_loss"].value,
        reals=section.reals,
        fakes=section.fakes,
    )


def crops_per_second(engine: Engine, crops: np.ndarray, seconds: float = 1.5) -> float:
    """Measure the speed of an engine as the median of at least three runs over the crops, after one to warm up."""
    engine.predict(crops)
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        began = time.perf_counter()
        engine.predict(crops)
        times.append(time.perf_counter() - began)
    return len(crops) / statistics.median(times)


def best_of(contenders: Sequence[Contender]) -> Contender:
    """Give the model of the largest area under the ROC curve; of two alike the faster one."""
    return max(contenders, key=lambda c: (c.auc.value, c.crops_per_second))


def to_csv(contenders: Sequence[Contender]) -> str:
    """Give one row for each model, with the columns `CSV_COLUMNS`."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for c in contenders:
        writer.writerow(
            (
                c.name, c.architecture, c.crop_size, c.parameters, f"{c.megabytes:.2f}", f"{c.crops_per_second:.1f}",
                c.engine, *(f"{v:.4f}" for v in (c.auc.value, c.auc.low, c.auc.high)),
                *(f"{v:.4f}" for v in (c.accuracy.value, c.accuracy.low, c.accuracy.high)), f"{c.log_loss:.4f}",
                c.reals, c.fakes, int(c is best_of(contenders)),
            )
        )  # fmt: skip
    return text.getvalue()


def to_table(contenders: Sequence[Contender]) -> str:
    """Give the comparison as a table for a terminal, the best model first and marked."""
    rows: list[tuple[str, ...]] = [
        ("model", "crop", "parameters", "MB", "crops/s", "log loss", "accuracy", "AUC [95% interval]")
    ]
    best = best_of(contenders)
    for c in sorted(contenders, key=lambda c: -c.auc.value):
        rows.append((f"{c.name} {'*' if c is best else ''}".strip(), *_cells(c)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(cells))
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def write_comparison(contenders: Sequence[Contender], about: str, folder: Path) -> list[Path]:
    """Write compare.csv, compare.png and compare.html.

    Args:
        contenders: the models.
        about: what was compared, on what, in a sentence.
        folder: where; made if it is not there.

    Returns:
        The files.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table, figure, page = (folder / f"compare.{ending}" for ending in ("csv", "png", "html"))
    write_whole(table, to_csv(contenders))
    write_figure(contenders, figure)
    write_page(contenders, figure, about, page)
    return [table, figure, page]


def write_figure(contenders: Sequence[Contender], file: Path) -> None:
    """Draw quality against speed, and the intervals of the areas under the ROC curve."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    ordered = sorted(contenders, key=lambda c: c.auc.value)
    best = best_of(contenders)
    with house_style():
        figure, (left, right) = new_figure(columns=2, width=5.2, height=0.34 * len(ordered) + 1.9)
        for place, c in enumerate(ordered):
            colour = MODEL_COLOURS[1] if c is best else MODEL_COLOURS[0]
            error = [[max(c.auc.value - c.auc.low, 0)], [max(c.auc.high - c.auc.value, 0)]]
            left.errorbar(c.auc.value, place, xerr=error, fmt="o", color=colour, capsize=3, markersize=5)
            right.scatter(c.crops_per_second, c.auc.value, color=colour, s=28, zorder=3)
        left.set_yticks(range(len(ordered)), [c.name for c in ordered])
        left.axvline(0.5, color=GREY, linestyle="--", linewidth=1)
        left.set_title("area under the ROC curve, 95% interval")
        left.grid(visible=False, axis="y")
        right.set_xscale("log")
        right.margins(0.18)
        right.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        right.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        right.xaxis.set_minor_locator(NullLocator())
        right.set_xlabel("crops a second")
        right.set_ylabel("area under the ROC curve")
        right.set_title("quality against speed")
        _label_points(figure, right, ordered)
        figure.savefig(file)


def write_page(contenders: Sequence[Contender], figure: Path, about: str, file: Path) -> None:
    """Write the comparison as one HTML page that opens without a network.

    Args:
        contenders: the models.
        figure: the PNG, which is put into the page.
        about: what was compared, on what, in a sentence.
        file: the page.
    """
    import base64

    import jinja2

    folder = Path(__file__).parent / "templates"
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), autoescape=True)
    page = environment.get_template("compare.html").render(
        rows=[(c.name, c is best_of(contenders), _cells(c)) for c in sorted(contenders, key=lambda c: -c.auc.value)],
        about=about,
        picture=base64.b64encode(figure.read_bytes()).decode("ascii"),
        reals=contenders[0].reals,
        fakes=contenders[0].fakes,
        engines=sorted({c.engine for c in contenders}),
    )
    write_whole(file, page)


def _cells(c: Contender) -> tuple[str, ...]:
    return (
        f"{c.crop_size}",
        f"{c.parameters:,}",
        f"{c.megabytes:.1f}",
        f"{c.crops_per_second:.0f}",
        f"{c.log_loss:.3f}",
        f"{c.accuracy.value:.1%}",
        str(c.auc),
    )


def _accuracy(labels: np.ndarray, scores: np.ndarray) -> float:
    return accuracy(labels, scores, 0.5)


def _label_points(figure: Figure, axes: Axes, contenders: Sequence[Contender]) -> None:
    """Write a name beside each point, on the side where it covers least of other points and names."""
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()
    frame = axes.get_window_extent()
    points = [(c.crops_per_second, c.auc.value) for c in contenders]
    taken = [Bbox.from_extents(*(place - 4), *(place + 4)) for place in axes.transData.transform(points)]
    for c, point in zip(contenders, points, strict=True):
        names = [
            axes.annotate(c.name, point, xytext=(x, y), textcoords="offset points", ha=side, fontsize=7.5)
            for x, y, side in ((0, 7, "center"), (0, -12, "center"), (7, -2.5, "left"), (-7, -2.5, "right"))
        ]
        boxes = [name.get_window_extent() for name in names]
        kept = int(np.argmin([_covered(box, taken) + box.width * box.height - _covered(box, [frame]) for box in boxes]))
        taken.append(boxes[kept])
        for place, name in enumerate(names):
            if place != kept:
                name.remove()


def _covered(box: Bbox, others: Sequence[Bbox]) -> float:
    """Sum the areas that a box shares with others."""
    shared = (box.intersection(box, other) for other in others)
    return sum(each.width * each.height for each in shared if each is not None)
