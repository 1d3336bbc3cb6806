"""What a training run leaves for people: figures of each round as CSV, for TensorBoard, and as a picture."""

from __future__ import annotations

import csv
import itertools
import time
from collections.abc import Sequence
from pathlib import Path

_UNPLOTTED = {"round", "seconds", "waiting", "selection"}

Round = dict[str, float]
"""Figures of one round by name; "round" is its number."""


def write_journal(rounds: Sequence[Round], folder: Path) -> None:
    """Write `rounds.csv`, `curves.png` and TensorBoard's `logs/` anew, all of the same rounds.

    Args:
        rounds: figures of all rounds so far.
        folder: of the run.
    """
    names = list(dict.fromkeys(name for figures in rounds for name in figures))
    with (folder / "rounds.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rounds)
    _write_events(rounds, folder / "logs")
    _draw_curves(rounds, folder / "curves.png")


def _write_events(rounds: Sequence[Round], folder: Path) -> None:
    # TensorBoard's own writer, since the callback of Keras needs TensorFlow.
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for old in folder.glob("events.*"):
        old.unlink()
    writer = EventFileWriter(str(folder))
    for figures in rounds:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in figures.items() if tag != "round"]
        writer.add_event(Event(wall_time=time.time(), step=int(figures["round"]), summary=Summary(value=values)))
    writer.close()


def _draw_curves(rounds: Sequence[Round], file: Path) -> None:
    from classifiers.evaluation.plots import MODEL_COLOURS, house_style, new_figure

    losses = [name for name in ("loss", "held_out_loss") if name in rounds[0]]
    merits = [name for name in rounds[0] if not name.endswith("loss") and name not in _UNPLOTTED]
    numbers = [int(figures["round"]) + 1 for figures in rounds]
    best = max(rounds, key=lambda figures: figures["selection"])
    with house_style():
        figure, (left, right) = new_figure(columns=2, height=3.4)
        for axes, names, title in ((left, losses, "loss"), (right, merits, "held-out figures")):
            for name, colour in zip(names, itertools.cycle(MODEL_COLOURS), strict=False):
                values, label = [figures[name] for figures in rounds], name.replace("_", " ")
                axes.plot(numbers, values, color=colour, marker="o", markersize=3, label=label)
            axes.set_title(title)
            axes.set_xlabel("round")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.legend()
        right.axvline(int(best["round"]) + 1, color="#8a8f98", linestyle="--", linewidth=1)
        figure.savefig(file)
