"""What a training run leaves for people."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib", reason="curves need the extra 'train'")
pytest.importorskip("tensorboard", reason="logs need the extra 'train'")

from classifiers.training.journal import best_epoch, read_journal, write_journal

EPOCHS = [
    {"epoch": 0, "loss": 0.7, "auc": 0.6, "selection": 0.6, "seconds": 2.5, "waiting": 0.1},
    {"epoch": 1, "loss": 0.6, "auc": 0.8, "selection": 0.8, "seconds": 2.0, "waiting": 0.0},
    {"epoch": 2, "loss": 0.5, "selection": 0.8, "seconds": 2.0, "waiting": 0.0, "swap": 0.5},
]


def test_figures_of_every_epoch_come_back(tmp_path):
    write_journal(EPOCHS[:2], tmp_path)
    (tmp_path / "epochs.csv").write_text("what was there before")
    write_journal(EPOCHS[:2], tmp_path)
    assert read_journal(tmp_path) == EPOCHS[:2]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "logs").glob("events.*"))) == 1
    assert {file.name for file in tmp_path.iterdir()} == {"epochs.csv", "curves.png", "logs"}


def test_the_first_of_the_best_epochs_is_the_one_that_is_kept():
    assert best_epoch(EPOCHS)["epoch"] == 1


def test_run_without_a_journal(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_journal(tmp_path)
