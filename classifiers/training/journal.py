"""What a training run leaves for people: figures of each epoch as CSV, for TensorBoard, and as a picture."""

from __future__ import annotations

import csv
import io
import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.atomic_file import replacing, write_whole
from classifiers.evaluation.figure_style import GREY, MODEL_COLOURS, house_style, new_figure
from classifiers.training.config import SETTINGS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

JOURNAL = "epochs.csv"
"""Its name in the folder of a run."""

_UNPLOTTED = {"epoch", "seconds", "waiting", "selection"}

EpochFigures = dict[str, float]
"""Figures of one epoch by name; "epoch" is its number, from 0 up."""


def write_journal(epochs: Sequence[EpochFigures], folder: Path) -> None:
    """Write `epochs.csv`, `curves.png` and TensorBoard's `logs/` anew, all of the same epochs.

    Args:
        epochs: figures of all epochs so far.
        folder: of the run.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for figures in epochs for name in figures)))
    writer.writeheader()
    writer.writerows(epochs)
    write_whole(folder / JOURNAL, text.getvalue())
    _write_events(epochs, folder / "logs")
    with house_style(), replacing(folder / "curves.png") as part:
        draw_curves(epochs).savefig(part)


def read_journal(folder: Path) -> list[EpochFigures]:
    """Read the figures of all epochs of a run, as `write_journal` left them.

    Args:
        folder: of the run, of which at least one epoch is over.

    Raises:
        OSError: there is no journal.
    """
    with (folder / JOURNAL).open(encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def is_run(folder: Path) -> bool:
    """Tell the folder of a training run, of which at least one epoch is over, from others."""
    return (folder / SETTINGS).is_file() and (folder / JOURNAL).is_file()


def best_epoch(epochs: Sequence[EpochFigures]) -> EpochFigures:
    """Give the figures of the epoch whose weights are kept: the first with the highest "selection"."""
    return max(epochs, key=lambda figures: figures["selection"])


def draw_curves(epochs: Sequence[EpochFigures]) -> Figure:
    """Draw the losses and the held-out figures of all epochs, and mark the one that is kept."""
    from matplotlib.ticker import MaxNLocator

    losses = [name for name in ("loss", "held_out_loss") if name in epochs[0]]
    merits = [name for name in epochs[0] if not name.endswith("loss") and name not in _UNPLOTTED]
    numbers = [int(figures["epoch"]) + 1 for figures in epochs]
    best = best_epoch(epochs)
    with house_style():
        figure, (left, right) = new_figure(columns=2, height=3.4)
        for axes, names, title in ((left, losses, "loss"), (right, merits, "held-out figures")):
            for name, colour in zip(names, itertools.cycle(MODEL_COLOURS), strict=False):
                values, label = [figures[name] for figures in epochs], name.replace("_", " ")
                axes.plot(numbers, values, color=colour, marker="o", markersize=3, label=label)
            axes.set_title(title)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
            axes.legend()
        right.axvline(int(best["epoch"]) + 1, color=GREY, linestyle="--", linewidth=1)
    return figure


def _write_events(epochs: Sequence[EpochFigures], folder: Path) -> None:
    # TensorBoard's own writer, since the callback of Keras needs TensorFlow.
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for old in folder.glob("events.*"):
        old.unlink()
    writer = EventFileWriter(str(folder))
    for figures in epochs:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in figures.items() if tag != "epoch"]
        writer.add_event(Event(wall_time=time.time(), step=int(figures["epoch"]), summary=Summary(value=values)))
    writer.close()
