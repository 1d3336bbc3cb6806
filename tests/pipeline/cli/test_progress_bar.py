"""Bars of a command, also where standard error is no terminal and nothing is drawn."""

from __future__ import annotations

import pytest

from pipeline.cli.progress_bar import TrainingBar, bar
from pipeline.workbench.training import TrainingStep


@pytest.mark.parametrize("is_terminal", [True, False])
def test_every_run_of_a_comparison_gets_a_bar(monkeypatch, capsys, is_terminal):
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal, raising=False)
    with TrainingBar() as training_bar:
        for architecture in ("cnn", "xception"):
            for step in range(1, 4):
                training_bar(TrainingStep(architecture, step, 3, {"loss": 0.5}))
    shown = capsys.readouterr().err
    assert ("cnn" in shown and "xception" in shown) == is_terminal


def test_a_bar_gives_what_it_is_given():
    assert list(bar(iter([3, 1, 2]), 3, "counting", "number")) == [3, 1, 2]
