"""The picture of a benchmark: what costs how much less, and what the cost grows with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.results import Results, floor_cpu_s

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from benchmarks.subjects import Row

_INK, _PALE_INK, _RULE = "#1f2933", "#66717d", "#dfe4e8"
_LOOKS = {
    "usual": ("usual stack", "#aab3bc"),
    "scan": ("Facewitness", "#14689b"),
    "adaptive": ("Facewitness, adaptive", "#4db1dd"),
    "floor": ("floor: decode + classify", "#e3a32b"),
}
"""What is drawn, from top to bottom: what it is called, and its colour."""

_OURS = ("scan", "adaptive")

_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _RULE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _PALE_INK,
    "ytick.color": _PALE_INK,
    "xtick.bottom": False,
    "ytick.left": False,
}

_WIDTH_IN, _DPI = 8.0, 200
_BARS_IN, _CURVES_IN = 1.75, 2.35

_BARS = ("warm", "videos")
_CURVES = {"length": "length of the clip", "frames": "sampled frames", "size": "size of the picture", "faces": "faces"}


def draw(results: Results, file: Path) -> bool:
    """Draw what was measured, as far as it was, into a PNG that is legible at a width of 800 pixels.

    Args:
        results: what to draw: the scenarios "warm" and "videos" as bars, those that vary something as curves below.
        file: overwritten.

    Returns:
        Whether it was drawn; without bars, which name the colours, it is not.
    """
    bars = [scenario for scenario in _BARS if results.row(scenario, "scan")]
    curves = [scenario for scenario in _CURVES if results.row(scenario, "scan")]
    heights = [_BARS_IN] * len(bars) + [_CURVES_IN] * bool(curves)
    if not bars:
        return False
    with matplotlib.rc_context(_STYLE):
        figure = Figure((_WIDTH_IN, sum(heights)), dpi=_DPI, facecolor="white", layout="constrained")
        parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        for part, scenario in zip(parts, bars, strict=False):
            _draw_bars(part, results, scenario)
        if curves:
            _draw_curves(parts[-1], results, curves)
        figure.supxlabel(_note(results, bars), x=0.008, ha="left", fontsize=7.5, color=_PALE_INK)
        figure.savefig(file)
    return True


def _note(results: Results, bars: list[str]) -> str:
    """Say what was compared with what, and where."""
    lines = []
    usual = [row for scenario in bars if (row := results.row(scenario, "usual"))]
    if usual:
        lines.append(
            f"usual stack: OpenCV reads every frame, the mtcnn package and Keras take the same {usual[0].frames}, "
            "one by one, in f32"
        )
    precision = results.row(bars[0], "scan").costs[0].outcome["precision"]
    lines.append(
        f"floor: ffmpeg decodes every frame, the same classifier in full batches, both in {precision}; "
        f"medians of {results.repetitions}, {results.machine['processor']}, {results.machine['cores']} cores"
    )
    return "\n".join(lines)


def _draw_bars(part: SubFigure, results: Results, scenario: str) -> None:
    """CPU time and memory of one clip, side by side."""
    rows = [row for row in results.rows if row.scenario == scenario]
    cpu_s = {row.subject: row.cpu_s for row in rows}
    floor = floor_cpu_s(rows)
    if floor:
        cpu_s["floor"] = floor
    usual = cpu_s.get("usual")
    shown = [subject for subject in _LOOKS if subject in cpu_s]
    left, right = part.subplots(1, 2, width_ratios=(3, 1))

    told = [f"{_short(cpu_s[subject])} s" for subject in shown]
    if usual:
        less = {name: f"   {_short(usual / cpu_s[name])} times less" for name in _OURS if name in cpu_s}
        told = [text + less.get(subject, "") for subject, text in zip(shown, told, strict=True)]
    _draw_row_of_bars(left, shown, [cpu_s[subject] for subject in shown], told)
    left.set_yticks(range(len(shown)), [_LOOKS[subject][0] for subject in shown], color=_INK)
    left.set_title(f"CPU seconds for each of {rows[0].case}", loc="left", fontsize=10, fontweight="bold")

    gib = {row.subject: row.peak_mib / 1024 for row in rows}
    if floor:
        # To decode and to classify at the same time takes both.
        gib["floor"] = gib["decode"] + gib["classify"]
    _draw_row_of_bars(
        right,
        shown,
        [gib[subject] for subject in shown],
        [f"{gib[subject]:.1f} GiB" for subject in shown],
    )
    right.set_yticks([])
    right.set_title("peak memory", loc="left", fontsize=10, fontweight="bold")


def _draw_row_of_bars(axes: Axes, shown: list[str], lengths: list[float], told: list[str]) -> None:
    places = range(len(shown))
    axes.barh(places, lengths, height=0.68, color=[_LOOKS[subject][1] for subject in shown])
    for place, subject, length, text in zip(places, shown, lengths, told, strict=True):
        weight = "bold" if subject in _OURS else "normal"
        axes.annotate(text, (length, place), (5, 0), textcoords="offset points", va="center", fontweight=weight)
    axes.invert_yaxis()
    axes.set_xlim(0, max(lengths) * 1.25 or 1)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def _draw_curves(part: SubFigure, results: Results, scenarios: list[str]) -> None:
    """CPU time of one clip as one thing about it varies."""
    panels = part.subplots(1, len(scenarios), sharey=True, squeeze=False)[0]
    part.suptitle("CPU seconds for one clip as it varies", x=0.008, ha="left", fontsize=10, fontweight="bold")
    for axes, scenario in zip(panels, scenarios, strict=True):
        cases = [rows for (name, _), rows in results.cases() if name == scenario]
        for subject, (_, colour) in _LOOKS.items():
            values = [_cpu_s(rows, subject) for rows in cases]
            if None in values:
                continue
            axes.plot(range(len(cases)), values, "o-", color=colour, markersize=4, linewidth=1.8)
            if subject in ("usual", "scan"):
                for place, value in enumerate(values):
                    axes.annotate(
                        _short(value),
                        (place, value),
                        (0, 5),
                        textcoords="offset points",
                        ha="center",
                        fontsize=8,
                        color=colour if subject in _OURS else _PALE_INK,
                        path_effects=[withStroke(linewidth=2.5, foreground="white")],
                    )
        axes.set_xticks(range(len(cases)), [rows[0].case.split(" face")[0].split(" frames")[0] for rows in cases])
        axes.set_xlim(-0.4, len(cases) - 0.6)
        axes.set_yscale("log")
        axes.set_title(_CURVES[scenario], fontsize=9, color=_PALE_INK)
        axes.yaxis.set_major_locator(LogLocator())
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.grid(axis="y", color=_RULE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        axes.margins(y=0.15)


def _short(value: float) -> str:
    """Two digits, or as many as stand before the point."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.995 else f"{value:.2g}"


def _cpu_s(rows: list[Row], subject: str) -> float | None:
    if subject == "floor":
        return floor_cpu_s(rows)
    return next((row.cpu_s for row in rows if row.subject == subject), None)
