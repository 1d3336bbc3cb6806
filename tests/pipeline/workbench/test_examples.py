"""The examples in the docstrings of the workbench run, on data sets in miniature."""

from __future__ import annotations

import doctest
import shutil
from pathlib import Path

import pytest

from pipeline import workbench
from tests.tiny_shards import write_shards

pytest.importorskip("av", reason="training needs the extra 'train'")

SAMPLES = Path(__file__).parents[3] / "sample_videos"
SLOW = {"train", "compare", "benchmark_models", "report_run"}
FUNCTIONS = ("benchmark_models", "calibrate", "compare", "cut_faces", "evaluate", "explore", "report_run", "train")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in FUNCTIONS]
)
def test_example_runs(name, tmp_path, monkeypatch):
    for label, video in (("real", "real.mp4"), ("fake", "manipulated.mp4")):
        (tmp_path / "videos" / label).mkdir(parents=True)
        shutil.copy(SAMPLES / video, tmp_path / "videos" / label)
    (tmp_path / "faces").mkdir()
    write_shards(tmp_path / "faces")
    monkeypatch.chdir(tmp_path)
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(workbench, name), name, globs={})
    assert example.examples
    failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example)
    assert not failed


def test_every_function_has_an_example():
    functions = [name for name in workbench.__all__ if name[0].islower()]
    assert tuple(sorted(functions)) == FUNCTIONS
