"""The look that all our figures share."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Blue and orange are told apart by all kinds of colour vision (Okabe and Ito).
REAL_COLOUR, FAKE_COLOUR = "#0072B2", "#D55E00"
MODEL_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D", "#666666", "#000000")
GREY = "#8a8f98"

_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e6ea",
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "figure.dpi": 140,
    "savefig.dpi": 140,
}
_WIDTH, _HEIGHT = 4.6, 4.2


@contextmanager
def house_style(changes: Mapping[str, object] | None = None) -> Iterator[None]:
    """Draw with the fonts, colours and lines that all our pictures share.

    Args:
        changes: settings of matplotlib that differ.
    """
    import matplotlib as mpl

    # Matplotlib types the keys as literals.
    style: Any = {**_STYLE, **(changes or {})}
    with mpl.rc_context(style):
        yield


def new_figure(columns: int = 1, width: float = _WIDTH, height: float = _HEIGHT) -> tuple[Figure, list[Axes]]:
    """Make a figure with axes side by side; it is drawn without a window system and needs no closing."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, [figure.add_subplot(1, columns, number + 1) for number in range(columns)]
