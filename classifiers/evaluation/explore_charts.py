"""Pictures of what a data set holds."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from classifiers.datasets import PictureReader
from classifiers.evaluation.explore import Exploration
from classifiers.evaluation.figure_style import FAKE_COLOUR, GREY, REAL_COLOUR, house_style, new_figure
from classifiers.evaluation.picture_facts import CHANNELS, HISTOGRAM_BINS, Facts
from classifiers.evaluation.shortcuts import PROPERTIES, SHORTCUT_AUC, Property

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _WARN, _HARMLESS, _EDGE, _GRID = "#1f2328", "#8250c4", "#a9b1bb", GREY, "#e4e6ea"
_STYLE = {
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.edgecolor": _EDGE,
    "grid.color": _GRID,
    "axes.titlepad": 10,
    # The same input gives the same bytes.
    "svg.hashsalt": "facewitness",
}

_THEMED = {
    REAL_COLOUR: "var(--real)",
    FAKE_COLOUR: "var(--fake)",
    _INK: "currentColor",
    _WARN: "var(--warn)",
    _HARMLESS: "var(--harmless)",
    _EDGE: "var(--edge)",
    _GRID: "var(--grid)",
}
"""Colours of a drawing that a page sets anew for a light or dark screen."""

_TILE_PX, _GAP_PX, _COLUMNS, _ROWS = 112, 4, 8, 3
_WIDTH_INCHES = 9.3
_BARS = 28
_FEWEST_BARS = 9
_SKEWED = 8.0


def draw_charts(exploration: Exploration) -> dict[str, Figure]:
    """Draw what there are numbers for: name to figure."""
    with house_style(_STYLE):
        charts = {
            "balance": _balance(exploration),
            "shortcuts": _shortcuts(exploration),
            "sizes": _distributions(exploration, ("width", "height")),
            "compression": _distributions(exploration, ("bits_per_pixel", "jpeg_quality", "bytes")),
            "light": _distributions(exploration, ("brightness", "saturation", "sharpness")),
            "channels": _channels(exploration),
            "faces": _distributions(exploration, ("eye_distance",)),
        }
    return {name: figure for name, figure in charts.items() if figure is not None}


def as_png(figure: Figure) -> bytes:
    """Write a figure as PNG on white."""
    content = io.BytesIO()
    with house_style(_STYLE):
        figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def as_svg(figure: Figure) -> str:
    """Write a figure as an SVG element without a ground, whose colours are those of the page that holds it."""
    content = io.StringIO()
    with house_style(_STYLE):
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = content.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    # Several drawings on one page must not share the names of their parts, and the page may shrink them.
    svg = re.sub(r' height="[\d.]+pt"', "", svg, count=1)
    svg = re.sub(r' id="(?:figure|axes|patch|matplotlib|xtick|ytick|line2d|text|legend|LineCollection)[\w.]*"', "", svg)
    for colour, variable in _THEMED.items():
        svg = re.sub(colour, variable, svg, flags=re.IGNORECASE)
    return svg


def sample_grid(exploration: Exploration, reader: PictureReader, fake: bool) -> np.ndarray | None:
    """Put pictures of one class side by side, whole, spread over the measured ones.

    Returns:
        RGBA uint8, transparent beside the pictures; None if there is no picture.
    """
    found = [facts for facts in exploration.of_class(fake) if facts.pixels]
    if not found:
        return None
    # In order of what they were made by or from, so that each kind has its share.
    found.sort(key=lambda facts: (facts.sample.family, facts.sample.source, facts.sample.name))
    chosen = [found[i] for i in np.unique(np.linspace(0, len(found) - 1, _COLUMNS * _ROWS).round().astype(int))]
    rows = math.ceil(len(chosen) / _COLUMNS)
    step = _TILE_PX + _GAP_PX
    grid = np.zeros((rows * step - _GAP_PX, _COLUMNS * step - _GAP_PX, 4), np.uint8)
    for place, facts in enumerate(chosen):
        row, column = divmod(place, _COLUMNS)
        tile = _tile(facts, reader)
        top = row * step + (_TILE_PX - tile.shape[0]) // 2
        left = column * step + (_TILE_PX - tile.shape[1]) // 2
        grid[top : top + tile.shape[0], left : left + tile.shape[1]] = np.dstack(
            [tile, np.full(tile.shape[:2], 255, np.uint8)]
        )
    return grid


def _tile(facts: Facts, reader: PictureReader) -> np.ndarray:
    image = reader.read(facts.sample)
    scale = _TILE_PX / max(image.shape[:2])
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _panels(count: int, height: float) -> tuple[Figure, list[Axes]]:
    return new_figure(count, _WIDTH_INCHES / count, height)


def _balance(exploration: Exploration) -> Figure:
    from matplotlib.ticker import MaxNLocator

    counts = exploration.balance()
    figure, (axes,) = _panels(1, 0.9 + 0.55 * len(counts))
    most = max(max(count.real, count.fake) for count in counts)
    for place, count in enumerate(counts):
        for shift, number, colour, name in (
            (-0.19, count.real, REAL_COLOUR, "real"),
            (0.19, count.fake, FAKE_COLOUR, "fake"),
        ):
            axes.barh(place + shift, number, 0.34, color=colour, label=name if place == 0 else None)
            axes.text(number + most * 0.008, place + shift, f"{number:,}", va="center")
    axes.set_yticks(range(len(counts)), [count.split or "no split" for count in counts])
    axes.set(xlim=(0, most * 1.1), ylim=(len(counts) - 0.5, -0.5), xlabel="samples")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    _shared_legend(figure, [axes])
    return figure


def _shortcuts(exploration: Exploration) -> Figure | None:
    found = exploration.shortcuts
    if not found:
        return None
    figure, (axes,) = _panels(1, 0.9 + 0.31 * len(found))
    for place, shortcut in enumerate(found):
        axes.barh(place, shortcut.auc - 0.5, 0.62, left=0.5, color=_WARN if shortcut.warn else _HARMLESS)
        if shortcut.low is not None and shortcut.high is not None:
            axes.plot([max(shortcut.low, 0.5), shortcut.high], [place, place], color=_INK, linewidth=1.2)
        axes.text(1.02, place, f"{shortcut.auc:.2f}", va="center", weight="bold" if shortcut.warn else "normal")
        axes.text(1.06, place, f"{shortcut.higher} is higher" if shortcut.higher else "no difference", va="center")
    axes.axvline(SHORTCUT_AUC, color=_INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.text(SHORTCUT_AUC, -0.75, f"warning from {SHORTCUT_AUC}", ha="center", va="bottom", fontsize=8)
    axes.set_yticks(range(len(found)), [shortcut.title for shortcut in found])
    axes.set(xlim=(0.5, 1.17), ylim=(len(found) - 0.4, -0.7))
    axes.set_xticks([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    axes.set_xlabel("area under the ROC curve (0.5: tells nothing, 1: tells all), with 95% interval")
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    return figure


def _distributions(exploration: Exploration, keys: Sequence[str]) -> Figure | None:
    """Draw the histograms of some properties side by side, those that no sample has left out."""
    wanted = {p.key: p for p in PROPERTIES}
    shown = [wanted[key] for key in keys if any(len(exploration.values(wanted[key], fake)) for fake in (False, True))]
    if not shown:
        return None
    figure, panels = _panels(len(shown), 2.5)
    for number, (axes, one) in enumerate(zip(panels, shown, strict=True)):
        _distribution(axes, one, exploration.values(one, False), exploration.values(one, True))
        if number == 0:
            axes.set_ylabel("share of the class")
    _shared_legend(figure, panels)
    return figure


def _distribution(axes: Axes, shown: Property, reals: np.ndarray, fakes: np.ndarray) -> None:
    from matplotlib.ticker import MaxNLocator

    values = np.concatenate([reals, fakes])
    skewed = values.min() > 0 and values.max() / np.median(values) > _SKEWED
    edges = _edges(values, skewed)
    for part, colour, name in ((reals, REAL_COLOUR, "real"), (fakes, FAKE_COLOUR, "fake")):
        if len(part):
            shares = np.histogram(part, edges)[0] / len(part)
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.28)
            axes.stairs(shares, edges, color=colour, linewidth=1.6, label=name)
    if skewed:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=_whole(values)))
    axes.set(title=shown.title, xlabel=_axis_label(shown.unit, skewed), ylim=(0, None))
    _percent(axes)


def _edges(values: np.ndarray, skewed: bool) -> np.ndarray:
    """Give the borders of the bars: equal in width, or in ratio; whole numbers stand in the middle of one."""
    low, high = float(values.min()), float(values.max())
    if skewed:
        return np.geomspace(low, high, _BARS + 1)
    if _whole(values):
        step = math.ceil((high - low + 1) / _BARS)
        bars = max(math.ceil((high - low + 1) / step), _FEWEST_BARS)
        start = low - 0.5 - (bars - math.ceil((high - low + 1) / step)) // 2 * step
        return start + step * np.arange(bars + 1)
    return np.linspace(low, high, _BARS + 1) if high > low else np.linspace(low - 0.5, high + 0.5, _FEWEST_BARS + 1)


def _whole(values: np.ndarray) -> bool:
    return bool((values == np.round(values)).all())


def _axis_label(unit: str, skewed: bool) -> str:
    words = {"%": "percent"}.get(unit, unit)
    return ", ".join(part for part in (words, "logarithmic" if skewed else "") if part) or "variance"


def _channels(exploration: Exploration) -> Figure | None:
    histograms = {name: exploration.histogram(fake) for name, fake in (("real", False), ("fake", True))}
    if all(histogram is None for histogram in histograms.values()):
        return None
    figure, panels = _panels(3, 2.5)
    edges = np.linspace(0, 256, HISTOGRAM_BINS + 1)
    for channel, axes in enumerate(panels):
        for (name, histogram), colour in zip(histograms.items(), (REAL_COLOUR, FAKE_COLOUR), strict=True):
            if histogram is not None:
                axes.stairs(histogram[channel], edges, fill=True, color=colour, alpha=0.28)
                axes.stairs(histogram[channel], edges, color=colour, linewidth=1.6, label=name)
        axes.set(title=CHANNELS[channel].capitalize(), xlabel="value, 0 to 255", xlim=(0, 256), ylim=(0, None))
        axes.set_xticks([0, 64, 128, 192, 255])
        _percent(axes)
    panels[0].set_ylabel("share of the pixels")
    _shared_legend(figure, panels)
    return figure


def _percent(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g}%"))
    axes.grid(axis="x", visible=False)


def _shared_legend(figure: Figure, panels: Sequence[Axes]) -> None:
    parts = {label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(parts.values(), parts.keys(), loc="outside upper left", ncols=len(parts))
