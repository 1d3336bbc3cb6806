"""The picture of the page on scale: time and money against the number of cores, and what ends the gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter, NullLocator

from classifiers.evaluation.figure_style import FAKE_COLOUR, GREY, REAL_COLOUR, house_style, new_figure
from scaling.clips import Clips
from scaling.estimate import AS_BUILT, LEDGER_ONLY, Estimate, Plan, estimate
from scaling.fleet import Driver, Fleet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HOURS = {1 / 6: "10 min", 1: "1 h", 24: "1 day", 7 * 24: "1 week", 30 * 24: "30 days"}
_INK = "#444444"
_MILLION, _BILLION = 10**6, 10**9
_THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}")
_ONE_FOLDER = tuple(16 * 2**step for step in range(12))
_MANY_FOLDERS = tuple(1000 * 2**step for step in range(8))


@dataclass(frozen=True, slots=True)
class _Curve:
    """Plans that differ in their cores, and how they are drawn.

    Attributes:
        name: written beside it.
        place: of the name: cores and hours, at its left end.
        limit_above: whether it is written above the end of the curve, and not below, what is used up there.
    """

    name: str
    place: tuple[float, float]
    files: int
    cores: Sequence[int]
    driver: Driver
    colour: str
    line: str = "-"
    folders: int = 1
    limit_above: bool = False


_CURVES = (
    _Curve("1 million, one driver", (16, 3.6), _MILLION, _ONE_FOLDER, AS_BUILT, REAL_COLOUR, limit_above=True),
    _Curve(
        "1 million, one driver that\nkeeps only the ledger",
        (16, 0.62),
        10**6,
        _ONE_FOLDER,
        LEDGER_ONLY,
        REAL_COLOUR,
        "--",
    ),
    _Curve("1 billion, 1000 drivers", (5200, 400), _BILLION, _MANY_FOLDERS, AS_BUILT, FAKE_COLOUR, folders=1000),
)


def draw(clips: Clips, fleet: Fleet, usd: float, seed: int, file: Path) -> None:
    """Simulate the curves and draw them, legible at a width of 800 pixels.

    Args:
        clips: what is scanned.
        fleet: what scans them, but for cores and driver.
        usd: price of a core for an hour.
        seed: of the simulation.
        file: PNG or SVG, overwritten.
    """
    with house_style({"savefig.dpi": 200}):
        figure, (times, money) = new_figure(columns=2, height=4.0)
        for curve in _CURVES:
            estimates = _simulated(curve, clips, fleet, seed)
            times.plot(curve.cores, [each.wall_s / 3600 for each in estimates], curve.line, color=curve.colour)
            _write_beside(times, curve, estimates[-1])
            money.plot(curve.cores, [each.core_hours * usd for each in estimates], curve.line, color=curve.colour)
        _draw_floor(times, fleet)
        _set_axes(times, "Time")
        times.set_yticks(list(_HOURS), list(_HOURS.values()))
        _set_axes(money, f"US dollars, at {usd:g} for a core and hour")
        money.yaxis.set_major_formatter(_THOUSANDS)
        figure.savefig(file)


def _write_beside(axes: Axes, curve: _Curve, last: Estimate) -> None:
    """Say beside a curve what it is and, at its end, what is used up."""
    fleet = last.plan.fleet
    limits = {
        "driver": f"driver full: {fleet.files_a_task / fleet.driver.task_s(fleet.files_a_task):.0f} results a second",
        "store": f"store full: {fleet.store_bytes_per_s * 8e-9:g} Gbit/s",
        "last files": "waits for the last files",
        "cores": "every core is busy",
    }
    hours = last.wall_s / 3600
    up, side = (1.25, "bottom") if curve.limit_above else (0.85, "top")
    axes.text(*curve.place, curve.name, color=curve.colour, fontsize=8, va="center")
    end = (_MANY_FOLDERS[-1], hours * up)
    axes.text(*end, limits[last.limit], color=curve.colour, fontsize=8, ha="right", va=side)


def _draw_floor(axes: Axes, fleet: Fleet) -> None:
    """Draw how long one driver would need for a billion results with any number of cores."""
    hours = _BILLION * AS_BUILT.task_s(fleet.files_a_task) / fleet.files_a_task / 3600
    axes.plot([_MANY_FOLDERS[0], _MANY_FOLDERS[-1]], [hours, hours], ":", color=GREY)
    axes.text(_MANY_FOLDERS[-1], hours * 1.1, "1 billion, one driver", color=GREY, fontsize=8, ha="right", va="bottom")
    axes.set_ylim(0.08, 4000)


def _simulated(curve: _Curve, clips: Clips, fleet: Fleet, seed: int) -> list[Estimate]:
    return [
        estimate(
            Plan(curve.name, curve.files, replace(fleet, cores=cores, driver=curve.driver), curve.folders), clips, seed
        )
        for cores in curve.cores
    ]


def _set_axes(axes: Axes, title: str) -> None:
    axes.set_title(title)
    axes.set_xlabel("cores", color=_INK)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(_THOUSANDS)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
