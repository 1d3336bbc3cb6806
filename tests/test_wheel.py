"""The wheel holds all that a scan needs, is small enough for the public index, and bears a user's own modules."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.cli import main

REPOSITORY = Path(__file__).parents[1]
SAMPLES = REPOSITORY / "sample_videos"
LARGEST = 80_000_000

pytestmark = pytest.mark.slow


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A working folder with modules of a user that are called as our packages are."""
    for name in ("pipeline", "classifiers"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('this is the {name} of the user')\n")
    return tmp_path


def _run(folder: Path, *command: object, path: str | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = path
    done = subprocess.run([*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_wheel_is_small_enough_for_the_public_index(wheel):
    assert 1_000_000 < wheel.stat().st_size <= LARGEST


def test_samples_get_the_verdicts_of_the_working_tree(scripts, hostile, tmp_path):
    """Also in worker processes, which import everything anew, with the user's modules first on the path."""
    scan = ["scan", SAMPLES, "--format", "csv", "--workers", "2", "-o"]
    _run(hostile, scripts / "facewitness", *scan, tmp_path / "installed", path=str(hostile))
    assert main([*map(str, scan), str(tmp_path / "here")]) == 0
    found = _rows(tmp_path / "installed")
    assert found == _rows(tmp_path / "here")
    assert {row["status"] for row in found} == {"ok", "no_face"}


@pytest.mark.parametrize("path", [None, "", ".", os.pathsep])
def test_modules_of_the_user_are_not_taken_for_ours(scripts, hostile, path):
    for command in ([scripts / "facewitness"], [scripts / "python", "-m", "facewitness"]):
        assert _run(hostile, *command, "--version", path=path).startswith("facewitness ")
    # They are there to be found.
    taken = subprocess.run([scripts / "python", "-c", "import pipeline"], cwd=hostile, capture_output=True, text=True)
    assert "the pipeline of the user" in taken.stderr


def test_modules_beside_the_command_are_not_taken_for_ours(scripts, hostile):
    module = scripts / "pipeline.py"
    shutil.copy(hostile / "pipeline.py", module)
    try:
        assert _run(hostile, scripts / "facewitness", "--version").startswith("facewitness ")
    finally:
        module.unlink()
