"""The page of a training run, from what a run leaves in its folder."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifiers.datasets import Sample, open_dataset
from classifiers.errors import DataError, OutputError
from classifiers.evaluation.predictions import Predictions
from classifiers.model_spec import OPENVINO_FILES, find_model, write_manifest
from classifiers.training.config import TrainingConfig
from classifiers.training.held_out import read_held_out, write_held_out
from classifiers.training.journal import write_journal
from pipeline.cli import main
from pipeline.workbench import report_run
from tests.tiny_shards import write_shards

pytest.importorskip("tensorboard", reason="training needs the extra 'train'")

CALLED_FAKE, CALLED_REAL = (9.0, 9.0), (-9.0, -9.0)


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> list[Sample]:
    return open_dataset(write_shards(tmp_path_factory.mktemp("shards")))


@pytest.fixture
def run(tmp_path, samples) -> Path:
    """A run of two epochs whose network takes every real face for a fake one but the first."""
    folder = tmp_path / "run"
    folder.mkdir()
    model = find_model("mobilenet_v2")
    files = {kind: model.files[kind] for kind in OPENVINO_FILES}
    for file in files.values():
        shutil.copy(model.folder / file.file, folder)
    write_manifest(folder / "manifest.json", [replace(model, folder=folder, files=files)])
    (folder / "settings.yaml").write_text(TrainingConfig().to_yaml())
    figures = {"loss": 0.5, "held_out_loss": 0.6, "auc": 0.7, "selection": 0.7}
    write_journal([{"epoch": epoch, **figures} for epoch in range(2)], folder)
    first = next(sample for sample in samples if not sample.fake)
    logits = [CALLED_REAL if sample is first else CALLED_FAKE for sample in samples]
    write_held_out(Predictions(samples, np.float32(logits)), folder)
    return folder


def test_page_shows_what_is_right_and_wrong(run, samples, capsys):
    assert main(["report", str(run)]) == 0
    assert str(run / "report.html") in capsys.readouterr().out
    page = (run / "report.html").read_text(encoding="utf-8")
    reals = sum(not sample.fake for sample in samples)
    headings = dict(re.findall(r"<h3>([\w ]+): (\d+)", page))
    assert headings == {
        "Forgeries taken for real": "0",
        "Real faces taken for forged": str(reals - 1),
        "Forgeries found": str(len(samples) - reals),
        "Real faces let be": "1",
    }
    # Of the two rows of eight pictures at most four have a heat map, and one row has a single picture.
    faces = 8 + min(8, len(samples) - reals) + 1
    assert page.count('alt="Face of') == faces and page.count("Where the network looked") == 4 + 4 + 1
    assert page.count("data:image/png") == 4 and "http:" not in page and "https:" not in page


def test_pictures_that_are_gone_are_counted(run, samples, tmp_path):
    moved = [replace(sample, path=tmp_path / "gone.zip") for sample in samples]
    write_held_out(Predictions(moved, np.float32([CALLED_FAKE] * len(moved))), run)
    page = report_run(run, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "16 of the pictures to show are not where the training read them" in page
    assert 'alt="Face of' not in page


def test_answers_are_read_as_they_were_written(tmp_path, samples):
    odd = replace(samples[-1], path=Path("/no\udcff text/\u2603.jpg"), member="")
    write_held_out(Predictions([odd], np.float32([[0.5, -1.25]])), tmp_path)
    found = read_held_out(tmp_path)
    assert found.logits.tolist() == [[0.5, -1.25]]
    (sample,) = found.samples
    assert (sample.path, sample.fake, sample.family, sample.clip) == (odd.path, odd.fake, odd.family, odd.clip)
    np.testing.assert_array_equal(sample.known_landmarks, odd.known_landmarks)


def test_run_without_answers_is_told(run, capsys):
    (run / "validation.json").unlink()
    assert main(["report", str(run)]) == 2
    assert "the run is not finished" in capsys.readouterr().err
    (run / "validation.json").write_text("[{}]")
    with pytest.raises(DataError, match=r"validation\.json is damaged"):
        report_run(run)


def test_page_that_cannot_be_written_is_told(run, tmp_path):
    with pytest.raises(OutputError, match="cannot write the page"):
        report_run(run, tmp_path / "nowhere" / "page.html")
